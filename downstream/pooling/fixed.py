"""Poolings that learn nothing: functions of features alone."""

from collections.abc import Callable, Mapping

import numpy as np

Pool = Callable[[np.ndarray], np.ndarray]
"""(items, parts, width) float32 -> (items, dim) float32."""


def mean(x: np.ndarray) -> np.ndarray:
    """The mean over the parts, summed in float64: (items, width)."""
    pooled: np.ndarray = x.mean(axis=1, dtype=np.float64).astype(np.float32)
    return pooled


def meanmax(x: np.ndarray) -> np.ndarray:
    """The mean over the parts, then the largest value of each feature: (items, 2 * width)."""
    return np.concatenate([mean(x), x.max(axis=1)], axis=1)


POOLS: Mapping[str, tuple[Pool, int]] = {"mean": (mean, 1), "meanmax": (meanmax, 2)}
"""Name -> the function, and how many times the width of a part it gives."""
