"""Rows of one or several runs as one typed frame."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from results.reference import published
from results.rows import COLUMNS, NUMBERS, read_rows

WHOLE_NUMBERS = ("hidden_layers", "epoch", "seed")


def load(folders: str | Path | Iterable[str | Path], reference: Iterable[str] = ()) -> pd.DataFrame:
    """The rows of one or several runs: one row a score, the columns `results.rows.COLUMNS`.

    Types: texts are str (empty where there is nothing to say), `primary` bool, hidden_layers, epoch and seed Int64,
    other numbers float64. Where a model's name stands for several specs, protocols or precisions among the runs, it is
    followed by what sets these apart, in brackets, so that they are not averaged.

    Args:
        folders: a run's folder (`runs/<study>`, with its `rows.csv`) or several.
        reference: published scores that follow, as `results.reference.published` names them: "leaderboard", "fig5:*RF".

    Raises:
        FileNotFoundError: for a folder that is no run. ValueError: for no folder, or a reference that is not known.
    """
    given = [folders] if isinstance(folders, str | Path) else list(folders)
    if not given:
        raise ValueError("no folders to load rows from; expected one or more such as runs/<study>")
    measured = _named_apart(pd.concat([_typed(read_rows(folder)) for folder in given], ignore_index=True))
    added = published(reference)
    return measured if added.empty else pd.concat([measured, _typed(added)], ignore_index=True)


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    kinds = dict.fromkeys(COLUMNS, "str") | dict.fromkeys(NUMBERS, "float64") | dict.fromkeys(WHOLE_NUMBERS, "Int64")
    return rows[list(COLUMNS)].astype(kinds | {"primary": "bool"})


def _named_apart(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with names that stand for one spec, protocol and precision each."""
    names = rows["model"]
    for column in ("spec", "protocol", "precision"):
        several = rows.groupby(names)[column].transform("nunique") > 1
        names = names.where(~several, names + " [" + rows[column] + "]")
    return rows.assign(model=names)
