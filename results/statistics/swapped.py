"""The difference of two models' scores under swaps within units, for three kinds of scores.

Everywhere `a` and `b` are lists over seeds of lists over folds. A score is the mean over folds and seeds, as in tables.
The clips of a fold are in the same order in all of them, and `units` has for each fold the (clips,) numbers of their
units. Models with different numbers of seeds are repeated to a common number, which changes no mean.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np

from results.statistics.permutation import SAME, Swapped, training_variance

Metric = Callable[..., float]
Units = Sequence[np.ndarray]
Side = Sequence[Sequence[np.ndarray]]
"""Of one model, an array for each seed and fold."""
Score = Callable[[np.ndarray], np.ndarray]


def of_shares(a: Side, b: Side, units: Units, largest: float = 1.0) -> Swapped:
    """Swap the mean of a number for each clip, such as right or wrong.

    Args:
        a, b: (clips,) for each seed and fold.
        largest: the largest difference that scores can have.
    """
    parts_a, parts_b = (np.stack([summed(seed, units) for seed in side]) for side in (a, b))
    share = summed([np.ones(len(numbers)) for numbers in units], units)
    scores_a, scores_b = parts_a.sum(1), parts_b.sum(1)
    centered_a, centered_b = parts_a - scores_a[:, None] * share, parts_b - scores_b[:, None] * share
    difference = parts_a.mean(0) - parts_b.mean(0)
    total = difference.sum()
    return Swapped(
        float(scores_a.mean()),
        float(scores_b.mean()),
        statistic=lambda swaps: total - 2 * (swaps @ difference),
        clips=sum(map(len, units)),
        differing=np.abs(difference) > SAME,
        largest=largest,
        training=training_variance(scores_a, scores_b, centered_a, centered_b),
    )


def of_counts(a: Side, b: Side, units: Units, score: Score, largest: float = math.inf) -> Swapped:
    """Swap a function of counts that are summed over clips.

    Args:
        a, b: (clips, numbers) for each seed and fold.
        score: (..., numbers) sums to (...,) scores.
        largest: the largest difference that scores can have.
    """
    counts_a, counts_b = (counted(side, units) for side in (a, b))  # (seeds, folds, units, numbers)
    scores_a, scores_b = (score(counts.sum(2)).mean(1) for counts in (counts_a, counts_b))
    training = training_variance(scores_a, scores_b, _influences(counts_a, score), _influences(counts_b, score))
    counts_a, counts_b = _repeated(counts_a, counts_b)
    change = counts_b - counts_a
    sums_a, sums_b = counts_a.sum(2), counts_b.sum(2)
    columns = change.transpose(2, 0, 1, 3).reshape(change.shape[2], -1)

    def statistic(swaps: np.ndarray) -> np.ndarray:
        moved = (swaps.astype(float) @ columns).reshape(-1, *sums_a.shape)
        return np.asarray((score(sums_a + moved) - score(sums_b - moved)).mean((1, 2)))

    return Swapped(
        float(scores_a.mean()),
        float(scores_b.mean()),
        statistic,
        clips=sum(map(len, units)),
        differing=(change != 0).any((0, 1, 3)),
        largest=largest,
        training=training,
    )


def of_metric(
    a: Side, b: Side, targets: Sequence[np.ndarray], units: Units, metric: Metric, largest: float = math.inf
) -> Swapped:
    """Swap any metric of (predictions, targets), such as mAP.

    Args:
        a, b: (clips, labels) predictions for each seed and fold.
        targets: (clips, labels) for each fold.
        largest: the largest difference that scores can have.
    """

    def scores(side: Side) -> np.ndarray:
        return np.array([np.mean([metric(*fold) for fold in zip(seed, targets, strict=True)]) for seed in side])

    scores_a, scores_b = scores(a), scores(b)
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
        float(scores_a.mean()),
        float(scores_b.mean()),
        statistic=lambda swaps: np.array([of_pattern(pattern) for pattern in swaps]),
        clips=sum(map(len, units)),
        differing=differing,
        largest=largest,
        training=training_variance(scores_a, scores_b, None, None),
    )


def summed(folds: Sequence[np.ndarray], units: Units) -> np.ndarray:
    """Sum what each unit adds to the mean over folds of means over clips: (units,)."""
    count = 1 + max(int(numbers.max()) for numbers in units)
    parts = [
        np.bincount(numbers, np.asarray(values, float), count) / len(numbers)
        for values, numbers in zip(folds, units, strict=True)
    ]
    return np.asarray(np.mean(parts, axis=0))


def counted(side: Side, units: Units) -> np.ndarray:
    """Sum counts over the clips of each unit: (seeds, folds, units, numbers)."""
    count = 1 + max(int(numbers.max()) for numbers in units)
    sums = np.zeros((len(side), len(units), count, side[0][0].shape[1]))
    for seed, folds in enumerate(side):
        for fold, (counts, numbers) in enumerate(zip(folds, units, strict=True)):
            np.add.at(sums[seed, fold], numbers, counts)
    return sums


def _influences(counts: np.ndarray, score: Score) -> np.ndarray:
    """Estimate what each unit adds to the score, to first order: its counts times the score's derivatives.

    Args:
        counts: (seeds, folds, units, numbers).

    Returns:
        (seeds, units).
    """
    sums, step = counts.sum(2), 1e-3
    steps = step * np.eye(sums.shape[-1])
    slopes = (score(sums[..., None, :] + steps) - score(sums[..., None, :] - steps)) / (2 * step)
    return np.asarray(np.einsum("sfuk,sfk->su", counts, slopes) / counts.shape[1])


def _repeated(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Repeat both to the same number of seeds."""
    seeds = math.lcm(len(a), len(b))
    return np.concatenate([a] * (seeds // len(a))), np.concatenate([b] * (seeds // len(b)))
