"""Pictures for people: plots with alt text, listings of the package's own source, figures for the browser.

Only this package imports matplotlib, and only when something is plotted.
"""

from .bars import stacked_bars as stacked_bars
from .browser import BrowserFigure as BrowserFigure
from .cells_explorer import CellsExplorer as CellsExplorer
from .convolution_explorer import ConvolutionExplorer as ConvolutionExplorer
from .gate_explorer import GateExplorer as GateExplorer
from .gradient_explorer import GradientExplorer as GradientExplorer
from .grids import gates as gates
from .grids import heatmap as heatmap
from .grids import images as images
from .grouped import grouped_bars as grouped_bars
from .gru_explorer import GRUExplorer as GRUExplorer
from .inception_explorer import InceptionExplorer as InceptionExplorer
from .lines import curves as curves
from .listing import Listing as Listing
from .listing import source as source
from .loss_explorer import LossExplorer as LossExplorer
from .masks import masks as masks
from .merge_explorer import MergeExplorer as MergeExplorer
from .parallel import parallel as parallel
from .picture import Picture as Picture
from .routes import routes as routes
from .unroll_explorer import UnrollExplorer as UnrollExplorer
