"""The formats of a table: for a terminal, as Markdown, LaTeX (booktabs), HTML and CSV.

A new format is a function from a `Table` to text, and a row of `FORMATS`.
"""

import html
import itertools
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import pandas as pd
from tabulate import tabulate

from results.tables.emphasis import BEST, SECOND
from results.tables.escapes import markdown, printable, to_tex

EMPHASIS_NOTE = "Bold is best, underlined second, of what compares: of one protocol, to three digits."
BOLD, UNDERLINED, PLAIN = "\033[1m", "\033[4m", "\033[0m"


@dataclass(frozen=True, repr=False)
class Table:
    """Texts and how they are set. A notebook shows it as HTML, anything else as text.

    Attributes:
        texts: models x columns, or turned; the columns (or the index) may have two levels, category and task.
        places: the same shape: `emphasis.BEST` is set bold, `emphasis.SECOND` underlined.
        notes: lines below the table.
        turns: whether a terminal shows whichever are fewer, rows or columns, as the columns.
        numbers: what the texts show, in a column each (mean, std, ...), which CSV has; None for texts alone.
    """

    texts: pd.DataFrame
    places: pd.DataFrame
    notes: tuple[str, ...] = ()
    turns: bool = True
    numbers: pd.DataFrame | None = None

    def __repr__(self) -> str:
        return to_text(self)

    def _repr_html_(self) -> str:
        return to_html(self)


def to_text(table: Table, styled: bool = False) -> str:
    """Write aligned columns and notes for a terminal.

    Args:
        styled: whether escape sequences make the best bold and the second underlined; else nothing is emphasized.
    """
    shown = _escaped(table, printable)
    texts = _emphasized(shown, f"{BOLD}{{}}{PLAIN}", f"{UNDERLINED}{{}}{PLAIN}") if styled else shown.texts
    texts = _flat(texts)
    if table.turns and texts.shape[0] < texts.shape[1]:
        texts = texts.T.rename_axis(index=None)
    else:
        texts.columns = [str(column).replace(" (", "\n(") for column in texts]
    body = [[key, *row] for key, row in zip(texts.index, texts.to_numpy(), strict=True)]
    align = ["left", *["right"] * texts.shape[1]]
    heads = [texts.index.name or "", *texts.columns]
    lines = tabulate(body, headers=heads, disable_numparse=True, colalign=align)
    return "\n\n".join([lines, *(note for note in shown.notes if styled or note != EMPHASIS_NOTE)])


def to_terminal(table: Table) -> str:
    """Write `to_text`, styled where the output is a terminal."""
    return to_text(table, styled=sys.stdout.isatty())


def to_markdown(table: Table) -> str:
    """Write Markdown of GitHub's kind; a header of two levels has both, with a slash.

    >>> texts = pd.DataFrame({"esc50": ["0.947", "0.862"]}, index=["base", "cnn14"])
    >>> places = pd.DataFrame({"esc50": [BEST, SECOND]}, index=texts.index)
    >>> print(to_markdown(Table(texts, places)))
    |       |            esc50 |
    |:------|-----------------:|
    | base  |        **0.947** |
    | cnn14 | <ins>0.862</ins> |
    """
    table = _escaped(table, markdown)
    texts = _flat(_emphasized(table, "**{}**", "<ins>{}</ins>"))
    lines = str(texts.to_markdown(disable_numparse=True, colalign=("left", *["right"] * texts.shape[1])))
    return "\n".join([lines, *(f"\n{note}" for note in table.notes)])


def to_html(table: Table) -> str:
    """Write an HTML table and a paragraph a note; text is escaped."""
    escaped = _escaped(table, lambda text: html.escape(printable(text)))
    texts = _emphasized(escaped, "<b>{}</b>", "<u>{}</u>")
    notes = [f"<p>{note}</p>" for note in escaped.notes]
    return "\n".join([texts.to_html(escape=False, border=0, classes="scores"), *notes])


