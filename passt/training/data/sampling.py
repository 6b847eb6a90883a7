"""Which items of a list make up an epoch, and in which order.

Source: PaSST's training code (github.com/kkoutini/PaSST), after PANNs: an epoch of AudioSet is 100000 of its clips,
drawn without replacement, each as likely as the sum of 1000 / (100 + count) over its labels.
"""

import numpy as np

from passt.training.data.streams import seed_of

OFFSET, SCALE = 100.0, 1000.0


def balanced_weights(labels: np.ndarray) -> np.ndarray:
    """How likely each item is drawn: (items, labels) of 0 and 1 -> (items,), not normalized."""
    counts = labels.sum(axis=0, dtype=np.float64)
    return labels.astype(np.float64) @ (SCALE / (OFFSET + counts))


def epoch_order(items: int, length: int, seed: int, epoch: int, weights: np.ndarray | None = None) -> np.ndarray:
    """The items of an epoch, (length,) int64, none twice; with weights, those that are drawn first are likely so.

    Items of weight 0 are not drawn. Weighted draws one after the other are the order of exponential waiting times.
    """
    stream = np.random.default_rng(seed_of(seed, "epoch", epoch))
    if weights is None:
        return stream.permutation(items)[:length]
    with np.errstate(divide="ignore"):
        waiting = stream.exponential(size=items) / weights
    return np.argsort(waiting, kind="stable")[: min(length, int(np.count_nonzero(weights)))]
