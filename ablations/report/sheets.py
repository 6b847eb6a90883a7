"""The tables of a page: texts, and how each cell is set."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from results.tables.emphasis import BEST, SECOND
from results.tables.formats import Table

CLASSES = {BEST: "best", SECOND: "second"}
LONG = 12
"""A table of more rows than this has a filter."""
_NUMBER = re.compile(r"[≈+-]?\d|nan|–|exact")
"""The beginning of each text in a column of numbers."""


@dataclass(frozen=True)
class Cell:
    """A text; `kind` is its class in the page: best, second, number, or nothing."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Sheet:
    """A table: a caption, heads, rows of cells (the first is the row's name), and lines below.

    `folded` tables show their caption alone until it is clicked.
    """

    caption: str
    heads: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()
    folded: bool = False

    @property
    def long(self) -> bool:
        """Whether the page has a filter for its rows."""
        return len(self.rows) > LONG


def of_table(caption: str, table: Table) -> Sheet:
    """Make a sheet of a table of scores (`results.tables.compose.compose`)."""
    numeric = [all(map(_NUMBER.match, table.texts.iloc[:, place])) for place in range(table.texts.shape[1])]
    heads = [Cell(str(name), "number" if number else "") for name, number in zip(table.texts, numeric, strict=True)]
    lines = zip(table.texts.index, table.texts.to_numpy(), table.places.to_numpy(), strict=True)
    rows = [
        (Cell(str(name)), *(_cell(*cell) for cell in zip(texts, places, numeric, strict=True)))
        for name, texts, places in lines
    ]
    return Sheet(caption, (Cell(str(table.texts.index.name or "")), *heads), tuple(rows), table.notes)


def _cell(text: str, place: int, number: bool) -> Cell:
    return Cell(text, f"number {CLASSES.get(place, '')}".strip() if number else "")


def of_frame(
    caption: str, table: pd.DataFrame, notes: Sequence[str] = (), *, numbers: Collection[str] = (), folded: bool = False
) -> Sheet:
    """Make a sheet of any frame without its index: numbers to three significant digits, a dash for what is missing.

    Args:
        caption: above the table.
        table: what it shows.
        notes: lines below.
        numbers: columns of texts that are numbers.
        folded: whether the page shows the caption alone until it is clicked.
    """
    numeric = [name in numbers or pd.api.types.is_numeric_dtype(table[name]) for name in table]
    rows = tuple(
        tuple(Cell(_text(value), "number" if number else "") for value, number in zip(row, numeric, strict=True))
        for row in table.astype(object).to_numpy().tolist()
    )
    heads = tuple(Cell(str(name), "number" if number else "") for name, number in zip(table, numeric, strict=True))
    return Sheet(caption, heads, rows, tuple(notes), folded)


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if value is None or pd.isna(value):
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
