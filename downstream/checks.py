"""Check a task's metadata and embeddings before any probe is trained."""

import logging
from collections.abc import Mapping

import numpy as np

from downstream.events import targets
from downstream.probes.features import first_bad_item
from downstream.probes.protocol import Protocol
from downstream.scores import metrics
from downstream.splits import LabelledSplit
from downstream.tasks.task import Task

logger = logging.getLogger(__name__)

NO_LABELS = "the targets of a regression task are numbers, and"
"""The beginning of the reasons of `reason_against`."""


def check_task(task: Task) -> None:
    """Raise ValueError for metrics and post-processing that do not fit the task."""
    source = task.folder / "task_metadata.json"
    try:
        for metric in map(metrics.get, task.metrics):
            if foreign := metric.foreign_to(task.embedding_type, task.prediction_type):
                raise ValueError(f"{metric.name} is not a metric of {foreign} tasks")
        grid = targets.postprocessing_grid(task.evaluation_params)
    except ValueError as error:
        raise ValueError(f"{source}: evaluation: {error}") from None
    if task.is_event and task.selects_by_loss and len(grid) != 1:
        expected = "exactly one point, as the validation loss selects"
        raise ValueError(f"{source}: event_postprocessing_grid must have {expected}, got {len(grid)}")


def check_protocol(task: Task, protocol: Protocol) -> None:
    """Raise ValueError for a protocol under which a task has no score."""
    if reason := reason_against(task, protocol):
        raise ValueError(f"{task.folder}: protocol {protocol}: {reason}")


def reason_against(task: Task, protocol: Protocol) -> str | None:
    """Why a task has no score under a protocol, in one line; None if it has one."""
    if task.is_regression and protocol.base == "logistic":
        return f"{NO_LABELS} logistic regression predicts labels (ridge predicts numbers)"
    if task.is_regression and protocol.fewshot is not None:
        return f"{NO_LABELS} fewshot{protocol.fewshot} draws clips of each label (fraction0.1 draws a share of all)"
    return None


def check_splits(task: Task, splits: Mapping[str, LabelledSplit]) -> None:
    """Raise ValueError for features that are not finite, and for folds of fewer than two training items.

    Labels without a training item in a fold are logged.
    """
    for name, split in splits.items():
        bad = first_bad_item(split.x)
        if bad is not None:
            file = split.files[int(np.searchsorted(split.offsets, bad, side="right")) - 1]
            raise ValueError(f"{task.folder}: {name}: the embedding of {file} (row {bad}) holds NaN or infinity")
    for fold in task.folds():
        items = sum(len(splits[name].y) for name in fold.train)
        if items < 2:
            raise ValueError(f"{task.folder}: fold {fold.name} has {items} training item, expected at least 2")
        if task.is_regression:
            continue
        seen = np.any([splits[name].y.any(axis=0) for name in fold.train], axis=0)
        if not seen.all():
            absent = [label for label, is_seen in zip(task.labels, seen, strict=True) if not is_seen]
            shown = ", ".join(absent[:5]) + (", ..." if len(absent) > 5 else "")
            logger.info("%s: fold %s has no training item of %s", task.name, fold.name, shown)
