"""Targets of timestamps for training, and the settings by which predictions become events.

Source: Turian et al. 2022 and hear-eval-kit 2021.1.3, whose behavior is kept.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.model_selection import ParameterGrid

from downstream.disk import fields
from downstream.events.columns import event_columns
from downstream.tasks.task import Event

DEFAULT_GRID = {"median_filter_ms": [250], "min_duration": [125, 250]}
SLACK_MS = 1e-4
"""How long after its end an event still labels timestamps: hear-eval-kit adds this to every end, in float64."""


@dataclass(frozen=True, order=True)
class PostProcessing:
    """How predictions become events, both in ms; ordered, since the larger setting wins a tie."""

    median_filter_ms: float
    min_duration: float


def postprocessing_grid(evaluation_params: Mapping[str, Any]) -> list[PostProcessing]:
    """The settings to choose from: the task's, or HEAR's default; ValueError for a broken grid."""
    grid = evaluation_params.get("event_postprocessing_grid", DEFAULT_GRID)
    name = "event_postprocessing_grid"
    expected = f"an object with lists of numbers, {' and '.join(DEFAULT_GRID)}"
    if set(fields.mapping(grid, name, expected)) != set(DEFAULT_GRID) or not all(grid.values()):
        raise fields.wrong(grid, name, expected)
    for key, values in grid.items():
        fields.list_of(_not_negative, values, f"{name}: {key}", "a list of numbers")
    return [PostProcessing(**point) for point in ParameterGrid(grid)]


def _not_negative(value: Any, where: str) -> float:
    number = fields.number(value, where)
    if number < 0:
        raise fields.wrong(value, where, "a number of at least 0")
    return number


def targets(events: Sequence[Event], timestamps: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Label each timestamp with every event that holds it: start <= timestamp < end + `SLACK_MS`.

    So both ends are included, even if rounding puts an end just below a timestamp (32299.999999999996 ms).

    >>> targets([Event("dog", 50.0, 100.0)], np.array([0.0, 50.0, 100.0, 150.0]), ["dog"]).ravel()
    array([0., 1., 1., 0.], dtype=float32)

    Args:
        timestamps: (steps,) in ms, in any order.
        labels: the vocabulary, in index order.

    Returns:
        (steps, labels) float32, 0 or 1.
    """
    columns = event_columns([events], labels)
    order = np.argsort(timestamps, kind="stable")
    times = np.asarray(timestamps)[order]
    begun = np.zeros((len(times) + 1, len(labels)), dtype=np.int32)
    first, stop = np.searchsorted(times, columns.start, "left"), np.searchsorted(times, columns.end + SLACK_MS, "left")
    np.add.at(begun, (first, columns.label), 1)
    np.subtract.at(begun, (np.maximum(first, stop), columns.label), 1)
    labelled = np.empty((len(times), len(labels)), dtype=np.float32)
    labelled[order] = np.cumsum(begun[:-1], axis=0) > 0
    return labelled


def rests_on_slack(events: Iterable[Event], hop_ms: int) -> bool:
    """Whether a multiple of `hop_ms` lies behind the end of an event, and only `SLACK_MS` labels it."""
    ends = np.array([event.end for event in events], dtype=np.float64)
    following = np.floor(ends) + 1
    return bool(((following < ends + SLACK_MS) & (following % hop_ms == 0)).any())
