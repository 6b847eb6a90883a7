"""Find the faults of a run: damaged jobs, and rows that do not match their jobs."""

import csv
import logging
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from downstream.store.check import Fault
from results.rows.files import check_sum, sums_of
from results.rows.job_files import PREDICTIONS, parse_job, sha256_of
from results.rows.job_files import REMEDY as ADVICE
from results.rows.rows import COLUMNS, as_text, rows_of

logger = logging.getLogger(__name__)

NOT_COMPARED = ("study", "model", "family", "spec", "weights", "task", "source", "tolerance", "seconds")
"""Columns that do not come from the job, and `seconds`, which rows keep from the first time the job was done."""
UNREADABLE = (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile, zlib.error)


def run_faults(run: Path) -> Iterator[Fault]:
    """Check the jobs of a run, and its rows.csv against them.

    Args:
        run: its folder.
    """
    jobs: dict[str, Mapping[str, Any]] = {}
    unsealed = 0
    for path in sorted((run / "jobs").glob("*.json")):
        try:
            job = parse_job(path)
            _check_predictions(path.with_suffix(".npz"), job)
            unsealed += PREDICTIONS not in job
            jobs[job["job"]] = job
        except UNREADABLE as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            text = reason if reason.startswith(str(path)) else f"{path}: not a whole job: {reason}"
            yield Fault(f"{text}; {ADVICE}", (path, path.with_suffix(".npz")))
    if unsealed:
        logger.warning("%s: %d jobs of an earlier version carry no sums, so only their form was checked", run, unsealed)
    yield from _row_faults(run / "rows.csv", jobs)


def _check_predictions(path: Path, job: Mapping[str, Any]) -> None:
    """Raise ValueError, or an error of `UNREADABLE`, if a job's predictions are not whole."""
    if not path.is_file():
        raise ValueError(f"its predictions {path.name} are absent")
    if PREDICTIONS in job and sha256_of(path) != job[PREDICTIONS]:
        raise ValueError(f"its predictions {path.name} are not those that were written")
    with np.load(path) as arrays:
        for fold in job["folds"]:
            shapes = {arrays[f"{fold['fold']}.{name}"].shape for name in ("prediction", "target")}
            offsets = arrays[f"{fold['fold']}.offsets"]
            if len(shapes) != 1 or next(iter(shapes))[0] != offsets[-1]:
                raise ValueError(f"{path.name}: fold {fold['fold']}: predictions {shapes}, {offsets[-1]} items")
            for name in ("files", "timestamps"):
                arrays[f"{fold['fold']}.{name}"]


def _row_faults(path: Path, jobs: Mapping[str, Mapping[str, Any]]) -> Iterator[Fault]:
    if not path.is_file():
        if jobs:
            yield Fault(f"{path}: absent, with {len(jobs)} jobs beside it; the next `ablate run` writes it")
        return
    try:
        check_sum(path, ADVICE)
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except (ValueError, csv.Error) as error:
        text = str(error) if str(error).startswith(str(path)) else f"{path}: {error}; {ADVICE}"
        yield Fault(text, (path, sums_of(path)))
        return
    by_job = defaultdict(list)
    for row in rows:
        by_job[row.get("job", ""), row.get("spec"), row.get("task")].append(row)
    for (name, spec, task), rows_of_job in by_job.items():
        where = f"{path}: rows of {spec} on {task}"
        if name not in jobs:
            yield Fault(f"{where}: no whole job {name} is there; the next `ablate run` makes it anew")
            continue
        expected = [{column: as_text(value) for column, value in row.items()} for row in rows_of(jobs[name], {})]
        difference = _difference(rows_of_job, expected)
        if difference:
            yield Fault(f"{where}: not those of its job file {name}: {difference}; {ADVICE}", (path, sums_of(path)))
            return


def _difference(rows: list[dict[str, str]], expected: list[dict[str, str]]) -> str:
    """Describe the first difference; "" if there is none."""
    if len(rows) != len(expected):
        return f"{len(rows)} rows, expected {len(expected)}"
    for row, other in zip(rows, expected, strict=True):
        for name in COLUMNS:
            if name in row and name not in NOT_COMPARED and row[name] != other[name]:
                return f"fold {row['fold']}, {row['metric']}: {name} {row[name]!r}, expected {other[name]!r}"
    return ""
