"""One look for every plot: few colours, told apart without colour too, on a light card for any page."""

# Hues that colour-blind readers tell apart, darkened from Okabe & Ito (2008) until each has the contrast of
# readable text on the card. A curve also has its own marker and its own name.
COLOURS = ("#0072b2", "#c24a14", "#007a5e", "#9a3f86", "#8a6700", "#2c2c2c")
MARKERS = ("o", "s", "^", "D", "v", "X")
INK, MUTED, CARD = "#1c2430", "#566170", "#ffffff"
DIVERGING = "RdBu"  # red below zero, white at zero, blue above

DPI = 100  # a hundredth of a figure's inch is a CSS pixel
WIDTH = 5.6  # inches: it fits the text column, and its letters can still be read on a phone

RC: dict[str, object] = {
    "figure.facecolor": CARD,
    "savefig.facecolor": CARD,
    "axes.facecolor": CARD,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": "medium",
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": "#e3e6ea",
    "font.family": "DejaVu Sans",  # comes with matplotlib, so pictures are the same on every machine
    "font.size": 10.5,
    "lines.linewidth": 2.0,
    "lines.markersize": 6.0,
    "svg.hashsalt": "coursekit",
}
