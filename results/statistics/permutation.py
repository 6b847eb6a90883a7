"""One procedure for the interval and the p of a difference: swap two models' outputs within independent units.

A unit is a group of clips (a speaker, a recording), or a clip on its own. If the models are equally good, exchanging
their outputs on any unit leaves the distribution of the difference as it is. p is the share of swap patterns whose
difference is at least as large as the observed one: of all 2^n patterns of the n units that differ where these are not
more than the random patterns asked for, else of random ones, as (r + 1) / (patterns + 1). Units on which the models
agree change no pattern.

The interval is the inverted test, difference +- half width, with the critical value of the swap test as a multiple of
the standard error. With N units and the variance v of the swap distribution, of which difference^2 / N is due to the
difference itself, t(x) = x / sqrt(v - x^2 / N) is Student's t of a difference x but for a constant. It increases with
x. The half width is t(critical value) * sqrt(v - difference^2 / N), which is below |difference| exactly where the swap
test rejects 0. So p <= 1 - confidence exactly where 0 is outside the interval. Critical values are interpolated between
the two attainable differences around a level, and continued as a normal distribution beyond the largest. v is enlarged
by one clip in favor of each model, without which models that agree on every clip would have an interval without width.

Training is random, too. With two and more seeds per model, the variance of the two means over seeds is estimated beside
it (`training_variance`). Both half widths are then added in squares, each with a critical value of its own (that of t
for training), which errs on the side of wide intervals. It assumes that seeds are independent draws, also of one model
against the other: equal numbers of seeds mean nothing.

p is exact where training is not part of it. Coverage of other differences than 0, and all of it where training is part
of it, are approximate; `make campaigns` measures how good the approximation is.

Sources: Fisher 1935, s. 21; Noreen 1989; Phipson & Smyth 2010 ((r + 1) / (n + 1)); Agresti & Min 2005 (one more clip
for each); Cochran & Cox 1957, s. 4.14, and Welch 1947 (two variances).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

RESAMPLES = 9999
SAME = 1e-10
"""Differences that are no farther apart are equal, so that rounding breaks no ties."""
DRAWN_AT_ONCE = 2_000_000  # swaps in memory
Statistic = Callable[[np.ndarray], np.ndarray]
"""(patterns, units) bool, which units are swapped, to the (patterns,) differences then."""


@dataclass(frozen=True)
class Training:
    """The variance that training adds to a difference of means over seeds, and its degrees of freedom."""

    variance: float
    freedom: float


@dataclass(frozen=True)
class Swapped:
    """A difference of two scores, and its values under swaps within units.

    Attributes:
        a, b: the two scores, means over folds and seeds.
        statistic: swaps to differences.
        clips: their number.
        differing: (units,) bool, the units that change something when they are swapped.
        largest: the largest difference that scores can have.
        training: None where one of the models has one seed.
    """

    a: float
    b: float
    statistic: Statistic
    clips: int
    differing: np.ndarray
    largest: float = math.inf
    training: Training | None = None

    @property
    def difference(self) -> float:
        return self.a - self.b

    @property
    def units(self) -> int:
        return len(self.differing)


@dataclass(frozen=True)
class SwapTest:
    """The difference with its interval and p; with fewer units than `fewest` the interval is NaN."""

    difference: float
    low: float
    high: float
    p: float
    units: int
    differing: int
    fewest: int


def fewest_units(confidence: float) -> int:
    """Count the units from which a swap test can reach a two-sided confidence: 6 for 0.95."""
    return math.ceil(round(1 - math.log2(1 - confidence), 9))


def swap_test(swapped: Swapped, *, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = 0) -> SwapTest:
    """Test a difference by swaps within units; this module's docstring says how.

    Args:
        confidence: of the interval.
        resamples: the number of random patterns, where there are too many to try all.
        seed: of these.

    Raises:
        ValueError: for a confidence that is not between 0 and 1, or fewer than 2 resamples.
    """
    check_options(confidence, resamples)
    differing, fewest = int(swapped.differing.sum()), fewest_units(confidence)
    differences = _differences(swapped, resamples, seed)
    if np.isnan(differences).any():
        return SwapTest(swapped.difference, math.nan, math.nan, math.nan, swapped.units, differing, fewest)
    reached = _Reached(swapped, differences)
    difference, p = math.copysign(reached.observed, swapped.difference), reached.p()
    low = high = math.nan
    if swapped.units >= fewest:
        half, most = reached.half_width(1 - confidence), swapped.largest
        low, high = max(difference - half, -most), min(difference + half, most)
    return SwapTest(difference + 0.0, low, high, p, swapped.units, differing, fewest)


def check_options(confidence: float, resamples: int) -> None:
    """Raise ValueError for a confidence or a number of resamples that no test can have."""
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be between 0 and 1, such as 0.95, got {confidence!r}")
    if resamples < 2:
        raise ValueError(f"resamples must be at least 2, got {resamples!r}")


def training_variance(
    a: np.ndarray, b: np.ndarray, parts_a: np.ndarray | None, parts_b: np.ndarray | None
) -> Training | None:
    """Estimate the variance that training adds to a difference of means over seeds; None where a model has one seed.

    The variance of each model's mean is that of its scores over seeds. The part of it that training scatters over units
    independently is left out where it is known, for swaps within units contain it already.

    Args:
        a, b: (seeds,) scores.
        parts_a, parts_b: (seeds, units), the share of each unit in a score.
    """
    if min(len(a), len(b)) < 2:
        return None
    variances = [float(np.var(scores, ddof=1)) / len(scores) for scores in (a, b)]
    scattered = 0.0
    for parts in (parts_a, parts_b):
        if parts is not None:
            scattered += float(np.var(parts, axis=0, ddof=1).sum()) / len(parts)
    total = sum(variances)
    if not total > 0:
        return Training(0.0, 1.0)
    freedom = total**2 / sum(v**2 / (len(scores) - 1) for v, scores in zip(variances, (a, b), strict=True))
    return Training(max(total - scattered, 0.0), freedom)


class _Reached:
    """The differences that swaps reach, in absolute values from the largest.

    Args:
        differences: (patterns,), the observed one first.
    """

    def __init__(self, swapped: Swapped, differences: np.ndarray) -> None:
        self.units, self.training = swapped.units, swapped.training
        order = np.argsort(-np.abs(differences), kind="stable")
        values = np.abs(differences)[order]
        first = np.diff(values, prepend=math.inf) < -SAME  # of those that are equal
        self.values = values[np.maximum.accumulate(np.where(first, np.arange(len(values)), 0))]
        self.observed = float(self.values[np.flatnonzero(order == 0)[0]])
        self.extra = 2 / swapped.clips**2
        self.variance = float(np.mean(self.values**2)) + self.extra

    def p(self) -> float:
        if self.training is None or self.training.variance == 0:
            return float(np.mean(self.values >= self.observed))
        low, high = 0.0, 1.0  # the smallest level at which 0 is outside
        for _ in range(40):
            level = (low + high) / 2
            low, high = (low, level) if self.half_width(level) < self.observed else (level, high)
        return high

    def half_width(self, level: float) -> float:
        critical = self.critical_value(level)
        left = self.variance - critical**2 / self.units
        if left <= 0:
            return math.inf
        of_error = max(self.variance - self.observed**2 / self.units, self.extra)
        half = critical * math.sqrt(of_error / left)
        if self.training is None:
            return half
        return math.hypot(half, special.stdtrit(self.training.freedom, level / 2) * math.sqrt(self.training.variance))

    def critical_value(self, level: float) -> float:
        """Find a value that differences exceed exactly where their p is at most the level."""
        count = len(self.values)
        allowed = math.floor(level * count + 1e-9)
        if allowed >= count:
            return 0.0
        below = self.values[allowed]
        larger = int(np.searchsorted(-self.values, -below))  # their number
        if not larger:
            return self._beyond(level)
        above = self.values[larger - 1]
        p_below, p_above = (np.searchsorted(-self.values, -value, "right") / count for value in (below, above))
        return float(below + (above - below) * min((p_below - level) / (p_below - p_above), 0.999))

    def _beyond(self, level: float) -> float:
        """Continue critical values as a normal distribution, to a level that no swap pattern reaches."""
        largest, quantile = float(self.values[0]), -float(special.ndtri(level / 2))
        p_largest = float(np.mean(self.values >= largest))
        continued = largest * quantile / -special.ndtri(p_largest / 2) if p_largest < 1 else 0.0
        return max(continued, quantile * math.sqrt(self.variance))


def _differences(swapped: Swapped, resamples: int, seed: int) -> np.ndarray:
    """Calculate the differences of all patterns, or of random ones; the first is the observed one, without swaps."""
    places = np.flatnonzero(swapped.differing)

    def of(patterns: np.ndarray) -> np.ndarray:
        swaps = np.zeros((len(patterns), swapped.units), bool)
        swaps[:, places] = patterns
        return swapped.statistic(swaps)

    if 2 ** len(places) <= resamples + 1:
        return of((np.arange(2 ** len(places))[:, None] >> np.arange(len(places)) & 1).astype(bool))
    rng, at_once = np.random.default_rng(seed), max(1, DRAWN_AT_ONCE // swapped.units)
    sizes = [min(at_once, resamples - start) for start in range(0, resamples, at_once)]
    drawn = [of(rng.integers(0, 2, (size, len(places)), np.uint8).astype(bool)) for size in sizes]
    return np.concatenate([of(np.zeros((1, len(places)), bool)), *drawn])
