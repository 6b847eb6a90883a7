"""Make events of predictions, for all files and labels of a split at once.

Source: Turian et al. 2022 and hear-eval-kit 2021.1.3, whose behavior is kept. The kit filters probabilities with
`scipy.ndimage.median_filter`, then applies the threshold. Here the threshold comes first: the median of a window
exceeds it exactly if enough of the window's values do, so counting them suffices.
"""

import itertools
from dataclasses import dataclass

import numpy as np

from downstream.events.columns import EventColumns
from downstream.events.targets import PostProcessing

THRESHOLD = 0.5  # a larger probability is positive


@dataclass(frozen=True, eq=False)
class Timeline:
    """The steps of a split's files, in the order of time.

    Attributes:
        times: (items,) timestamps in ms, sorted within each file.
        file: (items,) the index of the file.
        order: (items,) the item of each step; None if the items are sorted.
        offsets: (files + 1,), steps offsets[i] to offsets[i + 1] belong to file i.
        step: (files,) mean difference of successive timestamps in ms, 0 for a file of one step.
    """

    times: np.ndarray
    file: np.ndarray
    order: np.ndarray | None
    offsets: np.ndarray
    step: np.ndarray

    def widths(self, filter_ms: float) -> tuple[int, ...]:
        """The width of a filter in steps for each file, rounded half to even; 0 means no filter."""
        width = np.divide(filter_ms, self.step, out=np.zeros_like(self.step), where=self.step > 0)
        return tuple(int(value) for value in np.rint(width))


def timeline(timestamps: np.ndarray, offsets: np.ndarray) -> Timeline:
    """Sort the steps of a split by time within each file.

    Args:
        timestamps: (items,) in ms, in file order, in any order within a file.
        offsets: (files + 1,), items offsets[i] to offsets[i + 1] belong to file i.
    """
    times = np.asarray(timestamps, dtype=np.float64)
    file = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    order = np.lexsort((times, file))
    times = times[order]
    means = [
        float(np.mean(np.diff(times[start:stop]))) if stop - start > 1 else 0.0
        for start, stop in itertools.pairwise(offsets)
    ]
    in_order = np.array_equal(order, np.arange(len(order)))
    return Timeline(times, file, None if in_order else order, np.asarray(offsets), np.array(means))


def runs(probabilities: np.ndarray, line: Timeline, widths: tuple[int, ...]) -> EventColumns:
    """Make an event [first timestamp, last timestamp] of every run of positive steps, however short.

    >>> steps = timeline(np.array([0.0, 50.0, 100.0, 150.0]), np.array([0, 4]))
    >>> events = runs(np.array([[0.1], [0.9], [0.6], [0.5]]), steps, steps.widths(0))
    >>> events.start, events.end
    (array([50.]), array([100.]))

    Args:
        probabilities: (items, labels), in the order of the items; NaN is not positive.
        widths: of the median filter over time in steps, for each file (`Timeline.widths`).
    """
    positive = probabilities > THRESHOLD
    if line.order is not None:
        positive = positive[line.order]
    for i, width in enumerate(widths):
        rows = slice(line.offsets[i], line.offsets[i + 1])
        if width > 1:
            positive[rows] = median_filtered(positive[rows], width)
    first, label = _edges(positive, line.offsets[:-1][np.diff(line.offsets) > 0], later=False)
    last, _ = _edges(positive, line.offsets[1:][np.diff(line.offsets) > 0] - 1, later=True)
    return EventColumns(label, line.file[first], line.times[first], line.times[last], positive.shape[1], len(widths))


def events_of(probabilities: np.ndarray, line: Timeline, setting: PostProcessing) -> EventColumns:
    """The events of predictions (items, labels) by a median filter and a least duration."""
    return runs(probabilities, line, line.widths(setting.median_filter_ms)).lasting(setting.min_duration)


def median_filtered(positive: np.ndarray, width: int) -> np.ndarray:
    """Filter `values > threshold`, (steps, labels) bool, to `median_filter(values, size=(width, 1)) > threshold`.

    A window of width w at step i spans i - w // 2 to i - w // 2 + w - 1. The upper of two middle values is the median,
    and edges are reflected (d c b a | a b c d | d c b a) as often as needed. So the median is positive if at least half
    of the window is. Reflection has a period of twice the steps; only the rest of the window has to be counted.

    >>> median_filtered(np.array([[True], [False], [True], [False], [False]]), 3).ravel()
    array([ True,  True, False, False, False])
    """
    steps = len(positive)
    periods, rest = divmod(width, 2 * steps)
    needed = (width + 1) // 2
    if periods:
        needed = needed - periods * 2 * positive.sum(axis=0)
    place = np.arange(-(width // 2), steps - width // 2 + rest) % (2 * steps)
    extended = positive.take(np.minimum(place, 2 * steps - 1 - place), axis=0)
    return _windows(extended, rest) >= needed


def _windows(positive: np.ndarray, width: int) -> np.ndarray:
    """Sum `width` successive rows, (steps + width, labels) -> (steps, labels), by sums over powers of two."""
    steps = len(positive) - width
    dtype = np.min_scalar_type(width)
    power, size, start = positive.astype(dtype), 1, 0
    total = np.zeros((steps, positive.shape[1]), dtype)
    while size <= width:
        if width & size:
            total += power[start : start + steps]
            start += size
        if 2 * size <= width:
            power = power[:-size] + power[size:]
        size *= 2
    return total


def _edges(positive: np.ndarray, borders: np.ndarray, later: bool) -> tuple[np.ndarray, np.ndarray]:
    """The step and the label of each run's beginning, sorted by label, then step.

    Args:
        borders: steps at which files begin; no run reaches over them.
        later: look for the ends of runs instead; `borders` are then the last steps of files.
    """
    edges = positive.copy()
    if later:
        edges[:-1] &= ~positive[1:]
    else:
        edges[1:] &= ~positive[:-1]
    edges[borders] = positive[borders]
    step, label = np.divmod(np.flatnonzero(edges), positive.shape[1])
    small = np.min_scalar_type(positive.shape[1])  # 16 bits are sorted by radix
    order = np.argsort(label.astype(small), kind="stable")
    return step[order], label[order]
