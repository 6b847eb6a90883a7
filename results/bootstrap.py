"""Confidence intervals of scores by resampling test clips, of one variant and of the difference of two.

Clips are drawn with replacement within each fold; the score is the mean over folds of the metric, as in the tables. The
interval is about which clips were tested: not about training (seeds), nor about which clips were trained on.

Data are an array (clips, ...), a tuple of such arrays (prediction, target), or a list of either, one a fold. The metric
takes a fold's arrays and returns a number; without one it is the mean of a single array, such as `correct` of
`results.predictions`. The order of clips within a fold changes nothing. Source: Efron & Tibshirani 1993, ch. 13 to 16.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

Arrays = np.ndarray | tuple[np.ndarray, ...]
Data = Arrays | list[Arrays]
Metric = Callable[..., float]
METHODS = ("BCa", "percentile")
RESAMPLES = 2000
DRAWN_AT_ONCE = 2_000_000  # numbers in memory


@dataclass(frozen=True)
class Interval:
    """A score or a difference of scores with its bootstrap interval; `method` is percentile where BCa is not defined.

    `p` is of a difference alone: two-sided, of the null hypothesis that it is zero.
    """

    estimate: float
    low: float
    high: float
    confidence: float
    method: str
    resamples: int
    p: float | None = None


def bootstrap(
    data: Data,
    metric: Metric | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    method: str = "BCa",
    seed: int = 0,
) -> Interval:
    """The score of `data` and its interval; BCa calls the metric once more for each clip.

    A resample whose metric is NaN makes the interval NaN.

    Raises:
        ValueError: for a fold of fewer than two clips, arrays of unequal length, several arrays without a metric, an
            unknown method or a confidence that is not between 0 and 1.
    """
    _check(confidence, resamples, method)
    folds = [_sorted(fold) for fold in _folds(data, metric)]
    found, _ = _resampled(*_statistic(folds, metric), confidence, resamples, method, seed)
    return found


def paired_bootstrap(
    a: Data,
    b: Data,
    metric: Metric | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    method: str = "BCa",
    seed: int = 0,
) -> Interval:
    """The difference of two variants' scores (a less b) on the same clips, its interval and p.

    Row i of both is of the same clip, and every resample is of the same clips for both. p is the share of resamples
    whose difference lies at least as far from the one found as that from zero ((r + 1) / (n + 1)). Exchanging a and b
    turns the signs; a variant against itself gives 0, [0, 0] and p = 1.

    Raises:
        ValueError: as `bootstrap`, and for other numbers of folds or clips.
    """
    _check(confidence, resamples, method)
    first, second = _folds(a, metric), _folds(b, metric)
    sizes = [[len(fold[0]) for fold in each] for each in (first, second)]
    if sizes[0] != sizes[1]:
        raise ValueError(f"clips of the folds are {sizes[0]} and {sizes[1]}; expected the same clips")
    pairs, turned = _paired(first, second)
    if metric is None:
        folds, difference = [(np.float64(x) - y,) for x, y in pairs], None
    else:
        folds, difference = pairs, _difference_of(metric, len(first[0]))
    found, draws = _resampled(*_statistic(folds, difference), confidence, resamples, method, seed)
    far = np.abs(draws - found.estimate) >= abs(found.estimate) - 1e-12
    sign, ends = (-1, (found.high, found.low)) if turned else (1, (found.low, found.high))
    estimate, low, high = (sign * value + 0.0 for value in (found.estimate, *ends))
    p = float("nan") if np.isnan(draws).any() else (float(far.sum()) + 1) / (resamples + 1)
    return Interval(estimate, low, high, confidence, found.method, resamples, p)


def _check(confidence: float, resamples: int, method: str) -> None:
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, such as 0.95, got {confidence!r}")
    if resamples < 2:
        raise ValueError(f"resamples must be at least 2, got {resamples!r}")


def _folds(data: Data, metric: Metric | None) -> list[tuple[np.ndarray, ...]]:
    found = [
        tuple(map(np.asarray, fold)) if isinstance(fold, tuple) else (np.asarray(fold),)
        for fold in (data if isinstance(data, list) else [data])
    ]
    for number, fold in enumerate(found):
        lengths = {len(array) for array in fold}
        if len(lengths) != 1 or min(lengths) < 2:
            raise ValueError(f"fold {number} has arrays of {sorted(lengths)} clips; expected one number, at least 2")
        if metric is None and (len(fold) > 1 or fold[0].ndim > 1):
            raise ValueError(f"fold {number} has more than a number a clip; expected that, or a metric")
    if not found:
        raise ValueError("no folds; expected arrays with a row a clip")
    return found


def _rows(fold: Sequence[np.ndarray]) -> np.ndarray:
    """Arrays of a fold as one (clips, numbers) of float64."""
    return np.ascontiguousarray(np.concatenate([np.float64(array).reshape(len(array), -1) for array in fold], 1))


def _order(rows: np.ndarray) -> np.ndarray:
    """An order of rows that depends on what they hold alone."""
    return rows.view(np.dtype((np.void, rows.itemsize * rows.shape[1]))).ravel().argsort(kind="stable")


def _sorted(fold: tuple[np.ndarray, ...]) -> tuple[np.ndarray, ...]:
    order = _order(_rows(fold))
    return tuple(array[order] for array in fold)


def _joint(first: Sequence, second: Sequence) -> list[tuple[np.ndarray, np.ndarray]]:
    """Per fold the rows of both, ordered, and their order."""
    found = []
    for x, y in zip(first, second, strict=True):
        rows = _rows((*x, *y))
        order = _order(rows)
        found.append((rows[order], order))
    return found


def _paired(first: Sequence, second: Sequence) -> tuple[list[tuple[np.ndarray, ...]], bool]:
    """Per fold the arrays of both, clips ordered, and whether the second is first: (b, a) gives what (a, b) does."""
    forth, back = _joint(first, second), _joint(second, first)
    turned = [rows.tobytes() for rows, _ in forth] > [rows.tobytes() for rows, _ in back]
    left, right, orders = (second, first, back) if turned else (first, second, forth)
    each = zip(left, right, orders, strict=True)
    return [tuple(array[order] for array in (*x, *y)) for x, y, (_, order) in each], turned


def _difference_of(metric: Metric, width: int) -> Metric:
    """The metric of the first `width` arrays less that of the others."""
    return lambda *arrays: metric(*arrays[:width]) - metric(*arrays[width:])


def _statistic(folds: Sequence, metric: Metric | None) -> tuple[list[np.ndarray], Callable, bool]:
    """What scipy resamples (values, or places of clips), the statistic of it, and whether that is vectorized."""
    if metric is None:
        values = [np.float64(fold[0]) for fold in folds]
        return values, lambda *drawn, axis=-1: sum(each.mean(axis) for each in drawn) / len(drawn), True

    def score(*places: np.ndarray) -> float:
        drawn = [tuple(array[each] for array in fold) for fold, each in zip(folds, places, strict=True)]
        return float(np.mean([metric(*arrays) for arrays in drawn]))

    return [np.arange(len(fold[0])) for fold in folds], score, False


def _resampled(
    values: list[np.ndarray],
    statistic: Callable,
    vectorized: bool,
    confidence: float,
    resamples: int,
    method: str,
    seed: int,
) -> tuple[Interval, np.ndarray]:
    """The interval by `method`, by percentiles where the draws are all equal; and the draws."""
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
    return Interval(estimate, low, high, confidence, used, resamples), draws.bootstrap_distribution


def _between(draws: np.ndarray, estimate: float) -> bool:
    """Whether draws lie on both sides of the estimate, without which BCa's correction is infinite."""
    return bool((draws < estimate).any() and (draws > estimate).any())
