"""Two variants on the same clips, right or wrong: McNemar's test."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats


@dataclass(frozen=True)
class McNemar:
    """How many clips only one of two variants gets right, and the two-sided exact p of no difference."""

    only_a: int
    only_b: int
    both: int
    neither: int
    p: float


def mcnemar(a: ArrayLike, b: ArrayLike) -> McNemar:
    """The exact test (binomial on the clips where the two differ); a variant against itself gives p = 1.

    Args:
        a, b: (clips,) whether each clip is right, in the same order; the test splits of several folds one after the
            other.

    Raises:
        ValueError: for arrays that are not of the same clips, or hold other than 0 and 1.

    Source: McNemar 1947; the exact form as in Dietterich 1998, s. 3.1.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"shapes are {a.shape} and {b.shape}; expected (clips,) twice")
    if not (np.isin(a, (0, 1)).all() and np.isin(b, (0, 1)).all()):
        raise ValueError("expected right or wrong (1 or 0) for each clip, got other values")
    a, b = a.astype(bool), b.astype(bool)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    p = float(stats.binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return McNemar(only_a, only_b, int((a & b).sum()), int((~a & ~b).sum()), p)
