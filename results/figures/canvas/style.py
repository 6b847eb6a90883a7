"""The style of all figures: sizes of a paper, type, markers, and how bars and boxes are filled."""

from typing import Any

import seaborn as sns
from matplotlib.colors import to_rgb

Color = tuple[float, float, float]

COLUMN, PAGE = 3.3, 6.0
"""Widths of a paper's column and page in inches."""
PAGE_HEIGHT = 8.5
"""What a figure of many tasks should not exceed, in inches."""
SMALL, LEGEND_SIZE, STATEMENT_SIZE, TITLE_SIZE = 6.5, 7.5, 8.5, 9.0
"""Sizes of type in points: the smallest, of notes and values; of legends; of statements; of titles."""
OUTLINE = {"edgecolor": "white", "linewidth": 0.4}
UNTRAINED_HATCH, PUBLISHED_HATCH = "/////", "....."
MARKERS = "osD^vP*X"
UNTRAINED_LINE = (0, (3.5, 1.3))
"""The dashes of untrained networks."""
STYLE = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": LEGEND_SIZE,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.linewidth": 0.7,
    "grid.color": "0.88",
    "grid.linewidth": 0.6,
    "hatch.linewidth": 0.5,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}


def hues() -> list[Color]:
    """List the ten colors of seaborn's color-blind palette."""
    return [to_rgb(color) for color in sns.color_palette("colorblind", 10)]


def lighter(color: Color, share: float) -> Color:
    """Mix a color with a share of white."""
    red, green, blue = (value + (1 - value) * share for value in color)
    return red, green, blue


def fill(line: Any, alone: bool = False) -> dict[str, Any]:
    """Fill the bar or box of a model: untrained hatched, published dotted beside measured ones.

    Args:
        line: of scores, with color, untrained and published.
        alone: whether nothing was measured.
    """
    if line.published and not alone:
        return {"facecolor": lighter(line.color, 0.55), "hatch": PUBLISHED_HATCH, **OUTLINE}
    if line.untrained:
        return {"facecolor": lighter(line.color, 0.75), "hatch": UNTRAINED_HATCH, **OUTLINE, "edgecolor": line.color}
    return {"facecolor": line.color, "hatch": None, **OUTLINE}
