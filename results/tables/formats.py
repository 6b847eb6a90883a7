"""A table of texts for a terminal, as markdown, LaTeX (booktabs), HTML and CSV."""

import html
import itertools
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from tabulate import tabulate

from results.tables.emphasis import BEST, SECOND
from results.tables.escapes import markdown, printable, to_tex

EMPHASIS_NOTE = "Bold is best, underlined second, of what compares: of one protocol, to three digits."


@dataclass(frozen=True)
class Table:
    """Texts and how they are set.

    Attributes:
        texts: models x columns, or turned over; the columns (or the index) may have two levels, category and task.
        places: the same shape: `emphasis.BEST` is set bold, `emphasis.SECOND` underlined.
        notes: lines below the table.
    """

    texts: pd.DataFrame
    places: pd.DataFrame
    notes: tuple[str, ...] = ()


BOLD, UNDERLINED, PLAIN = "\033[1m", "\033[4m", "\033[0m"


def to_text(table: Table, styled: bool = False, turn: bool = True) -> str:
    """Aligned columns and notes for a terminal; with `turn` whichever are fewer, rows or columns, are the columns.

    With `styled` the best is bold and the second underlined, by escape sequences; without, nothing is emphasized.
    """
    shown = _escaped(table, printable)
    found = _marked(shown, f"{BOLD}{{}}{PLAIN}", f"{UNDERLINED}{{}}{PLAIN}") if styled else shown.texts.copy()
    found.columns, found.index = (_joined(axis) for axis in (found.columns, found.index))
    if turn and found.shape[0] < found.shape[1]:
        found = found.T.rename_axis(index=None)
    else:
        found.columns = [str(column).replace(" (", "\n(") for column in found]
    body = [[key, *row] for key, row in zip(found.index, found.to_numpy(), strict=True)]
    align = ["left", *["right"] * found.shape[1]]
    heads = [found.index.name or "", *found.columns]
    lines = tabulate(body, headers=heads, disable_numparse=True, colalign=align)
    return "\n\n".join([lines, *(note for note in shown.notes if styled or note != EMPHASIS_NOTE)])


def to_markdown(table: Table) -> str:
    """Markdown of GitHub's kind; of two levels the header has both, with a slash."""
    table = _escaped(table, markdown)
    found = _marked(table, "**{}**", "<ins>{}</ins>")
    found.columns, found.index = (_joined(axis) for axis in (found.columns, found.index))
    lines = found.to_markdown(disable_numparse=True, colalign=("left", *["right"] * found.shape[1]))
    return "\n".join([lines, *(f"\n{note}" for note in table.notes)])


def to_html(table: Table) -> str:
    """An HTML table and a paragraph a note; text is escaped."""
    escaped = _escaped(table, lambda text: html.escape(printable(text)))
    found = _marked(escaped, "<b>{}</b>", "<u>{}</u>")
    notes = [f"<p>{note}</p>" for note in escaped.notes]
    return "\n".join([found.to_html(escape=False, border=0, classes="scores"), *notes])


def to_csv(table: Table) -> str:
    """Texts alone, without emphasis or notes; the numbers are `results.scores.scores.scores(rows).to_csv()`."""
    found = _escaped(table, printable).texts
    found.columns, found.index = (_joined(axis) for axis in (found.columns, found.index))
    return found.to_csv(lineterminator="\n")


def to_latex(table: Table) -> str:
    """A tabular with booktabs' rules (`\\usepackage{booktabs}`), notes as paragraphs behind it."""
    found = _marked(Table(table.texts.map(to_tex), table.places), r"\textbf{{{}}}", r"\underline{{{}}}")
    names = found.index.nlevels
    lines = [rf"\begin{{tabular}}{{{'l' * names}{'r' * found.shape[1]}}}", r"\toprule"]
    if found.columns.nlevels == 2:
        lines += _spanning(found.columns.get_level_values(0), names)
    heads = [to_tex(str(head)) for head in found.columns.get_level_values(-1)]
    lines += [_line([*[to_tex(str(name or "")) for name in found.index.names], *heads]), r"\midrule"]
    for key, row in zip(found.index, found.to_numpy(), strict=True):
        lines.append(_line([*map(to_tex, key if isinstance(key, tuple) else (str(key),)), *row]))
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, *(f"\n{to_tex(note)}" for note in table.notes)])


def _spanning(categories: pd.Index, names: int) -> list[str]:
    """A header row whose cells span the columns of a category, and rules below them."""
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
    """A table whose cells, heads and notes went through `escape`."""
    texts = table.texts.map(escape)
    for name in ("columns", "index"):
        axis = getattr(texts, name)
        keys = axis.map(lambda key: tuple(map(escape, key)) if isinstance(key, tuple) else escape(str(key)))
        setattr(texts, name, keys.set_names(axis.names))
    places = table.places.set_axis(texts.index).set_axis(texts.columns, axis=1)
    return Table(texts, places, tuple(map(escape, table.notes)))


def _marked(table: Table, bold: str, underlined: str) -> pd.DataFrame:
    best = table.texts.map(bold.format)
    second = table.texts.map(underlined.format)
    return table.texts.mask(table.places == BEST, best).mask(table.places == SECOND, second)


def _joined(axis: pd.Index) -> pd.Index:
    if axis.nlevels == 1:
        return axis
    return pd.Index([" / ".join(part for part in key if part) for key in axis], name=axis.names[-1])
