"""How many dimensions an embedding uses, and how evenly it covers the sphere.

Dimensions are counted by the variances v_1 >= v_2 >= ... along the principal directions. Of n rows at most n - 1 are
not 0, so that values of different numbers of rows can't be compared.
"""

import math

import numpy as np

from ablations.representation.similarity import CONSTANT

PAIRS = 200_000
"""Pairs of rows for uniformity, at most."""
AT_ONCE = 4096  # pairs in memory
TEMPERATURE = 2.0  # t of Wang and Isola, who take 2


def variances(x: np.ndarray) -> np.ndarray:
    """Compute the variances along the principal directions, the largest first.

    Args:
        x: (rows, dim).

    Returns:
        (min(rows, dim),) float64; empty if the embedding is the same for all rows.
    """
    rows = np.asarray(x, np.float64)
    centered = rows - rows.mean(axis=0)
    if np.square(centered).sum() <= CONSTANT**2 * np.square(rows).sum():
        return np.zeros(0)
    squares: np.ndarray = np.linalg.svd(centered, compute_uv=False) ** 2 / max(1, len(rows) - 1)
    return squares


def effective_rank(variances: np.ndarray) -> float:
    """Compute exp(-sum p_k log p_k), where p_k is the share of the singular value sqrt(v_k) in their sum.

    It is 1 if all variance is along one direction, and k if k directions have equal variances; NaN without
    variances. Source: Roy & Vetterli 2007, "The Effective Rank: A Measure of Effective Dimensionality".
    """
    shares = _shares(np.sqrt(variances))
    return math.exp(-float(np.sum(shares * np.log(shares)))) if len(shares) else math.nan


def participation_ratio(variances: np.ndarray) -> float:
    """Compute (sum v)^2 / sum v^2; NaN without variances.

    Directions of little variance count less than in `effective_rank`. Source: Gao et al. 2017, "A theory of
    multineuronal dimensionality, dynamics and measurement".
    """
    shares = _shares(variances)
    return float(1 / np.square(shares).sum()) if len(shares) else math.nan


def components(variances: np.ndarray, share: float) -> float:
    """Count the principal directions that together have a share of the variance; NaN without variances."""
    if not len(variances):
        return math.nan
    reached = np.cumsum(variances) >= share * variances.sum() * (1 - 1e-12)  # of rounding
    return float(reached.argmax() + 1)


def uniformity(x: np.ndarray, seed: int = 0) -> float:
    """Compute log mean exp(-2 |u_i - u_j|^2) over pairs of rows, u their directions; NaN if a row is 0 or there is one.

    It is 0 if all rows point in one direction, and about -4 if they are spread evenly in many dimensions. Rows are not
    centered: a mean that all clips share makes an embedding less uniform. Source: Wang & Isola 2020, "Understanding
    Contrastive Representation Learning through Alignment and Uniformity on the Hypersphere".

    Args:
        x: (rows, dim).
        seed: of the `PAIRS` pairs that are drawn if there are more.
    """
    rows = np.asarray(x, np.float64)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    if len(rows) < 2 or not norms.all():
        return math.nan
    first, second = _pairs(len(rows), seed)
    total, units = 0.0, rows / norms
    for start in range(0, len(first), AT_ONCE):
        chosen = slice(start, start + AT_ONCE)
        distances = np.square(units[first[chosen]] - units[second[chosen]]).sum(axis=1)
        total += float(np.exp(-TEMPERATURE * distances).sum())
    return math.log(total / len(first))


def _pairs(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of two different rows, or `PAIRS` that are drawn: the numbers of the first, and of the second rows."""
    if rows * (rows - 1) // 2 <= PAIRS:
        return np.triu_indices(rows, 1)
    stream = np.random.default_rng(seed)
    first, apart = stream.integers(rows, size=PAIRS), stream.integers(1, rows, size=PAIRS)
    return first, (first + apart) % rows


def _shares(values: np.ndarray) -> np.ndarray:
    """The shares of positive values in their sum."""
    positive = values[values > 0]
    return positive / positive.sum() if len(positive) else positive
