"""The style of all figures: sizes of a paper, type, colors for the color-blind, fills, legends, notes."""

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from results.rows.files import replacing

Color = tuple[float, float, float]

COLUMN, PAGE = 3.3, 6.8
"""Widths of a paper's column and page in inches."""
SMALL = 6.5
"""The smallest type, in points."""
LETTERS_PER_INCH = 19
"""Of the smallest type."""
LINE, LEGEND_LINE = 0.115, 0.15  # inches
UNTRAINED_HATCH, PUBLISHED_HATCH = "/////", "....."
MARKERS = "osD^vP*X"
STYLE = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
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


@contextmanager
def sheet(
    width: float, height: float, notes: Sequence[str] = (), legend: Sequence[str] = (), title: str | None = None
) -> Iterator[Figure]:
    """Make an empty figure in this style.

    Args:
        width, height: in inches; what stands around the panels adds to the height.
        notes: lines below the panels, which are wrapped.
        legend: labels that `legend_above` will show, with the title.
        title: set here where there is no legend.
    """
    lines = [line for note in notes for line in textwrap.wrap(note, round(LETTERS_PER_INCH * width))]
    with mpl.rc_context(STYLE):
        height += LINE * len(lines) + 0.2 * bool(title)
        if legend:
            height += LEGEND_LINE * -(-len(legend) // _columns(legend, width))
        figure = Figure(figsize=(width, height), layout="constrained")
        if title and not legend:
            figure.suptitle(title, fontsize=9)
        yield figure
        if lines:
            figure.supxlabel("\n".join(lines), fontsize=SMALL, x=0.01, ha="left")


def save(figure: Figure, stem: str | Path) -> Path:
    """Write `stem`.pdf (text stays text) and `stem`.png, both or none; return the path of the latter.

    Raises:
        OSError: names the file that can't be written; earlier figures stay then.
    """
    stem = Path(stem)
    with mpl.rc_context(STYLE), ExitStack() as files:
        for form, dpi in (("pdf", "figure"), ("png", 200)):
            file = files.enter_context(replacing(stem.with_name(f"{stem.name}.{form}"), binary=True))
            figure.savefig(file, format=form, dpi=dpi)
    return stem.with_name(f"{stem.name}.png")


def palette(names: Iterable[str]) -> dict[str, Color]:
    """Choose a color for each name from seaborn's color-blind palette; more than ten start again, lighter."""
    colors = [to_rgb(color) for color in sns.color_palette("colorblind", 10)]
    return {name: lighter(colors[i % 10], 0.45 * (i // 10 % 3) / 2) for i, name in enumerate(dict.fromkeys(names))}


def lighter(color: Color, share: float) -> Color:
    """Mix a color with a share of white."""
    red, green, blue = (value + (1 - value) * share for value in color)
    return red, green, blue


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


def legend_above(figure: Figure, handles: Sequence[Any], labels: Sequence[str], title: str | None) -> None:
    """Set a legend above the panels, with as many columns as its longest label allows, and the title over it."""
    figure.legend(
        handles,
        labels,
        title=title,
        title_fontsize=9,
        loc="outside upper center",
        ncols=_columns(labels, figure.get_figwidth()),
        handlelength=1.4,
        columnspacing=1.0,
        labelspacing=0.35,
    )


def _columns(labels: Sequence[str], width: float) -> int:
    """Count the columns of a legend that fit in a width in inches, filled evenly."""
    fitting = int((width - 0.1) / (max(map(len, labels)) / 17 + 0.38))
    rows = -(-len(labels) // max(1, fitting))
    return -(-len(labels) // rows)
