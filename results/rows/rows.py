"""Rows: one score each, or the weight of a level, tidy; and the folder of a study's run that holds them.

``runs/<study>/jobs/<job>.json`` is one job with all its folds (beside it ``<job>.npz``, its test predictions), complete
or absent; ``runs/<study>/rows.csv`` is made from them and from the study's specs: measured rows only.
Published rows that the study asks for are ``runs/<study>/reference.csv``.
"""

import csv
import functools
import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from results.rows.files import check_sum, write_summed, write_text
from results.rows.job_files import CHOSEN

COLUMNS = (
    *("study", "model", "family", "spec", "weights", "task", "split_mode", "fold", "metric", "primary", "score"),
    *("validation_score", "hidden_layers", "lr", "init", "setting", "epoch", "seed", "protocol", "precision", "device"),
    *("embedder_fp", "task_fp", "job", "versions", "seconds", "source", "tolerance", "reason"),
)
"""`reason` says why a missing score (NaN) is not defined. `source` says where a score was published; it is empty for
measured ones. `setting` is what validation chose for a probe without epochs, such as "k=5"; it is empty for others."""
NUMBERS = ("score", "validation_score", "hidden_layers", "lr", "epoch", "seed", "seconds", "tolerance")
RESULT_COLUMNS = (
    "model",
    "task",
    "fold",
    "metric",
    "score",
    "validation_score",
    "hidden_layers",
    "lr",
    "init",
    "setting",
    "epoch",
)
"""Columns that have to be equal after a run was killed and started again."""

WEIGHT = "weight."
"""The metric of a row that is no score, but the weight that a probe learned for a level: ``weight.block6``."""
REFERENCE_NAME = "reference.csv"
REMEDY = "remove it, and the next `ablate run` makes it anew from jobs/"
CONDITION_MARK = "+"  # between a task and its conditions
TASKS_FILE = Path(__file__).parents[1] / "reference" / "tasks.csv"


def rows_of(job: Mapping[str, Any], identity: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Make the rows of a job under one of the specs that point at it.

    Args:
        job: a job's JSON.
        identity: study, model, family, spec, weights and task.
    """
    shared = {name: job.get(name) for name in COLUMNS if name in job} | dict(identity)
    shared["versions"] = " ".join(f"{name}={version}" for name, version in sorted(job["versions"].items()))
    rows = []
    for fold in job["folds"]:
        for position, (metric, score) in enumerate(fold["scores"].items()):
            scored = {"fold": fold["fold"], "metric": metric, "primary": position == 0, "score": score}
            scored["reason"] = fold.get("missing", {}).get(metric)
            chosen = {name: fold[name] for name in CHOSEN} | {"setting": fold.get("setting")}
            rows.append({**dict.fromkeys(COLUMNS), **shared, **scored, **chosen})
        for level, weight in (fold.get("level_weights") or {}).items():
            weighted = {"metric": f"{WEIGHT}{level}", "primary": False, "score": weight, "reason": None}
            rows.append({**rows[-1], **weighted})
    return rows


def as_text(value: Any) -> str:
    """Write a value of a row as `rows.csv` has it."""
    return "" if value is None else str(value)


def write_rows(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """Write `rows.csv` beside its place, then rename it into it; its sum lies beside it."""
    write_summed(path, _as_csv(rows))


def read_rows(folder: str | Path) -> pd.DataFrame:
    """Read the rows of a run, one row a score.

    Raises:
        FileNotFoundError: where the study has not been run.
        ValueError: names a file, and the line, that is not what was written; says what to do.
    """
    path = Path(folder) / "rows.csv"
    if not path.is_file():
        raise FileNotFoundError(f"no rows at {path}; make them with: ablate run {Path(folder).name}")
    return _parse(path)


def write_reference(rows: pd.DataFrame, path: Path) -> None:
    """Write published rows to a file, such as `reference.csv` beside `rows.csv`; remove it where there are none."""
    if rows.empty:
        path.unlink(missing_ok=True)
    else:
        write_text(path, _as_csv(rows.astype(object).where(rows.notna(), None).to_dict("records")))


def read_reference(folder: str | Path) -> pd.DataFrame | None:
    """Read the published rows beside those of a run; None where it has none."""
    path = Path(folder) / REFERENCE_NAME
    return _parse(path) if path.is_file() else None


def _as_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _parse(path: Path) -> pd.DataFrame:
    texts = [name for name in COLUMNS if name not in (*NUMBERS, "primary")]
    missing = {name: ["", "nan"] for name in NUMBERS}
    try:
        rows = pd.read_csv(path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=missing)
    except ValueError as error:
        raise ValueError(f"{path}: not readable as rows ({' '.join(str(error).split())}); {REMEDY}") from None
    for name in (*NUMBERS, "primary"):
        _check_column(path, rows, name)
    check_sum(path, REMEDY)
    absent = {name: "" for name in texts if name not in rows}  # in rows of an earlier version
    return rows.assign(**absent)


def _check_column(path: Path, rows: pd.DataFrame, name: str) -> None:
    """Raise ValueError, which names the line, where a column of numbers holds text."""
    if name not in rows or pd.api.types.is_numeric_dtype(rows[name]):
        return
    good = (
        rows[name].isin([True, False, "True", "False"])
        if name == "primary"
        else pd.to_numeric(rows[name], "coerce").notna()
    )
    bad = rows[name][~good & rows[name].notna()]
    if len(bad):
        expected = "True or False" if name == "primary" else "a number"
        where = f"{path}: line {int(bad.index[0]) + 2}"
        raise ValueError(f"{where}: {name} must be {expected}, got {bad.iloc[0]!r}; {REMEDY}")


@functools.cache
def task_table() -> pd.DataFrame:
    """Read the 19 HEAR tasks by key: folders, names, category, primary metric, public archive."""
    return pd.read_csv(TASKS_FILE, index_col="key", keep_default_na=False)


def task_key(folder_name: str) -> str:
    """Give the key of a HEAR task folder; any other task is called by its folder's name.

    Conditions behind a name stay there.
    """
    folder, plus, conditions = folder_name.partition(CONDITION_MARK)
    for key, folders in task_table()["hear_folders"].items():
        if folder in folders.split():
            return f"{key}{plus}{conditions}"
    return folder_name
