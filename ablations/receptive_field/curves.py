"""Numbers of a curve of effects by offset: shortest intervals, shares, and their spread over clips."""

from dataclasses import dataclass

import numpy as np

RESAMPLES = 500
CONFIDENCE = 0.95
PARTS = (50, 95)
"""Percent of the effect that intervals hold."""


@dataclass(frozen=True)
class Numbers:
    """What a curve comes to, in ms relative to the timestamp.

    Attributes:
        intervals: percent of the effect -> the ends of the shortest interval that holds so much.
        future: the share of the effect behind the timestamp.
        outside: the share of stretches that lie outside the nominal window as a whole; NaN if that is not known.
    """

    intervals: dict[int, tuple[float, float]]
    future: float
    outside: float

    @classmethod
    def of(cls, edges: np.ndarray, shares: np.ndarray, nominal: tuple[float, float] | None) -> "Numbers":
        """Compute the numbers of a curve.

        Args:
            edges: (stretches + 1,) where stretches begin and end, in ms, ascending.
            shares: (stretches,) of the effect, whose sum is 1.
            nominal: the ends of the nominal window in ms.
        """
        outside = float("nan")
        if nominal is not None:
            outside = float(shares[(edges[1:] <= nominal[0]) | (edges[:-1] >= nominal[1])].sum())
        intervals = {part: shortest(edges, shares, part / 100) for part in PARTS}
        return cls(intervals, float(shares[edges[:-1] >= 0].sum()), outside)


def shortest(edges: np.ndarray, shares: np.ndarray, part: float) -> tuple[float, float]:
    """Find the shortest interval that holds a part of the effect, which is spread evenly within a stretch.

    One end of a shortest interval is the edge of a stretch: while both lie within stretches, it can be moved to the
    side of the larger effect without growing.

    >>> shortest(np.array([-20.0, -10.0, 0.0, 10.0, 20.0]), np.array([0.1, 0.4, 0.4, 0.1]), 0.9)
    (-20.0, 10.0)
    >>> shortest(np.array([-20.0, -10.0, 0.0, 10.0, 20.0]), np.array([0.1, 0.4, 0.4, 0.1]), 0.4)
    (-10.0, 0.0)

    Args:
        edges: (stretches + 1,) ascending.
        shares: (stretches,), at least 0, whose sum is 1.
        part: above 0 and at most 1.

    Returns:
        The ends; of several shortest ones the first.
    """
    held = np.concatenate([[0.0], np.cumsum(shares)])
    held /= held[-1]
    rounding = 1e-12
    from_left = edges[held + part <= 1 + rounding]
    stops = _reached(edges, held, np.minimum(held[held + part <= 1 + rounding] + part, 1.0))
    to_right = edges[held >= part - rounding]
    starts = _reached(edges[::-1], 1 - held[::-1], 1 - np.maximum(held[held >= part - rounding] - part, 0.0))
    begins, ends = np.concatenate([from_left, starts]), np.concatenate([stops, to_right])
    order = np.lexsort((begins, np.round(ends - begins, 9)))
    return float(begins[order[0]]), float(ends[order[0]])


def _reached(edges: np.ndarray, held: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Where a sum that does not fall first reaches values; linear within stretches."""
    after = np.clip(np.searchsorted(held, values - 1e-12), 1, len(held) - 1)
    low, high = held[after - 1], held[after]
    within = np.divide(values - low, high - low, out=np.zeros_like(values), where=high > low)
    found: np.ndarray = edges[after - 1] + np.clip(within, 0, 1) * (edges[after] - edges[after - 1])
    return found


def resampled(effects: np.ndarray, scales: np.ndarray, seed: int) -> np.ndarray:
    """Draw clips again and again, with replacement, and compute the shares of each draw.

    Args:
        effects: (clips, stretches).
        scales: (clips,) a weight of each clip.
        seed: of the draws.

    Returns:
        (draws, stretches), without draws in which nothing has an effect.
    """
    clips = len(effects)
    counts = np.random.default_rng(seed).multinomial(clips, np.full(clips, 1 / clips), RESAMPLES)
    sums = counts @ (effects * scales[:, None])
    totals = sums.sum(1, keepdims=True)
    kept: np.ndarray = sums[totals[:, 0] > 0] / totals[totals[:, 0] > 0]
    return kept


def interval(values: np.ndarray) -> tuple[float, float]:
    """The percentile interval of resampled values."""
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
