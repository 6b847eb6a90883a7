"""The numbers that a table's texts show, in columns of their own: what CSV has."""

from collections.abc import Sequence

import pandas as pd

NUMBERS = ("number", "std", "low", "high", "tolerance", "tasks")
"""Columns of cells: the mean or the cost; its spread; the ends of its interval; how exactly it was read off a figure;
the number of tasks that a mean is over."""


def arranged(cells: pd.DataFrame, models: Sequence[str], by_category: bool) -> pd.DataFrame:
    """Arrange numbers as models x columns: "esc50 (top1_acc)", "esc50 (top1_acc) std", where there is one.

    Args:
        cells: a line for each cell, with label, column, category and some of `NUMBERS`.
        models: labels, in the order of the table.
        by_category: whether columns have two levels, category and column.
    """
    columns: dict[str | tuple[str, str], pd.Series] = {}
    for (category, column), group in cells.groupby(["category", "column"], sort=False):
        values = group.drop_duplicates("label").set_index("label").reindex(models)
        for name in NUMBERS:
            if name == "number" or (name in values and values[name].notna().any()):
                head = column if name == "number" else f"{column} {name}"
                columns[(category, head) if by_category else head] = values[name]
    return pd.DataFrame(columns, index=pd.Index(models, name="model")).infer_objects()
