"""What swaps within units make of a difference of two models' scores: of three kinds of scores.

Everywhere `a` and `b` are lists over seeds of lists over folds; a score is the mean over folds and seeds, as in tables.
The clips of a fold are in the same order in all of them, and `units` has for each fold the (clips,) numbers of the
units that they are of. Models with different numbers of seeds are repeated to a common number, which changes no mean.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from results.statistics.permutation import SAME, Swapped, training_variance

Metric = Callable[..., float]
Units = Sequence[np.ndarray]


def of_shares(a: Sequence[Sequence[np.ndarray]], b: Sequence[Sequence[np.ndarray]], units: Units) -> Swapped:
    """Of the mean of a number for each clip, such as right or wrong: of each seed and fold (clips,)."""
    parts_a, parts_b = (np.stack([_summed(seed, units) for seed in side]) for side in (a, b))
    share = _summed([np.ones(len(numbers)) for numbers in units], units)
    scores = [parts.sum(1) for parts in (parts_a, parts_b)]
    training = training_variance(*scores, parts_a - scores[0][:, None] * share, parts_b - scores[1][:, None] * share)
    difference = parts_a.mean(0) - parts_b.mean(0)
    total = difference.sum()
    return Swapped(
        *(float(values.mean()) for values in scores),
        statistic=lambda swaps: total - 2 * (swaps @ difference),
        clips=sum(map(len, units)),
        differing=np.abs(difference) > SAME,
        largest=1.0,
        training=training,
    )


def of_counts(
    a: Sequence[Sequence[np.ndarray]],
    b: Sequence[Sequence[np.ndarray]],
    units: Units,
    score: Callable[[np.ndarray], np.ndarray],
    largest: float = math.inf,
) -> Swapped:
    """Of a function of counts that are summed over clips: of each seed and fold (clips, numbers)."""
    counts_a, counts_b = (_counted(side, units) for side in (a, b))  # (seeds, folds, units, numbers)
    scores = [score(counts.sum(2)).mean(1) for counts in (counts_a, counts_b)]
    training = training_variance(*scores, *(_influences(counts, score) for counts in (counts_a, counts_b)))
    counts_a, counts_b = _repeated(counts_a, counts_b)
    change = counts_b - counts_a
    sums_a, sums_b = counts_a.sum(2), counts_b.sum(2)
    columns = change.transpose(2, 0, 1, 3).reshape(change.shape[2], -1)

    def statistic(swaps: np.ndarray) -> np.ndarray:
        moved = (swaps.astype(float) @ columns).reshape(-1, *sums_a.shape)
        return (score(sums_a + moved) - score(sums_b - moved)).mean((1, 2))

    differing = (change != 0).any((0, 1, 3))
    means = (float(values.mean()) for values in scores)
    return Swapped(*means, statistic, sum(map(len, units)), differing, largest, training)


def of_metric(
    a: Sequence[Sequence[np.ndarray]],
    b: Sequence[Sequence[np.ndarray]],
    targets: Sequence[np.ndarray],
    units: Units,
    metric: Metric,
    largest: float = math.inf,
) -> Swapped:
    """Of any metric of (predictions, targets), such as mAP: of each seed and fold (clips, labels) predictions."""
    score = lambda side: [float(np.mean([metric(*fold) for fold in zip(seed, targets, strict=True)])) for seed in side]  # noqa: E731
    scores = [np.array(score(side)) for side in (a, b)]
    seeds = math.lcm(len(a), len(b))
    first, second = ([side[i % len(side)] for i in range(seeds)] for side in (a, b))
    differing = np.zeros(1 + max(int(numbers.max()) for numbers in units), bool)
    for fold, numbers in enumerate(units):
        for x, y in zip(first, second, strict=True):
            differing[numbers[(x[fold] != y[fold]).reshape(len(numbers), -1).any(1)]] = True

    def of_pattern(swaps: np.ndarray) -> float:
        total = 0.0
        for (x, y), (fold, numbers) in itertools.product(zip(first, second, strict=True), enumerate(units)):
            swap = swaps[numbers][:, None]
            one, other = np.where(swap, y[fold], x[fold]), np.where(swap, x[fold], y[fold])
            total += metric(one, targets[fold]) - metric(other, targets[fold])
        return total / (seeds * len(units))

    return Swapped(
        *(float(values.mean()) for values in scores),
        statistic=lambda swaps: np.array([of_pattern(pattern) for pattern in swaps]),
        clips=sum(map(len, units)),
        differing=differing,
        largest=largest,
        training=training_variance(*scores, None, None),
    )


def _summed(folds: Sequence[np.ndarray], units: Units) -> np.ndarray:
    """(units,) what each unit adds to the mean over folds of means over clips."""
    count = 1 + max(int(numbers.max()) for numbers in units)
    each = [
        np.bincount(numbers, np.asarray(values, float), count) / len(numbers)
        for values, numbers in zip(folds, units, strict=True)
    ]
    return np.mean(each, axis=0)


def _counted(side: Sequence[Sequence[np.ndarray]], units: Units) -> np.ndarray:
    """(seeds, folds, units, numbers) sums over the clips of each unit."""
    count = 1 + max(int(numbers.max()) for numbers in units)
    found = np.zeros((len(side), len(units), count, side[0][0].shape[1]))
    for seed, folds in enumerate(side):
        for fold, (counts, numbers) in enumerate(zip(folds, units, strict=True)):
            np.add.at(found[seed, fold], numbers, counts)
    return found


def _influences(counts: np.ndarray, score: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """(seeds, units) what each unit adds to the score, to first order: its counts times the score's derivatives."""
    sums, step = counts.sum(2), 1e-3
    steps = step * np.eye(sums.shape[-1])
    slopes = (score(sums[..., None, :] + steps) - score(sums[..., None, :] - steps)) / (2 * step)
    return np.einsum("sfuk,sfk->su", counts, slopes) / counts.shape[1]


def _repeated(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both with the same number of seeds."""
    seeds = math.lcm(len(a), len(b))
    return np.concatenate([a] * (seeds // len(a))), np.concatenate([b] * (seeds // len(b)))
