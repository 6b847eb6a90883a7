"""The items of an epoch and their order.

Source: PaSST's training code (github.com/kkoutini/PaSST), after PANNs. An epoch of AudioSet is 100000 of its clips,
drawn without replacement. The weight of a clip is the sum of 1000 / (100 + count) over its labels.
"""

import numpy as np

from passt.training.data.streams import seed_of

OFFSET, SCALE = 100.0, 1000.0


def balanced_weights(labels: np.ndarray) -> np.ndarray:
    """Compute sampling weights that favor rare labels.

    Labels are (items, labels) of 0 and 1. The weights, (items,), are not normalized.
    """
    counts = labels.sum(axis=0, dtype=np.float64)
    weights: np.ndarray = labels.astype(np.float64) @ (SCALE / (OFFSET + counts))
    return weights


def epoch_order(items: int, length: int, seed: int, epoch: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Draw the items of an epoch, without replacement.

    Successive weighted draws are the order of exponential waiting times.

    Args:
        items: number of items to draw from.
        length: number of items to draw.
        seed: seed of the training.
        epoch: number of the epoch, from 0.
        weights: (items,), sampling weights. Items of weight 0 are never drawn. None draws all equally.

    Returns:
        (length,), int64, in the order of the draws; fewer if there are fewer items.
    """
    stream = np.random.default_rng(seed_of(seed, "epoch", epoch))
    if weights is None:
        return stream.permutation(items)[:length]
    with np.errstate(divide="ignore"):
        waiting = stream.exponential(size=items) / weights
    return np.argsort(waiting, kind="stable")[: min(length, int(np.count_nonzero(weights)))]
