"""Runs of HEAR tasks for tests of what is handed on: rows as a run has them, without their embeddings."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from results.rows import rows
from results.rows.rows import task_table
from results.scores.records import RecordedCall, RecordedModel, RunRecord, write_record
from tests.results.rows.test_rows import job

CALL = RecordedCall("2026-03-04T05:06:07.000+00:00", "ablate run mine", "1.0.0", "0123456789ab", 19)
SPECS = {
    "base": "passt_demo@block6@w160@smax@t50@demo",
    "floor": "passt_demo@block6@w160@smax@t50@untrained-0",
    "half": "passt_demo@block6@w160@smax@t50@demo ++ cnn_demo@block11@w160@smax@t50@untrained-0",
    "crepe": "crepe_tiny@layer5@wown@smax@t50@published",
    "weighted": "passt_demo@block1+block6@weighted@w160@smax@t50@demo",
}


def folds_of(key: str) -> int:
    """The number of folds that HEAR has of a task."""
    first = task_table().loc[key, "splits"].partition("-")[0]
    return int(first) if first.isdecimal() else 1


def rows_of(model: str, key: str, score: float = 0.5, folders: int | None = None, **changes) -> list[dict]:
    """The rows of a model on a task of HEAR, whose scores lie around a mean.

    Args:
        folders: how many of the task's folders; None for all.
        changes: of the job, such as protocol, or of the row's identity.
    """
    task = task_table().loc[key]
    count = folds_of(key)
    values = [score + 0.01 * (fold - (count - 1) / 2) for fold in range(count)]
    made = []
    for folder in task["hear_folders"].split()[:folders]:
        done = {**job(changes.get("metric", task["primary_metric"]), *values), "task_fp": folder, **changes}
        done["job"] = f"{model}-{folder}-{done['seed']}"
        spec = SPECS[model]
        weights = " ++ ".join(part.split("@")[-1] for part in spec.split(" ++ "))
        identity = {"study": "mine", "model": model, "family": "passt", "spec": spec, "weights": weights}
        made += rows.rows_of(done, {**identity, "task": key})
    return made


def write_run(folder: Path, made: list[dict], **changes: object) -> Path:
    """Write rows and the record of a run."""
    rows.write_rows(pd.DataFrame(made, columns=rows.COLUMNS).to_dict("records"), folder / "rows.csv")
    models = {row["model"]: RecordedModel(row["model"], "passt", row["spec"], row["weights"]) for row in made}
    tasks = tuple(dict.fromkeys(row["task"] for row in made))
    record = RunRecord("mine", models=tuple(models.values()), tasks=tasks, finished=True, calls=(CALL,))
    write_record(dataclasses.replace(record, **changes), folder)
    return folder


def whole(model: str, scores: Mapping[str, float] | None = None) -> list[dict]:
    """The rows of a model on all of HEAR's tasks."""
    return [row for key in task_table().index for row in rows_of(model, key, (scores or {}).get(key, 0.5))]
