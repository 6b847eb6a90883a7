"""Models and tasks of a study that have no score: their rows, and why each is missing."""

from collections.abc import Iterable

import pandas as pd

from results.reference.published import is_published
from results.rows.rows import COLUMNS, NUMBERS, task_table
from results.scores.conditions import parts
from results.scores.kinds import MEASURED, is_missing, kinds
from results.scores.records import RecordedModel, RunRecord

LONGEST_REASON = 140
"""Letters of a reason in a note; `study.json` has all of them."""
MOST_NAMES = 8
"""More models or tasks than this are counted in a note."""


def with_missing(rows: pd.DataFrame, record: RunRecord | None) -> pd.DataFrame:
    """Add a row without score, fold and seed for each model and task of the study that has no row.

    The row's `reason` says why. Models then stand in the study's order. A model and task that the record calls not
    applicable get no row.
    """
    if record is None:
        return rows
    published = is_published(rows)
    measured, references = rows[~published], rows[published]
    known = set(zip(measured["spec"], measured["task"], strict=True))
    primary = measured[measured["primary"].astype(bool)]
    metrics = task_table()["primary_metric"].to_dict() | dict(zip(primary["task"], primary["metric"], strict=True))
    tasks = dict.fromkeys([*measured["task"], *record.tasks])
    missing = [
        _row(record, model, task, metrics.get(task) or metrics.get(parts(task).task, ""), reason)
        for model in record.models
        for task in tasks
        if (model.spec, task) not in known and (reason := record.why_missing(model.label, task))
    ]
    if not missing:
        return rows
    places = {model.spec: place for place, model in enumerate(record.models)}
    whole = pd.concat([measured, pd.DataFrame(missing, columns=list(rows.columns))], ignore_index=True)
    order = whole["spec"].map(places).fillna(len(places)).sort_values(kind="stable").index
    return pd.concat([whole.loc[order], references], ignore_index=True)


def of_absent_tasks(rows: pd.DataFrame) -> pd.Series:
    """Whether each row is missing on a task that no model was measured on."""
    return is_missing(rows) & ~rows["task"].isin(rows.loc[kinds(rows) == MEASURED, "task"])


def missing_notes(rows: pd.DataFrame) -> list[str]:
    """Say for each reason which models and tasks were not measured, a line each."""
    missing = rows[is_missing(rows)]
    models_of_run = rows.loc[~is_published(rows), "model"].nunique()
    lines = []
    for reason, group in missing.groupby("reason", sort=False):
        models_by_task = group.groupby("task", sort=False)["model"].agg(tuple)
        for models, tasks in models_by_task.groupby(models_by_task, sort=False):
            who = "every model" if len(models) == models_of_run > 1 else _listed(models)
            lines.append(f"– not measured: {who} on {_listed(tasks.index)}: {_short(str(reason).removesuffix('.'))}.")
    return lines


def _row(record: RunRecord, model: RecordedModel, task: str, metric: str, reason: str) -> dict[str, object]:
    return {
        **{name: float("nan") if name in NUMBERS else "" for name in COLUMNS},
        **{"study": record.study, "model": model.label, "family": model.family, "spec": model.spec},
        **{"weights": model.weights, "protocol": record.protocol, "precision": record.precision},
        **{"task": task, "metric": metric, "primary": True, "reason": reason},
    }


def _short(reason: str) -> str:
    return reason if len(reason) <= LONGEST_REASON else f"{reason[: LONGEST_REASON - 4]} ..."


def _listed(names: Iterable[str]) -> str:
    names = list(names)
    rest = len(names) - MOST_NAMES
    return ", ".join(names) if rest <= 0 else f"{', '.join(names[:MOST_NAMES])} and {rest} more"
