"""Load the rows of one or several runs as one typed frame: what tables, figures and reports are made of."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from results.reference.published import published
from results.rows.rows import COLUMNS, NUMBERS, read_reference, read_rows
from results.scores.axes import AXIS_COLUMNS, with_axes
from results.scores.kinds import is_missing, with_flags
from results.scores.missing import with_missing
from results.scores.records import read_record

WHOLE_NUMBERS = ("hidden_layers", "epoch", "seed")
TYPES = (
    dict.fromkeys(COLUMNS, "str")
    | dict.fromkeys(NUMBERS, "float64")
    | dict.fromkeys(WHOLE_NUMBERS, "Int64")
    | {"primary": "bool"}
)
ADDED = ("is_primary", "kind", "published", "untrained", "read_off", "set", *AXIS_COLUMNS)
"""Columns that `load` adds to those of the files."""


def load(folders: str | Path | Iterable[str | Path], reference: Iterable[str] = ()) -> pd.DataFrame:
    """Load the rows of one or several runs, as `ablate table` shows them.

    The columns are `results.rows.rows.COLUMNS` and `ADDED`: the kind of row (measured, published, missing) and flags
    (`results.scores.kinds`), and the axes of the ablation (`results.scores.axes`). `rows[rows["is_primary"]]` are the
    scores that tables show (is_primary is the column primary of the files), and `results.score(rows, wide=True)` has
    them as numbers. `seconds` is the time of a job's probes and stands in the first of its rows alone, so that a sum
    counts each job once.

    Measured rows come first, one a score, in the study's order. A model and task of the study that were not measured
    have a row without a score, unless another of the runs measured them. Published rows that the studies ask for, and
    those of `reference`, come last.

    Texts are str, empty where there is nothing to say; flags are bool; hidden_layers, epoch and seed are Int64; other
    numbers are float64. Where a model's name stands for several specs, protocols or precisions among the runs, brackets
    behind it say which, so that these are not averaged.

    Args:
        folders: a run's folder (`runs/<study>`, with its `rows.csv`), or several.
        reference: more published scores, as `results.reference.published.published` names them: "leaderboard",
            "fig5:*RF".

    Raises:
        FileNotFoundError: for a folder that is no run.
        ValueError: for no folder, or an unknown reference.
    """
    paths = [folders] if isinstance(folders, str | Path) else list(folders)
    if not paths:
        raise ValueError("no folders to load rows from; expected one or more such as runs/<study>")
    runs = [_typed(with_missing(read_rows(path), read_record(path))) for path in paths]
    of_runs = _missing_everywhere(_named_apart(pd.concat(runs, ignore_index=True)))
    requested = [rows for rows in map(read_reference, paths) if rows is not None]
    references = _typed(pd.concat([*requested, published(reference)])).drop_duplicates(["spec", "task"])
    rows = of_runs if references.empty else pd.concat([of_runs, references], ignore_index=True)
    rows = rows.assign(is_primary=rows["primary"], seconds=rows["seconds"].mask(rows.duplicated(["study", "job"])))
    return with_axes(with_flags(rows))[[*COLUMNS, *ADDED]]


def _typed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[list(COLUMNS)].astype(TYPES)


def _named_apart(rows: pd.DataFrame) -> pd.DataFrame:
    """Give names that stand for several specs, protocols or precisions what sets these apart."""
    names, measured = rows["model"], ~is_missing(rows)
    for column in ("spec", "protocol", "precision"):
        variants = rows[column].where(measured).groupby(names).nunique()
        ambiguous = names.map(variants > 1).astype(bool)
        names = names.where(~ambiguous, names + " [" + rows[column] + "]")
    return rows.assign(model=names)


def _missing_everywhere(rows: pd.DataFrame) -> pd.DataFrame:
    """Leave out missing cells that another run has measured, and repeated ones."""
    missing, cell = is_missing(rows), pd.MultiIndex.from_frame(rows[["model", "task"]])
    elsewhere = cell.isin(cell[~missing]) | cell.duplicated()
    return rows[~(missing & elsewhere)].reset_index(drop=True)