def to_csv(table: Table) -> str:
    """Write the numbers alone, or the texts of a table that has none; no emphasis, no notes.

    >>> texts, numbers = pd.DataFrame({"esc50": ["0.9 ± 0.1"]}), pd.DataFrame({"esc50": [0.9], "esc50 std": [0.1]})
    >>> print(to_csv(Table(texts, texts, numbers=numbers)))
    ,esc50,esc50 std
    0,0.9,0.1
    <BLANKLINE>
    """
    shown = _flat(table.texts if table.numbers is None else table.numbers)
    axes = (axis.map(lambda key: printable(key)).set_names(axis.names) for axis in (shown.index, shown.columns))
    index, columns = axes
    cells = shown.map(lambda cell: printable(cell) if isinstance(cell, str) else cell)
    return str(cells.set_axis(index).set_axis(columns, axis=1).to_csv(lineterminator="\n"))


def to_latex(table: Table) -> str:
    """Write a tabular with booktabs' rules (`\\usepackage{booktabs}`) and notes as paragraphs behind it."""
    texts = _emphasized(Table(table.texts.map(to_tex), table.places), r"\textbf{{{}}}", r"\underline{{{}}}")
    names = texts.index.nlevels
    lines = [rf"\begin{{tabular}}{{{'l' * names}{'r' * texts.shape[1]}}}", r"\toprule"]
    if texts.columns.nlevels == 2:
        lines += _spanning(texts.columns.get_level_values(0), names)
    heads = [to_tex(str(head)) for head in texts.columns.get_level_values(-1)]
    lines += [_line([*[to_tex(str(name or "")) for name in texts.index.names], *heads]), r"\midrule"]
    for key, row in zip(texts.index, texts.to_numpy(), strict=True):
        lines.append(_line([*map(to_tex, key if isinstance(key, tuple) else (str(key),)), *row]))
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, *(f"\n{to_tex(note)}" for note in table.notes)])


@dataclass(frozen=True)
class Format:
    """How tables, and what stands below them, are written.

    Attributes:
        write: a table to text.
        heading: a template of the heading of a second table.
        line: writes a line below. A format without a heading has one table alone.
    """

    write: Callable[[Table], str]
    heading: str | None = "{}:"
    line: Callable[[str], str] = printable


FORMATS = {
    "terminal": Format(to_terminal),
    "markdown": Format(to_markdown, line=markdown),
    "latex": Format(to_latex, "% {}", to_tex),
    "csv": Format(to_csv, heading=None),
    "html": Format(to_html, "<h3>{}</h3>", lambda line: f"<p>{html.escape(printable(line))}</p>"),
}


def _spanning(categories: pd.Index, names: int) -> list[str]:
    """Write a header row whose cells span the columns of a category, and rules below them."""
    cells, rules, start = [], [], names + 1
    for category, group in itertools.groupby(categories):
        width = len(list(group))
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{to_tex(category)}}}")
        if category:
            rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    return [_line([*[""] * names, *cells]), " ".join(rules)]


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _escaped(table: Table, escape: Callable[[str], str]) -> Table:
    """Put cells, heads and notes through `escape`."""

    def keys(axis: pd.Index) -> pd.Index:
        texts = axis.map(lambda key: tuple(map(escape, key)) if isinstance(key, tuple) else escape(str(key)))
        return texts.set_names(axis.names)

    texts = table.texts.map(escape).set_axis(keys(table.texts.index)).set_axis(keys(table.texts.columns), axis=1)
    places = table.places.set_axis(texts.index).set_axis(texts.columns, axis=1)
    return replace(table, texts=texts, places=places, notes=tuple(map(escape, table.notes)))


def _emphasized(table: Table, bold: str, underlined: str) -> pd.DataFrame:
    best = table.texts.map(bold.format)
    second = table.texts.map(underlined.format)
    return table.texts.mask(table.places == BEST, best).mask(table.places == SECOND, second)


def _flat(texts: pd.DataFrame) -> pd.DataFrame:
    """Join two levels of heads with a slash."""
    return texts.set_axis(_joined(texts.index)).set_axis(_joined(texts.columns), axis=1)


def _joined(axis: pd.Index) -> pd.Index:
    if axis.nlevels == 1:
        return axis
    return pd.Index([" / ".join(part for part in key if part) for key in axis], name=axis.names[-1])
