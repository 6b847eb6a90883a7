"""Tables of a page: texts with how each cell is set."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from results.emphasis import BEST, SECOND
from results.formats import Table

CLASSES = {BEST: "best", SECOND: "second"}


@dataclass(frozen=True)
class Cell:
    """A text; `kind` is its class in the page: best, second, number, or nothing."""

    text: str
    kind: str = ""


@dataclass(frozen=True)
class Sheet:
    """A table: a caption, heads, rows of cells (the first is the row's name), and lines below."""

    caption: str
    heads: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[str, ...] = ()


def of_table(caption: str, table: Table) -> Sheet:
    """A table of scores as `results.tables.compose` makes it."""
    heads = (Cell(str(table.texts.index.name or "")), *(Cell(str(name), "number") for name in table.texts.columns))
    rows = tuple(
        (
            Cell(str(name)),
            *(Cell(text, f"number {CLASSES.get(place, '')}".strip()) for text, place in zip(*each, strict=True)),
        )
        for name, *each in zip(table.texts.index, table.texts.to_numpy(), table.places.to_numpy(), strict=True)
    )
    return Sheet(caption, heads, rows, table.notes)


def of_frame(caption: str, found: pd.DataFrame, notes: Sequence[str] = ()) -> Sheet:
    """Any frame without its index: numbers to three significant digits, what is missing as a dash."""
    numeric = [pd.api.types.is_numeric_dtype(found[name]) for name in found]
    rows = tuple(
        tuple(Cell(_text(value), "number" if number else "") for value, number in zip(row, numeric, strict=True))
        for row in found.astype(object).to_numpy().tolist()
    )
    heads = tuple(Cell(str(name), "number" if number else "") for name, number in zip(found, numeric, strict=True))
    return Sheet(caption, heads, rows, tuple(notes))


def _text(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if value is None or pd.isna(value):
        return "–"
    return f"{value:.3g}" if isinstance(value, float) else str(value)
