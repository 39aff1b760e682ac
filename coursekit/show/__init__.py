"""Pictures for people: plots with alt text, listings of the package's own source, figures for the browser.

Only this package imports matplotlib, and only when something is plotted.
"""

from .bars import stacked_bars as stacked_bars
from .browser import BrowserFigure as BrowserFigure
from .convolution_explorer import ConvolutionExplorer as ConvolutionExplorer
from .gate_explorer import GateExplorer as GateExplorer
from .grids import gates as gates
from .grids import heatmap as heatmap
from .grids import images as images
from .grouped import grouped_bars as grouped_bars
from .inception_explorer import InceptionExplorer as InceptionExplorer
from .lines import curves as curves
from .listing import Listing as Listing
from .listing import source as source
from .loss_explorer import LossExplorer as LossExplorer
from .masks import masks as masks
from .picture import Picture as Picture
