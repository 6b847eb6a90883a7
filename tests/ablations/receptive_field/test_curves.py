"""Shortest intervals, shares and their spread, against values that are known."""

import numpy as np
import pytest

from ablations.receptive_field.curves import Numbers, interval, resampled, shortest


def slid(edges: np.ndarray, shares: np.ndarray, part: float, step: float) -> float:
    """The length of the shortest interval among those whose ends are multiples of a step."""
    fine = np.arange(edges[0], edges[-1] + step / 2, step)
    held = np.interp(fine, edges, np.concatenate([[0], np.cumsum(shares)]))
    lengths = [fine[stop] - start for place, start in enumerate(fine) for stop in _first(held, held[place] + part)]
    return min(lengths)


def _first(held: np.ndarray, value: float) -> list[int]:
    place = int(np.searchsorted(held, value - 1e-9))
    return [place] if place < len(held) else []


@pytest.mark.parametrize("part", [0.1, 0.5, 0.95, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_no_interval_is_shorter(seed, part):
    stream = np.random.default_rng(seed)
    edges, shares = np.arange(-6.0, 7.0), stream.random(12) * (stream.random(12) < 0.7)
    shares /= shares.sum()
    begin, end = shortest(edges, shares, part)
    held = np.interp([begin, end], edges, np.concatenate([[0], np.cumsum(shares)]))
    assert held[1] - held[0] == pytest.approx(part, abs=1e-9)
    assert end - begin == pytest.approx(slid(edges, shares, part, 1 / 64), abs=2 / 64)


def test_an_even_effect_has_intervals_of_its_parts():
    found = Numbers.of(np.arange(-10.0, 11.0), np.full(20, 1 / 20), (-10.0, 10.0))
    assert found.intervals[50] == pytest.approx((-10, 0))
    assert np.diff(found.intervals[95]) == pytest.approx(19)
    assert found.future == pytest.approx(0.5)
    assert found.outside == 0


def test_only_whole_stretches_are_outside_or_behind():
    edges, shares = np.array([-30.0, -20, -10, 0, 10, 20]), np.array([0.1, 0.2, 0.3, 0.3, 0.1])
    found = Numbers.of(edges, shares, (-20.0, 15.0))
    assert found.outside == pytest.approx(0.1), "the last stretch is half inside"
    assert found.future == pytest.approx(0.4)
    assert np.isnan(Numbers.of(edges, shares, None).outside)


def test_zero_effects_at_the_ends_are_no_part_of_an_interval():
    assert shortest(np.arange(7.0), np.array([0, 0, 0.5, 0.5, 0, 0]), 1.0) == pytest.approx((2, 4))


def test_draws_spread_as_the_mean_of_clips_does():
    stream = np.random.default_rng(0)
    first = stream.normal(1, 0.2, 100)
    effects = np.stack([first, np.full(100, 3.0)], 1)
    low, high = interval(resampled(effects, np.ones(100), seed=1)[:, 0])
    error = 0.2 / 10 * 3 / 16  # the derivative of a / (a + 3) at 1
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.25)
    assert low < 0.25 < high


def test_equal_clips_have_no_spread():
    shares = resampled(np.tile([1.0, 3.0], (8, 1)), np.ones(8), seed=0)
    assert interval(shares[:, 1]) == pytest.approx((0.75, 0.75))
