"""What the figures share: sizes of a paper, type, colors that the color-blind can tell apart, legends, notes."""

import textwrap
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from results.rows.files import replacing
from results.scores import beside
from results.tables.compose import UNTRAINED_NOTE, is_untrained

COLUMN, PAGE = 3.3, 6.8
"""Widths of a paper's column and page in inches."""
SMALL = 6.5
"""The smallest type, in points."""
LETTERS_PER_INCH = 19  # of type of that size
LINE, LEGEND_LINE = 0.115, 0.15  # inches
UNTRAINED_HATCH, PUBLISHED_HATCH = "/////", "....."
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
    """An empty figure in this style, of a width and height in inches.

    What stands around the panels adds to the height: `notes` in lines of their own below, a `legend` of these labels
    above, see `legend_above`, and its title, which without a legend is set here.
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
    """`stem`.pdf (text stays text) and `stem`.png, both or none; returns the latter.

    Raises:
        OSError: names the file that can't be written; figures of before stay then.
    """
    stem = Path(stem)
    with mpl.rc_context(STYLE), ExitStack() as files:
        for form, options in (("pdf", {}), ("png", {"dpi": 200})):
            file = files.enter_context(replacing(stem.with_name(f"{stem.name}.{form}"), binary=True))
            figure.savefig(file, format=form, **options)
    return stem.with_name(f"{stem.name}.png")


def palette(names: Sequence[str]) -> dict[str, tuple[float, float, float]]:
    """A color for each name, of seaborn's color-blind palette; more than ten start again, lighter."""
    colors = [to_rgb(color) for color in sns.color_palette("colorblind", 10)]
    return {name: lighter(colors[i % 10], 0.45 * (i // 10 % 3) / 2) for i, name in enumerate(dict.fromkeys(names))}


def lighter(color: tuple[float, float, float], share: float) -> tuple[float, float, float]:
    """A color mixed with a share of white."""
    return tuple(value + (1 - value) * share for value in color)


def look(row, colors: dict, alone: bool) -> dict:
    """How the bar, box or point of a model is filled: untrained hatched, published dotted beside measured ones.

    Args:
        row: has name, untrained and published. colors: by name. alone: whether nothing was measured.
    """
    if row.published and not alone:
        return {"facecolor": lighter(colors[row.name], 0.55), "hatch": PUBLISHED_HATCH}
    if row.untrained:
        return {"facecolor": lighter(colors[row.name], 0.45), "hatch": UNTRAINED_HATCH}
    return {"facecolor": colors[row.name], "hatch": None}


def legend_above(figure: Figure, handles: Sequence[Artist], labels: Sequence[str], title: str | None) -> None:
    """A legend above the panels, with as many columns as its longest label allows, and the title over it."""
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
    """As many columns of a legend as fit in so many inches, filled evenly."""
    fitting = int((width - 0.1) / (max(map(len, labels)) / 17 + 0.38))
    rows = -(-len(labels) // max(1, fitting))
    return -(-len(labels) // rows)


def notes_on(rows: pd.DataFrame) -> list[str]:
    """What has to be said below a figure of rows: untrained weights, sources, exactness and traps of published ones."""
    found = [UNTRAINED_NOTE] if is_untrained(rows["weights"]).any() else []
    return found + beside.notes(rows)
