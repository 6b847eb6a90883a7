"""A task with a few clips of each split, for a quick look."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from downstream.tasks.task import Event, Task


def limited(task: Task, clips: int | None) -> Task:
    """Keep at most a number of clips of each split, the same ones every time.

    Labels get turns, so that the clips are spread over them as evenly as the split allows. Among the clips of a label
    a hash of the name decides.

    Args:
        task: the whole task.
        clips: the number of clips; None keeps all.
    """
    if clips is None:
        return task
    items = {split: _limited(of_split, task.labels, clips) for split, of_split in task.items.items()}
    groups = {
        split: {file: group for file, group in of_split.items() if file in items[split]}
        for split, of_split in task.groups.items()
    }
    return replace(task, items=items, groups=groups)


def check_limit(task: Task, clips: int | None) -> None:
    """Raise ValueError if a split has more clips than a protocol allows."""
    for split, files in task.items.items():
        if clips is not None and len(files) > clips:
            raise ValueError(
                f"{task.folder}: {split} has {len(files)} clips, and the protocol uses {clips}; "
                "downstream.tasks.limited.limited leaves out the others"
            )


def _limited(items: Mapping[str, tuple[Any, ...]], labels: Sequence[str], clips: int) -> Mapping[str, tuple[Any, ...]]:
    if len(items) <= clips:
        return items
    chosen: set[str] = set()
    counts = dict.fromkeys([*labels, ""], 0)  # "" stands for no label
    waiting: dict[str, list[str]] = {label: [] for label in counts}
    for file in sorted(items, key=_hash, reverse=True):
        for label in labels_of(items[file]):
            waiting[label].append(file)
    while len(chosen) < clips:
        label = min((label for label in counts if waiting[label]), key=counts.__getitem__)
        file = waiting[label].pop()
        if file not in chosen:
            chosen.add(file)
            for present in labels_of(items[file]):
                counts[present] += 1
    return {file: items[file] for file in items if file in chosen}


def labels_of(items: Sequence[Any]) -> set[str]:
    """The labels of a clip; "" for a clip without one, as of a regression task."""
    named = (item.label if isinstance(item, Event) else item for item in items)
    return {label for label in named if isinstance(label, str)} or {""}


def _hash(file: str) -> str:
    return hashlib.sha256(file.encode()).hexdigest()
