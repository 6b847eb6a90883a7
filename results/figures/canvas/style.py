"""The style of all figures: sizes of a paper, type, markers, and how bars and boxes are filled."""

from collections.abc import Iterable
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
UNTRAINED_HATCH, PUBLISHED_HATCH = "/////", "....."
MARKERS = "osD^vP*X"
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


def palette(names: Iterable[str]) -> dict[str, Color]:
    """Choose a color for each name; more than ten start again, lighter."""
    return {name: lighter(hues()[i % 10], 0.45 * (i // 10 % 3) / 2) for i, name in enumerate(dict.fromkeys(names))}


def fill(line: Any, color: Color, alone: bool = False) -> dict[str, Any]:
    """Fill the bar or box of a model: untrained hatched, published dotted beside measured ones.

    Args:
        line: of scores, with untrained and published.
        color: the model's.
        alone: whether nothing was measured.
    """
    if line.published and not alone:
        return {"facecolor": lighter(color, 0.55), "hatch": PUBLISHED_HATCH}
    if line.untrained:
        return {"facecolor": lighter(color, 0.45), "hatch": UNTRAINED_HATCH}
    return {"facecolor": color, "hatch": None}
