"""Rows: one score each, tidy; and the folder of a study's run that holds them.

``runs/<study>/jobs/<job>.json`` is one job with all its folds (beside it ``<job>.npz``, its test predictions), complete
or absent; ``runs/<study>/rows.csv`` is made from them and from the study's specs: measured rows only.
Published rows that the study asks for are ``runs/<study>/reference.csv``.
"""

import csv
import functools
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from results.files import replacing

COLUMNS = (
    *("study", "model", "family", "spec", "weights", "task", "split_mode", "fold", "metric", "primary", "score"),
    *("validation_score", "hidden_layers", "lr", "init", "epoch", "seed", "protocol", "precision", "device"),
    *("embedder_fp", "task_fp", "job", "versions", "seconds", "source", "tolerance", "reason"),
)
"""`reason` says of a score that is missing (NaN) why it is not defined. `source` says where a published score is from;
of measured ones it is empty."""
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
    "epoch",
)
"""What has to be equal after a run was killed and started again."""

REFERENCE_NAME = "reference.csv"
TASKS_FILE = Path(__file__).parent / "reference" / "tasks.csv"


def rows_of(job: Mapping[str, Any], identity: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The rows of one job under one of the specs that point at it.

    Args:
        job: a job's JSON. identity: study, model, family, spec, weights and task.
    """
    shared = {name: job.get(name) for name in COLUMNS if name in job} | dict(identity)
    shared["versions"] = " ".join(f"{name}={version}" for name, version in sorted(job["versions"].items()))
    found = []
    for fold in job["folds"]:
        for position, (metric, score) in enumerate(fold["scores"].items()):
            scored = {"fold": fold["fold"], "metric": metric, "primary": position == 0, "score": score}
            scored["reason"] = fold.get("missing", {}).get(metric)
            chosen = {name: fold[name] for name in ("validation_score", "hidden_layers", "lr", "init", "epoch")}
            found.append({**dict.fromkeys(COLUMNS), **shared, **scored, **chosen})
    return found


def write_rows(rows: Iterable[Mapping[str, Any]], path: Path) -> None:
    """`rows.csv`, written beside its place and renamed into it."""
    with replacing(path) as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def read_rows(folder: str | Path) -> pd.DataFrame:
    """The rows of a run: one row a score.

    Raises:
        FileNotFoundError: where the study has not been run.
    """
    path = Path(folder) / "rows.csv"
    if not path.is_file():
        raise FileNotFoundError(f"no rows at {path}; make them with: ablate run {Path(folder).name}")
    return _parse(path)


def write_reference(rows: pd.DataFrame, path: Path) -> None:
    """Published rows as a file, such as `reference.csv` beside `rows.csv`; absent where there are none."""
    if rows.empty:
        path.unlink(missing_ok=True)
    else:
        write_rows(rows.astype(object).where(rows.notna(), None).to_dict("records"), path)


def read_reference(folder: str | Path) -> pd.DataFrame | None:
    """The published rows beside a run's own; None where it has none."""
    path = Path(folder) / REFERENCE_NAME
    return _parse(path) if path.is_file() else None


def _parse(path: Path) -> pd.DataFrame:
    texts = [name for name in COLUMNS if name not in (*NUMBERS, "primary")]
    found = pd.read_csv(
        path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values={name: ["", "nan"] for name in NUMBERS}
    )
    absent = {name: "" for name in texts if name not in found}  # in rows of an earlier version
    return found.assign(**absent)


def read_job(path: Path) -> dict[str, Any]:
    """A job's JSON."""
    return json.loads(path.read_text())


@functools.cache
def task_table() -> pd.DataFrame:
    """The 19 HEAR tasks by key: folders, names, category, primary metric, public archive."""
    return pd.read_csv(TASKS_FILE, index_col="key", keep_default_na=False)


def task_key(folder_name: str) -> str:
    """The key of a HEAR task folder; any other task is called by its folder's name."""
    for key, folders in task_table()["hear_folders"].items():
        if folder_name in folders.split():
            return str(key)
    return folder_name
