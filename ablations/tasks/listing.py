"""The table of tasks: HEAR's, the packaged ones, and one's own; what each is, and whether it is here."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pandas as pd

from ablations.tasks.names import below
from downstream.tasks.packaged import MAKERS, demo_task
from downstream.tasks.task import Task
from results.rows.rows import task_key, task_table

COLUMNS = ("task", "kind", "category", "metric", "labels", "clips", "hours", "installed", "where", "problem")
KINDS = ("scene", "event")


def tasks_table(tasks_folder: Path, store: Path) -> pd.DataFrame:
    """List all tasks, a row each: packaged ones, HEAR's 19, and the other folders in the folder of tasks.

    Args:
        tasks_folder: where task folders lie.
        store: where packaged tasks are unpacked.

    Returns:
        The columns task (what a study calls it), kind (scene or event), category, metric (the primary one), labels,
        clips, hours, installed, where (the folder), and problem (why it can't be read). What is not known is missing:
        labels of tasks that are not installed, hours where clips vary in length.
    """
    hear = task_table()
    own = [name for name in below(tasks_folder) if task_key(name) not in hear.index]
    rows = [
        *(_packaged(name, store) for name in MAKERS),
        *(_of_hear(key, tasks_folder) for key in hear.index),
        *({"task": name, **_read([tasks_folder / name])} for name in own),
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"labels": "Int64", "clips": "Int64"})


def selected(
    table: pd.DataFrame,
    patterns: Sequence[str] = (),
    *,
    kind: str | None = None,
    category: str | None = None,
    installed: bool = False,
) -> pd.DataFrame:
    """The rows of a table of tasks that fit all conditions.

    Args:
        table: what `tasks_table` gave.
        patterns: of names, such as "mridangam*" or a part of the name; one has to fit.
        kind, category: the value of that column.
        installed: whether the task has to be here.
    """
    fits = pd.Series(True, index=table.index)
    if patterns:
        fits &= fitting(table["task"], patterns)
    if kind:
        fits &= table["kind"] == kind
    if category:
        fits &= table["category"] == category
    if installed:
        fits &= table["installed"]
    return table[fits]


def fitting(names: pd.Series, patterns: Sequence[str]) -> pd.Series:
    """Which names a pattern fits in any case: a whole name, else a part of names or letters with `*`."""
    lower = names.str.lower()
    fits = pd.Series(False, index=names.index)
    for pattern in map(str.lower, patterns):
        exact = lower == pattern
        fits |= exact if exact.any() else lower.map(lambda name, p=pattern: p in name or fnmatchcase(name, p))
    return fits


def to_lines(table: pd.DataFrame) -> Iterator[list[str]]:
    """The rows of a table of tasks as texts; the last one says whether the task is here."""
    for row in table.itertuples():
        here = (
            "packaged" if row.task in MAKERS else "yes" if row.installed else "no" if pd.isna(row.problem) else "broken"
        )
        known = (row.task, row.kind, row.category, row.metric, row.labels, row.clips, row.hours)
        texts = [
            "" if pd.isna(value) else f"{value:.3g}" if isinstance(value, float) else str(value) for value in known
        ]
        yield [*texts, here]


def _packaged(name: str, store: Path) -> dict[str, Any]:
    return {"task": name, **_read([demo_task(name, store)])}


def _of_hear(key: str, tasks_folder: Path) -> dict[str, Any]:
    facts = task_table().loc[key]
    row = {"task": key, "category": facts["category"]}
    folders = [tasks_folder / folder for folder in facts["hear_folders"].split()]
    if all(folder.is_dir() for folder in folders):
        return row | _read(folders)
    seconds = float(facts["clip_s"]) if facts["clip_s"] else None
    return row | {
        "kind": "event" if facts["primary_metric"].startswith("event") else "scene",
        "metric": facts["primary_metric"],
        "clips": int(facts["clips"]),
        "hours": int(facts["clips"]) * seconds / 3600 if seconds else None,
        "installed": False,
    }


def _read(folders: Sequence[Path]) -> dict[str, Any]:
    """What the folders of a task say of it."""
    try:
        tasks = [Task.from_dir(folder) for folder in folders]
    except (ValueError, OSError) as error:
        return {"installed": False, "problem": str(error)}
    clips = [len(files) for task in tasks for files in task.items.values()]
    lengths = {task.metadata.get("sample_duration") for task in tasks}
    seconds = lengths.pop() if len(lengths) == 1 else None
    return {
        "kind": tasks[0].embedding_type,
        "metric": tasks[0].metrics[0],
        "labels": len(tasks[0].labels),
        "clips": sum(clips),
        "hours": sum(clips) * seconds / 3600 if seconds else None,
        "installed": True,
        "where": ", ".join(map(str, folders)),
    }
