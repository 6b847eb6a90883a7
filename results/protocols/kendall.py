"""Kendall's tau-b of two scores of the same models, for many resamples at once.

tau-b = (C - D) / sqrt((C + D + X) (C + D + Y)), where C and D are the numbers of pairs of models that both scores rank
in the same and in the opposite order, X and Y those that are tied in one score alone. A pair that is tied in both
counts nowhere. Source: Kendall 1945; `scipy.stats.kendalltau` is the same for one pair of scores.
"""

import numpy as np

MOST_ORDERS = 2_000_000
"""Orders of pairs that are in memory at once, but for a single draw of more models."""


def orders(scores: np.ndarray) -> np.ndarray:
    """Say in which order each pair of models is: (..., models) scores to (..., pairs) int8 of 1, 0 (tied) and -1.

    A score that is not defined is tied with all others.
    """
    first, second = np.triu_indices(scores.shape[-1], 1)
    return np.asarray(np.nan_to_num(np.sign(scores[..., first] - scores[..., second])), np.int8)


def tau_b(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Calculate tau-b of two sets of orders, (..., pairs) each, to (...,).

    NaN for fewer than two models, or where one score ties all of them.

    >>> float(tau_b(orders(np.array([1.0, 2.0, 3.0])), orders(np.array([1.0, 3.0, 2.0]))).round(3))
    0.333
    """
    agreeing = _summed(a, b)
    untied = np.sqrt(_summed(a, a) * _summed(b, b))
    return np.asarray(np.divide(agreeing, untied, out=np.full(np.shape(untied), np.nan), where=untied > 0))


def taus(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Calculate tau-b of two scores of the same models in each draw, (draws, models) each, to (draws,).

    There are half as many pairs as the square of models, so that some draws are taken at a time.
    """
    models = a.shape[-1]
    draws = max(1, MOST_ORDERS // max(1, models * (models - 1) // 2))
    blocks = range(0, len(a), draws)
    parts = [tau_b(orders(a[start : start + draws]), orders(b[start : start + draws])) for start in blocks]
    return np.concatenate(parts) if parts else np.zeros(0)


def _summed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Sum the products of orders over pairs, as float64."""
    return np.asarray((a * b).sum(-1, dtype=np.int64), float)
