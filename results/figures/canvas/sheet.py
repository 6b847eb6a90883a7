"""The sheet that figures are drawn on: a Figure that shows itself, with a legend above and lines below its panels."""

import base64
import functools
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib import figure as mpl_figure
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.textpath import text_to_path
from PIL import Image

from results.figures.canvas.style import LEGEND_SIZE, SMALL, STATEMENT_SIZE, STYLE, TITLE_SIZE
from results.rows.files import replacing

FORMATS = {"png": 200, "pdf": "figure", "svg": "figure"}
"""The formats of files, and the dots an inch of each."""
LOOK = {name: value for name, value in STYLE.items() if not name.endswith(".fonttype")}
"""The style without how files hold letters, which is for who writes them to choose."""
SCREEN = 110
"""Pixels an inch of a figure on a screen: a page's width has 660."""
POINTS = 72  # an inch
LINE = 1.28  # the height of a line, of the size of the type
WIDENED = 1.08  # text at 100 pixels an inch, whose letters are whole pixels apart
HANDLE = 0.34  # inches of a legend's column beside its label


class Figure(mpl_figure.Figure):
    """A matplotlib Figure in the style of this package, which notebooks show as the last value of a cell.

    It does not know pyplot: nothing must be closed, and no backend is chosen.
    """

    def savefig(self, *args: Any, **kwargs: Any) -> None:
        """Save in this style, laid out twice: the first layout may change which ticks have texts."""
        with mpl.rc_context(LOOK):
            self.draw_without_rendering()
            super().savefig(*args, **kwargs)

    def _repr_png_(self) -> bytes:
        """The picture in at most 256 colors, a third of the bytes; what a notebook keeps in its file."""
        drawn, picture = io.BytesIO(), io.BytesIO()
        self.savefig(drawn, format="png", dpi=FORMATS["png"])
        colors = Image.open(drawn).convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        colors.save(picture, "png", optimize=True)
        return picture.getvalue()

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, str], dict[str, dict[str, int]]]:
        """Give the picture with the size at which it is shown, in pixels."""
        width, height = (round(SCREEN * float(inches)) for inches in self.get_size_inches())
        data = base64.b64encode(self._repr_png_()).decode("ascii")
        return {"image/png": data}, {"image/png": {"width": width, "height": height}}


def showing(figure: mpl_figure.Figure) -> mpl_figure.Figure:
    """Let a figure that matplotlib made show itself as `Figure` does."""
    if type(figure) is mpl_figure.Figure:
        figure.__class__ = Figure
    return figure


@contextmanager
def sheet(
    width: float,
    height: float,
    notes: Sequence[str] = (),
    legend: Sequence[str] = (),
    title: str | None = None,
    statement: str = "",
    ax: Axes | None = None,
) -> Iterator[mpl_figure.Figure]:
    """Make an empty figure in this style, or take the figure of `ax`.

    Args:
        width, height: in inches; what stands around the panels adds to the height.
        notes: lines below the panels, which are wrapped.
        legend: labels that `legend_above` will show, with the title.
        title: set here where there is no legend.
        statement: what the figure shows, in larger type between the panels and the notes.
        ax: the panel to draw in. Its figure keeps its size, and has no notes.

    Raises:
        ValueError: for a statement beside `ax`.
    """
    with mpl.rc_context(STYLE):
        if ax is not None:
            if statement:
                raise ValueError("statement stands below a whole figure; with ax= the caller's figure has it")
            if title and not legend:
                ax.set_title(title)
            root = ax.get_figure(root=True)
            assert root is not None
            yield root
            return
        said, lines = wrapped([statement], STATEMENT_SIZE, width), wrapped(notes, SMALL, width)
        below = (STATEMENT_SIZE * len(said) + SMALL * (len(lines) + 0.4 * bool(said))) * LINE / POINTS
        above = LEGEND_SIZE * LINE / POINTS * legend_rows(legend, width) if legend else 0.0
        height += above + 0.2 * bool(title)
        rect = (0.0, below / (height + below), 1.0, height / (height + below))
        figure = Figure(figsize=(width, height + below), layout=ConstrainedLayoutEngine(rect=rect))
        if title and not legend:
            figure.suptitle(title, fontsize=TITLE_SIZE)
        yield figure
        step = LINE / POINTS / (height + below)  # of a point of type, as a share of the height
        place: dict[str, Any] = {"x": 0.06 / width, "va": "bottom", "ha": "left", "linespacing": LINE / 1.2}
        bottom = 0.02 / (height + below)
        if lines:
            figure.text(y=bottom, s="\n".join(lines), fontsize=SMALL, color="0.25", gid="notes", **place)
        if said:
            bottom += step * SMALL * (len(lines) + 0.4 * bool(lines))
            figure.text(y=bottom, s="\n".join(said), fontsize=STATEMENT_SIZE, gid="statement", **place)


