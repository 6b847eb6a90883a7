"""What a run's folder says of its study beside the rows: `study.json`, and the cells that have no row.

The file is written by whoever runs a study, with its rows; figures, tables and reports need no YAML then. Folders of an
earlier version have none.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from results.reference.published import is_published
from results.rows.files import replacing
from results.rows.rows import COLUMNS, NUMBERS, task_table

NAME = "study.json"
LONGEST = 140
"""Letters of a reason in a note; `study.json` has all of them."""


@dataclass(frozen=True)
class RecordedModel:
    """A model of the study: what its rows say of it."""

    label: str
    family: str
    spec: str
    weights: str


@dataclass(frozen=True)
class RecordedFailure:
    """What could not be run: some models (none named: all) on a task (none named: all).

    `absent` says that the task is not there at all; the reason says how to get it.
    """

    models: tuple[str, ...]
    task: str
    reason: str
    absent: bool = False

    def __str__(self) -> str:
        what = " on ".join(name for name in (" and ".join(self.models), self.task) if name)
        said = self.absent or not what or self.reason.startswith(f"{what}:")
        return self.reason if said else f"{what}: {self.reason}"


@dataclass(frozen=True)
class RunRecord:
    """A study as it was run.

    Attributes:
        figure: a name of `results.figures.FIGURES`. reference: names of published scores. tasks: as rows call them, in
            the study's order, absent ones too. not_applicable: "<model> on <task>: <why>". finished: whether the run
            came to its end, failures or not.
    """

    study: str
    figure: str = "bars"
    reference: tuple[str, ...] = ()
    protocol: str = "hear2021"
    precision: str = "fp32"
    seeds: tuple[int, ...] = (0,)
    models: tuple[RecordedModel, ...] = ()
    tasks: tuple[str, ...] = ()
    failures: tuple[RecordedFailure, ...] = field(default=())
    not_applicable: tuple[str, ...] = ()
    finished: bool = False

    def why_missing(self, model: str, task: str) -> str:
        """Why a model has no score of a task; empty where it does not apply."""
        if any(text.startswith(f"{model} on {task}:") for text in self.not_applicable):
            return ""
        for failure in self.failures:
            if (not failure.models or model in failure.models) and failure.task in ("", task):
                return "the task is absent" if failure.absent else failure.reason
        return "has not been run"


def write_record(record: RunRecord, folder: str | Path) -> None:
    """`study.json` of a run's folder, written beside its place and renamed into it."""
    with replacing(Path(folder) / NAME) as file:
        file.write(json.dumps(asdict(record), indent=1, ensure_ascii=False) + "\n")


def read_record(folder: str | Path) -> RunRecord | None:
    """The record of a run's folder; None where it has none.

    Raises:
        ValueError: names the file where it is not one of these.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        lists = {key: tuple(value) for key, value in found.items() if isinstance(value, list)}
        models = tuple(RecordedModel(**model) for model in found.pop("models", ()))
        failures = tuple(
            RecordedFailure(**{**failure, "models": tuple(failure["models"])}) for failure in found.pop("failures", ())
        )
        return RunRecord(**{**found, **lists, "models": models, "failures": failures})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: not the record of a run: {error}; `ablate run` writes it anew") from None


def with_missing(rows: pd.DataFrame, record: RunRecord | None) -> pd.DataFrame:
    """The rows, with a row without score, fold and seed for each model and task of the study that has none.

    Its `reason` says why. Models are in the study's order. What does not apply has no such row.
    """
    if record is None:
        return rows
    published = is_published(rows)
    measured, references = rows[~published], rows[published]
    there = set(zip(measured["spec"], measured["task"], strict=True))
    primary = measured[measured["primary"].astype(bool)]
    metrics = task_table()["primary_metric"].to_dict() | dict(zip(primary["task"], primary["metric"], strict=True))
    tasks = dict.fromkeys([*measured["task"], *record.tasks])
    missing = [
        _missing(record, model, task, metrics.get(task, ""), why)
        for model in record.models
        for task in tasks
        if (model.spec, task) not in there and (why := record.why_missing(model.label, task))
    ]
    if not missing:
        return rows
    places = {model.spec: place for place, model in enumerate(record.models)}
    whole = pd.concat([measured, pd.DataFrame(missing, columns=list(rows.columns))], ignore_index=True)
    order = whole["spec"].map(places).fillna(len(places)).sort_values(kind="stable").index
    return pd.concat([whole.loc[order], references], ignore_index=True)


def is_missing(rows: pd.DataFrame) -> pd.Series:
    """Whether a row is of a cell that was not measured (see `with_missing`)."""
    return (rows["fold"].fillna("").astype(str) == "") & ~is_published(rows)


def of_absent_tasks(rows: pd.DataFrame) -> pd.Series:
    """Whether a row is of a cell that was not measured, of a task on which nothing was."""
    missing = is_missing(rows)
    return missing & ~rows["task"].isin(rows.loc[~missing & ~is_published(rows), "task"])


def missing_notes(rows: pd.DataFrame) -> list[str]:
    """A line for each reason why cells were not measured, with their models and tasks."""
    missing = rows[is_missing(rows)]
    lines = []
    for reason, group in missing.groupby("reason", sort=False):
        of_tasks = group.groupby("task", sort=False)["model"].agg(tuple)
        several = rows.loc[~is_published(rows), "model"].nunique()
        for models, tasks in of_tasks.groupby(of_tasks, sort=False):
            who = "every model" if len(models) == several > 1 else _listed(models)
            lines.append(f"– not measured: {who} on {_listed(tasks.index)}: {_short(str(reason).removesuffix('.'))}.")
    return lines


def _missing(record: RunRecord, model: RecordedModel, task: str, metric: str, why: str) -> dict[str, Any]:
    row = {name: float("nan") if name in NUMBERS else "" for name in COLUMNS}
    about = {"study": record.study, "model": model.label, "family": model.family, "spec": model.spec}
    run = {"weights": model.weights, "protocol": record.protocol, "precision": record.precision}
    return row | about | run | {"task": task, "metric": metric, "primary": True, "reason": why}


def _short(reason: str) -> str:
    return reason if len(reason) <= LONGEST else f"{reason[: LONGEST - 4]} ..."


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    return ", ".join(names) if len(names) <= 8 else f"{', '.join(names[:8])} and {len(names) - 8} more"
