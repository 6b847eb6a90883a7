"""Scores of regression from what each clip adds to them, so that swaps of clips need no predictions.

R2 and the mean absolute error are means over clips of a number for each. The root of the mean square error and the
correlation are functions of sums over clips. Errors are in standard deviations of the test's targets, so that a swap
test does not depend on the units of the task; `unit` is what brings differences back. Definitions are those of
`downstream.scores.numeric`.

R2 and the correlation are relative to the spread of the test's targets, which swaps leave as it is. So p is exact, and
the interval is about clips of this spread: that other clips would have another one is not in it (`SPREAD`).

Predictions and targets are (clips, targets); a score is the mean over targets.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

SPREAD = "the interval takes the spread of the test's targets as it is; other clips would have another, so it is narrow"
"""What the intervals of R2 and of the correlation leave out."""
OfClips = Callable[[np.ndarray, np.ndarray, float], np.ndarray]
"""(prediction, target, unit) -> what each clip adds: (clips,) of a mean, or (clips, numbers) of sums."""


@dataclass(frozen=True)
class Numeric:
    """A score of regression as swaps need it.

    Attributes:
        of_clips: what each clip adds.
        score: from sums over clips (..., numbers) to scores (...,); None where the score is the mean over clips.
        in_units: whether the score is in the units of the task.
        largest: the largest difference of two scores.
        note: what intervals of it leave out.
    """

    of_clips: OfClips
    score: Callable[[np.ndarray], np.ndarray] | None = None
    in_units: bool = False
    largest: float = np.inf
    note: str = ""


def unit_of(targets: Sequence[np.ndarray]) -> float:
    """The mean standard deviation (ddof 0) of targets over the folds of a task."""
    return float(np.mean([np.std(np.asarray(target, float), axis=0).mean() for target in targets]))


def _r2_of_clips(prediction: np.ndarray, target: np.ndarray, unit: float) -> np.ndarray:
    right = np.asarray(target, float)
    variance = right.var(axis=0)
    return np.asarray((1 - np.square(prediction - right) / variance).mean(axis=1))


def _absolute_errors(prediction: np.ndarray, target: np.ndarray, unit: float) -> np.ndarray:
    return np.asarray(np.abs(prediction - np.asarray(target, float)).mean(axis=1) / unit)


def _squared_errors(prediction: np.ndarray, target: np.ndarray, unit: float) -> np.ndarray:
    """The squared error of each target, and 1: (clips, 2 numbers for each target)."""
    errors = np.square((prediction - np.asarray(target, float)) / unit)
    return np.stack([errors, np.ones_like(errors)], axis=2).reshape(len(errors), -1)


def _root_of_mean(sums: np.ndarray) -> np.ndarray:
    squares, count = _by_target(sums, 2)
    return np.asarray(np.sqrt(np.maximum(squares, 0) / count).mean(axis=-1))


def _moments(prediction: np.ndarray, target: np.ndarray, unit: float) -> np.ndarray:
    """1 and the products of prediction and target: (clips, 6 numbers for each target)."""
    right = np.asarray(target, float)
    mean, std = right.mean(axis=0), right.std(axis=0)
    x, y = (prediction - mean) / std, (right - mean) / std
    return np.stack([np.ones_like(y), x, y, x * x, x * y, y * y], axis=2).reshape(len(y), -1)


def _correlation(sums: np.ndarray) -> np.ndarray:
    """The correlation, 0 where predictions do not vary: single swaps may leave a model with such."""
    count, x, y, xx, xy, yy = _by_target(sums, 6)
    varied, right = xx - x * x / count, yy - y * y / count
    known = (varied > 1e-12 * xx) & (right > 0)
    value = (xy - x * y / count) / np.sqrt(np.where(known, varied * right, 1))
    return np.asarray(np.where(known, value, 0).mean(axis=-1))


def _by_target(sums: np.ndarray, numbers: int) -> np.ndarray:
    """Arrange sums (..., targets * numbers) as (numbers, ..., targets)."""
    return np.moveaxis(sums.reshape(*sums.shape[:-1], -1, numbers), -1, 0)


NUMERIC: Mapping[str, Numeric] = {
    "r2": Numeric(_r2_of_clips, note=SPREAD),
    "pearson": Numeric(_moments, _correlation, largest=2.0, note=SPREAD),
    "rmse": Numeric(_squared_errors, _root_of_mean, in_units=True),
    "mae": Numeric(_absolute_errors, in_units=True),
}
"""The metrics of regression, by name."""
