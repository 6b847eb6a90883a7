"""A table of texts as markdown, LaTeX (booktabs), HTML and CSV."""

import html
import itertools
from dataclasses import dataclass

import pandas as pd

from results.emphasis import BEST, SECOND


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


def to_markdown(table: Table) -> str:
    """Markdown of GitHub's kind; of two levels the header has both, with a slash."""
    found = _marked(table, "**{}**", "<ins>{}</ins>")
    found.columns, found.index = (_joined(axis) for axis in (found.columns, found.index))
    lines = found.to_markdown(disable_numparse=True, colalign=("left", *["right"] * found.shape[1]))
    return "\n".join([lines, *(f"\n{note}" for note in table.notes)])


def to_html(table: Table) -> str:
    """An HTML table and a paragraph a note; text is escaped."""
    escaped = Table(table.texts.map(html.escape), table.places)
    found = _marked(escaped, "<b>{}</b>", "<u>{}</u>")
    found.columns, found.index = (
        axis.map(lambda key: tuple(map(html.escape, key)) if isinstance(key, tuple) else html.escape(str(key)))
        for axis in (found.columns, found.index)
    )
    notes = [f"<p>{html.escape(note)}</p>" for note in table.notes]
    return "\n".join([found.to_html(escape=False, border=0, classes="scores"), *notes])


def to_csv(table: Table) -> str:
    """Texts alone, without emphasis or notes; the numbers are `results.scores.scores(rows).to_csv()`."""
    found = table.texts.copy()
    found.columns, found.index = (_joined(axis) for axis in (found.columns, found.index))
    return found.to_csv(lineterminator="\n")


def to_latex(table: Table) -> str:
    """A tabular with booktabs' rules (`\\usepackage{booktabs}`), notes as paragraphs behind it."""
    found = _marked(Table(table.texts.map(_tex), table.places), r"\textbf{{{}}}", r"\underline{{{}}}")
    names = found.index.nlevels
    lines = [rf"\begin{{tabular}}{{{'l' * names}{'r' * found.shape[1]}}}", r"\toprule"]
    if found.columns.nlevels == 2:
        lines += _spanning(found.columns.get_level_values(0), names)
    heads = [_tex(str(head)) for head in found.columns.get_level_values(-1)]
    lines += [_line([*[_tex(str(name or "")) for name in found.index.names], *heads]), r"\midrule"]
    for key, row in zip(found.index, found.to_numpy(), strict=True):
        lines.append(_line([*map(_tex, key if isinstance(key, tuple) else (str(key),)), *row]))
    lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, *(f"\n{_tex(note)}" for note in table.notes)])


def _spanning(categories: pd.Index, names: int) -> list[str]:
    """A header row whose cells span the columns of a category, and rules below them."""
    cells, rules, start = [], [], names + 1
    for category, group in itertools.groupby(categories):
        width = len(list(group))
        cells.append(rf"\multicolumn{{{width}}}{{c}}{{{_tex(category)}}}")
        if category:
            rules.append(rf"\cmidrule(lr){{{start}-{start + width - 1}}}")
        start += width
    return [_line([*[""] * names, *cells]), " ".join(rules)]


def _line(cells: list[str]) -> str:
    return " & ".join(cells) + r" \\"


def _marked(table: Table, bold: str, underlined: str) -> pd.DataFrame:
    best = table.texts.map(bold.format)
    second = table.texts.map(underlined.format)
    return table.texts.mask(table.places == BEST, best).mask(table.places == SECOND, second)


def _joined(axis: pd.Index) -> pd.Index:
    if axis.nlevels == 1:
        return axis
    return pd.Index([" / ".join(part for part in key if part) for key in axis], name=axis.names[-1])


_TEX = str.maketrans(
    {
        **{letter: f"\\{letter}" for letter in "&%$#_{}"},
        **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
        **{"†": r"\textdagger{}", "‡": r"\textdaggerdbl{}", "≈": r"$\approx$", "±": r"$\pm$", "–": "--"},
        **{"<": r"\textless{}", ">": r"\textgreater{}"},
    }
)


def _tex(text: str) -> str:
    return str(text).translate(_TEX)
