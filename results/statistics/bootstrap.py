"""Confidence intervals of one model's score by resampling test clips; `results.statistics.permutation` compares models.

Clips are drawn with replacement within each fold; the score is the mean over folds of the metric, as in the tables. The
interval is about which clips were tested: not about training (seeds), nor about which clips were trained on. Clips are
taken as independent: where they are in groups (speakers, recordings), give a row a group instead, such as its mean.

Resamples of clips that are all right, or all wrong, are all the same, and would make an interval without width. There
the interval is Clopper and Pearson's, exact, of all clips of all folds together. Another metric that is 1, or 0, in
every resample has the interval of such a share of clips.

Data are an array (clips, ...), a tuple of such arrays (prediction, target), or a list of either, one a fold. The metric
takes a fold's arrays and returns a number; without one it is the mean of a single array, such as `correct` of
`results.rows.predictions`. The order of clips within a fold changes nothing. Sources: Efron & Tibshirani 1993, ch. 13
to 16; Clopper & Pearson 1934.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats

Arrays = np.ndarray | tuple[np.ndarray, ...]
Data = Arrays | list[Arrays]
Metric = Callable[..., float]
Fold = tuple[np.ndarray, ...]
Statistic = Callable[..., np.ndarray | float]
METHODS = ("BCa", "percentile")
RESAMPLES = 2000
DRAWN_AT_ONCE = 2_000_000  # numbers in memory


@dataclass(frozen=True)
class Interval:
    """A score with its interval; `method` is percentile where BCa is not defined, exact where all clips are alike."""

    estimate: float
    low: float
    high: float
    confidence: float
    method: str
    resamples: int


def bootstrap(
    data: Data,
    metric: Metric | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    method: str = "BCa",
    seed: int = 0,
) -> Interval:
    """Score `data`, with an interval; BCa calls the metric once more for each clip.

    A resample whose metric is NaN makes the interval NaN.

    Raises:
        ValueError: for a fold of fewer than two clips, arrays of unequal length, several arrays without a metric, an
            unknown method or a confidence that is not between 0 and 1.
    """
    _check(confidence, resamples, method)
    folds = [_sorted(fold) for fold in _folds(data, metric)]
    values, statistic, vectorized = _statistic(folds, metric)
    interval = _resampled(values, statistic, vectorized, confidence, resamples, method, seed)
    if interval.estimate in (0, 1) and interval.low == interval.high == interval.estimate:
        clips = sum(len(fold[0]) for fold in folds)
        exact = stats.binomtest(int(interval.estimate) * clips, clips).proportion_ci(confidence, "exact")
        return replace(interval, low=float(exact.low), high=float(exact.high), method="exact")
    return interval


def _check(confidence: float, resamples: int, method: str) -> None:
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, such as 0.95, got {confidence!r}")
    if resamples < 2:
        raise ValueError(f"resamples must be at least 2, got {resamples!r}")


def _folds(data: Data, metric: Metric | None) -> list[Fold]:
    folds = [
        tuple(map(np.asarray, fold)) if isinstance(fold, tuple) else (np.asarray(fold),)
        for fold in (data if isinstance(data, list) else [data])
    ]
    for number, fold in enumerate(folds):
        lengths = {len(array) for array in fold}
        if len(lengths) != 1 or min(lengths) < 2:
            raise ValueError(f"fold {number} has arrays of {sorted(lengths)} clips; expected one number, at least 2")
        if metric is None and (len(fold) > 1 or fold[0].ndim > 1):
            raise ValueError(f"fold {number} has more than a number a clip; expected that, or a metric")
    if not folds:
        raise ValueError("no folds; expected arrays with a row a clip")
    return folds


def _rows(fold: Sequence[np.ndarray]) -> np.ndarray:
    """Join the arrays of a fold as one (clips, numbers) of float64."""
    return np.ascontiguousarray(np.concatenate([np.float64(array).reshape(len(array), -1) for array in fold], 1))


def _order(rows: np.ndarray) -> np.ndarray:
    """Order rows by their content alone."""
    return rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel().argsort(kind="stable")


def _sorted(fold: Fold) -> Fold:
    order = _order(_rows(fold))
    return tuple(array[order] for array in fold)


def _statistic(folds: Sequence[Fold], metric: Metric | None) -> tuple[list[np.ndarray], Statistic, bool]:
    """Give what scipy resamples (values, or places of clips), the statistic of it, and whether that is vectorized."""
    if metric is None:

        def mean(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
            return np.asarray(sum(values.mean(axis) for values in drawn) / len(drawn))

        return [np.asarray(fold[0], float) for fold in folds], mean, True

    def score(*places: np.ndarray) -> float:
        drawn = [tuple(array[place] for array in fold) for fold, place in zip(folds, places, strict=True)]
        return float(np.mean([metric(*arrays) for arrays in drawn]))

    return [np.arange(len(fold[0])) for fold in folds], score, False


def _resampled(
    values: list[np.ndarray],
    statistic: Statistic,
    vectorized: bool,
    confidence: float,
    resamples: int,
    method: str,
    seed: int,
) -> Interval:
    """Calculate the interval by `method`, by percentiles where the draws are all equal."""
    estimate = float(statistic(*values))
    common = {
        "n_resamples": resamples,
        "confidence_level": confidence,
        "vectorized": vectorized,
        "batch": max(1, DRAWN_AT_ONCE // max(map(len, values))),
        "random_state": np.random.default_rng(seed),
    }
    draws = stats.bootstrap(values, statistic, method="percentile", **common)
    interval, used = draws.confidence_interval, "percentile"
    if method == "BCa" and _between(draws.bootstrap_distribution, estimate):
        again = {**common, "n_resamples": 0, "bootstrap_result": draws}
        interval, used = stats.bootstrap(values, statistic, method="BCa", **again).confidence_interval, method
    low, high = float(interval.low), float(interval.high)
    return Interval(estimate, low, high, confidence, used, resamples)


def _between(draws: np.ndarray, estimate: float) -> bool:
    """Whether draws lie on both sides of the estimate; if not, BCa's correction is infinite."""
    return bool((draws < estimate).any() and (draws > estimate).any())
