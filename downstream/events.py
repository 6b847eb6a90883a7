"""Events and timestamps: labels of timestamps for training, and events from predictions.

Source: Turian et al. 2022 and hear-eval-kit 2021.1.3, whose behavior is kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import median_filter
from sklearn.model_selection import ParameterGrid

from downstream.task import Event

THRESHOLD = 0.5  # of a predicted probability
DEFAULT_GRID = {"median_filter_ms": [250], "min_duration": [125, 250]}


@dataclass(frozen=True, order=True)
class PostProcessing:
    """How predictions become events, both in ms; ordered, since ties go to the larger."""

    median_filter_ms: float
    min_duration: float


def postprocessing_grid(evaluation_params: Mapping) -> list[PostProcessing]:
    """The settings to choose from: the task's own, or HEAR's default; ValueError for a broken grid."""
    grid = evaluation_params.get("event_postprocessing_grid", DEFAULT_GRID)
    numbers = isinstance(grid, Mapping) and all(
        isinstance(values, list) and values and all(isinstance(v, int | float) for v in values)
        for values in grid.values()
    )
    if not numbers or set(grid) != set(DEFAULT_GRID):
        raise ValueError(f"event_postprocessing_grid must list numbers for {' and '.join(DEFAULT_GRID)}, got {grid!r}")
    return [PostProcessing(**point) for point in ParameterGrid(grid)]


def targets(events: Sequence[Event], timestamps: np.ndarray, labels: Sequence[str]) -> np.ndarray:
    """Each timestamp is labelled with every event whose [start, end] holds it, both ends included.

    Shape:
        timestamps (steps,) in ms -> (steps, labels), 0 or 1, float32.
    """
    found = np.zeros((len(timestamps), len(labels)), dtype=np.float32)
    for event in events:
        held = (event.start <= timestamps) & (timestamps <= event.end)
        found[held, labels.index(event.label)] = 1
    return found


def decode(
    probabilities: np.ndarray, timestamps: np.ndarray, labels: Sequence[str], settings: PostProcessing
) -> list[Event]:
    """The events of one file: median filter over time, threshold, runs of consecutive positive steps.

    A run becomes the event [first timestamp, last timestamp] and is kept when at least `min_duration` long. The filter
    is round(filter / mean step) wide, half to even, left out when that is 0; edges are reflected.

    Args:
        probabilities: (steps, labels). timestamps: (steps,) in ms, in any order.

    Returns:
        Sorted by start, then by label index.
    """
    order = np.argsort(timestamps, kind="stable")
    timestamps, probabilities = timestamps[order], probabilities[order]
    step = float(np.mean(np.diff(timestamps))) if len(timestamps) > 1 else 0.0
    width = round(settings.median_filter_ms / step) if step else 0
    if width:
        probabilities = median_filter(probabilities, size=(width, 1))
    edges = np.diff((probabilities > THRESHOLD).astype(np.int8), axis=0, prepend=0, append=0)
    found = []
    for index, label in enumerate(labels):
        firsts, ends = np.flatnonzero(edges[:, index] == 1), np.flatnonzero(edges[:, index] == -1)
        for first, last in zip(firsts, ends - 1, strict=True):
            if timestamps[last] - timestamps[first] >= settings.min_duration:
                found.append(Event(label, float(timestamps[first]), float(timestamps[last])))
    return sorted(found, key=lambda event: event.start)
