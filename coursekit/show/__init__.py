"""Pictures for people: plots with alt text, listings of the package's own source, figures for the browser.

Only this package imports matplotlib, and only when something is plotted.
"""

from .browser import BrowserFigure as BrowserFigure
from .explorer import GateExplorer as GateExplorer
from .grids import gates as gates
from .grids import heatmap as heatmap
from .grids import images as images
from .lines import curves as curves
from .listing import Listing as Listing
from .listing import source as source
from .picture import Picture as Picture