def wrapped(texts: Sequence[str], size: float, width: float) -> list[str]:
    """Break texts into lines of a type's size that fit a width in inches."""
    lines: list[str] = []
    for text in texts:
        line = ""
        for word in text.split():
            longer = f"{line} {word}" if line else word
            if line and letters_width(longer, size) > (width - 0.12) * POINTS:
                lines.append(line)
                longer = word
            line = longer
        lines += [line] * bool(line)
    return lines


def folded(text: str, size: float, points: float) -> str:
    """Break a name that is wider than some points at its spaces and underscores."""
    lines = [""]
    for part in re.findall(r"[^_ ]*[_ ]?", text):
        if lines[-1] and letters_width((lines[-1] + part).strip(), size) > points:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.strip() for line in lines)


def set_titles(axes: Axes, texts: Sequence[str], points: float, loc: Literal["left", "center"] = "center") -> None:
    """Write the titles of a panel, a line each, smaller and then broken where they are wider than some points."""
    fits = max(letters_width(text, LEGEND_SIZE) for text in texts) <= points
    size = LEGEND_SIZE if fits else SMALL
    axes.set_title("\n".join(folded(text, size, points) for text in texts), fontsize=size, loc=loc)


@functools.lru_cache(4096)
def letters_width(text: str, size: float) -> float:
    """Measure a line of text in points, on screens of few pixels."""
    font = FontProperties(family=["sans-serif"], size=size)
    return WIDENED * float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def legend_above(
    figure: mpl_figure.Figure, handles: Sequence[Any], labels: Sequence[str], title: str | None, ax: Axes | None = None
) -> None:
    """Set a legend above the panels, with as many columns as its longest label allows, and the title over it.

    Args:
        ax: a panel of the caller's figure, which has the legend inside.
    """
    style: dict[str, Any] = {
        "title": title,
        "title_fontsize": TITLE_SIZE,
        "handlelength": 1.4,
        "columnspacing": 1.0,
        "labelspacing": 0.35,
    }
    if ax is not None:
        ax.legend(handles, labels, **style)
        return
    columns = -(-len(labels) // legend_rows(labels, figure.get_figwidth()))
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, **style)


def legend_rows(labels: Sequence[str], width: float) -> int:
    """Count the rows of a legend in a width in inches, filled evenly."""
    longest = max(letters_width(label, LEGEND_SIZE) for label in labels) / POINTS
    fitting = int((width - 0.1) / (longest + HANDLE))
    return -(-len(labels) // max(1, fitting))


def save(figure: mpl_figure.Figure, place: str | Path, formats: Sequence[str] | None = None) -> Path:
    """Write a figure as `place`.pdf (text stays text) and `place`.png, all or none; return the path of the last.

    Args:
        place: without a suffix of `FORMATS`; with one, that file alone is written.
        formats: of `FORMATS`, each a file with this suffix added to `place`.

    Raises:
        ValueError: for another format.
        OSError: names the file that can't be written; earlier figures stay then.
    """
    stem = Path(place)
    if formats is None and stem.suffix[1:] in FORMATS:
        stem, formats = stem.with_suffix(""), [stem.suffix[1:]]
    formats = ("pdf", "png") if formats is None else formats
    unknown = [name for name in formats if name not in FORMATS]
    if unknown or not formats:
        raise ValueError(f"a figure's format must be one of {', '.join(FORMATS)}, got {', '.join(unknown) or 'none'}")
    paths = [stem.with_name(f"{stem.name}.{name}") for name in formats]
    with mpl.rc_context(STYLE), ExitStack() as files:
        for name, path in zip(formats, paths, strict=True):
            file = files.enter_context(replacing(path, binary=True))
            figure.savefig(file, format=name, dpi=FORMATS[name])
    return paths[-1]
