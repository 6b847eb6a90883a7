"""Rows of one or several runs as one typed frame: what tables, figures and reports are made of."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from results.reference.published import published
from results.rows.rows import COLUMNS, NUMBERS, read_reference, read_rows
from results.scores.records import is_missing, read_record, with_missing

WHOLE_NUMBERS = ("hidden_layers", "epoch", "seed")


def load(folders: str | Path | Iterable[str | Path], reference: Iterable[str] = ()) -> pd.DataFrame:
    """The rows of one or several runs, as `ablate table` shows them: the columns are `results.rows.rows.COLUMNS`.

    Measured rows come first, one a score, in the study's order. A cell of the study that was not measured has a row
    without a score (`results.scores.records.with_missing`), unless another of the runs measured it. Published rows that
    the studies ask for, and those of `reference`, come last.

    Types: texts are str (empty where there is nothing to say), `primary` bool, hidden_layers, epoch and seed Int64,
    other numbers float64. Where a model's name stands for several specs, protocols or precisions among the runs, it is
    followed by what sets these apart, in brackets, so that they are not averaged.

    Args:
        folders: a run's folder (`runs/<study>`, with its `rows.csv`) or several.
        reference: more published scores, as `results.reference.published.published` names them: "leaderboard",
        "fig5:*RF".

    Raises:
        FileNotFoundError: for a folder that is no run. ValueError: for no folder, or a reference that is not known.
    """
    given = [folders] if isinstance(folders, str | Path) else list(folders)
    if not given:
        raise ValueError("no folders to load rows from; expected one or more such as runs/<study>")
    runs = [_typed(with_missing(read_rows(folder), read_record(folder))) for folder in given]
    measured = _without_found(_named_apart(pd.concat(runs, ignore_index=True)))
    asked = [rows for rows in map(read_reference, given) if rows is not None]
    added = _typed(pd.concat([*asked, published(reference)])).drop_duplicates(["spec", "task"])
    return measured if added.empty else pd.concat([measured, added], ignore_index=True)


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    kinds = dict.fromkeys(COLUMNS, "str") | dict.fromkeys(NUMBERS, "float64") | dict.fromkeys(WHOLE_NUMBERS, "Int64")
    return rows[list(COLUMNS)].astype(kinds | {"primary": "bool"})


def _named_apart(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows with names that stand for one spec, protocol and precision each, as they were measured."""
    names, measured = rows["model"], ~is_missing(rows)
    for column in ("spec", "protocol", "precision"):
        kinds = rows[column].where(measured).groupby(names).nunique()
        several = names.map(kinds > 1).astype(bool)
        names = names.where(~several, names + " [" + rows[column] + "]")
    return rows.assign(model=names)


def _without_found(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows without missing cells that another run has measured, and with each other one once."""
    missing, cell = is_missing(rows), pd.MultiIndex.from_frame(rows[["model", "task"]])
    found = cell.isin(cell[~missing]) | cell.duplicated()
    return rows[~(missing & found)].reset_index(drop=True)
