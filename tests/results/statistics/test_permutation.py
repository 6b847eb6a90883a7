"""Swap tests: p and interval of a difference never contradict each other, and say no more than the units allow."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from results.rows.event_counts import f_measure
from results.statistics import swapped
from results.statistics.permutation import fewest_units, swap_test

seeds_of_clips = st.integers(1, 3).flatmap(
    lambda seeds: st.lists(
        st.tuples(*[st.lists(st.booleans(), min_size=seeds, max_size=seeds)] * 2), min_size=1, max_size=40
    )
)


def shares(a, b, units=None):
    """Of (seeds, clips) right or wrong of two models, in one fold."""
    a, b = np.atleast_2d(np.asarray(a, float)), np.atleast_2d(np.asarray(b, float))
    numbers = np.arange(a.shape[1]) if units is None else np.asarray(units)
    return swapped.of_shares([[seed] for seed in a], [[seed] for seed in b], [numbers])


def counts(a, b):
    return swapped.of_counts([[a]], [[b]], [np.arange(len(a))], f_measure, 1.0)


def test_three_of_eighty_clips_are_not_a_difference():
    b = np.arange(80) < 40
    found = swap_test(shares(b | (np.arange(80) > 76), b))
    assert found.difference == pytest.approx(3 / 80)
    assert found.p == 0.25  # three coins, all on one side or the other
    assert found.low < 0 < 3 / 80 < found.high < 0.15
    assert (found.units, found.differing) == (80, 3)


def test_two_clips_have_no_interval_and_an_exact_p():
    found = swap_test(counts(np.array([[12, 12, 12], [10, 12, 12]]), np.array([[10, 12, 12], [9, 12, 12]])))
    assert found.p == 0.5
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert (found.units, found.fewest) == (2, 6)


@pytest.mark.parametrize(("confidence", "units"), [(0.9, 5), (0.95, 6), (0.99, 8), (0.75, 3)])
def test_the_fewest_units_reach_the_confidence_and_one_less_does_not(confidence, units):
    assert fewest_units(confidence) == units
    assert 2 * 0.5**units <= 1 - confidence < 2 * 0.5 ** (units - 1)
    every = np.ones(units), np.zeros(units)
    assert swap_test(shares(*every), confidence=confidence).low > 0
    fewer = swap_test(shares(*(clips[1:] for clips in every)), confidence=confidence)
    assert math.isnan(fewer.low)


@given(seeds_of_clips, st.sampled_from([0.5, 0.8, 0.95, 0.99]), st.booleans())
def test_p_and_interval_agree_and_both_are_antisymmetric(clips, confidence, in_groups):
    a, b = (np.array(side).T for side in zip(*clips, strict=True))
    units = np.arange(len(clips)) // 2 if in_groups else None
    options = {"confidence": confidence, "resamples": 99}
    found, back = swap_test(shares(a, b, units), **options), swap_test(shares(b, a, units), **options)
    assert found.difference == pytest.approx(np.mean(a) - np.mean(b), abs=1e-9)
    assert 0 < found.p == back.p <= 1
    if found.units < fewest_units(confidence):
        assert math.isnan(found.low)
        return
    assert found.low <= found.difference + 1e-12
    assert found.difference - 1e-12 <= found.high
    assert (found.p <= 1 - confidence) == (not found.low <= 0 <= found.high)
    assert [found.difference, found.low, found.high] == pytest.approx([-back.difference, -back.high, -back.low])


def test_all_patterns_are_tried_where_they_are_few():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 9))
    d = a - b
    patterns = 1 - 2 * ((np.arange(2**9)[:, None] >> np.arange(9)) & 1)
    wanted = np.mean(np.abs(patterns @ d) >= abs(d.sum()) - 1e-12)
    assert swap_test(shares(a, b)).p == pytest.approx(wanted)
    assert abs(swap_test(shares(a, b), resamples=400).p - wanted) < 0.1  # random patterns


def test_the_interval_approaches_students_t():
    rng = np.random.default_rng(1)
    d = rng.normal(0.02, 0.1, 2000)
    found = swap_test(shares(d, np.zeros(2000)), confidence=0.9)
    half = 1.645 * d.std(ddof=1) / math.sqrt(2000)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.03)


def test_clips_of_a_group_are_one_unit():
    rng = np.random.default_rng(2)
    b = rng.random(600) < 0.5
    a = b | (rng.random(600) < 0.1)
    speakers = np.arange(600) // 100
    found = swap_test(shares(a, b, speakers))
    assert found.units == 6
    assert found.p == 2 / 2**6
    assert found.p > swap_test(shares(a, b)).p
    assert math.isnan(swap_test(shares(a, b, speakers // 2)).low)


def test_seeds_widen_the_interval_where_training_scatters_the_score():
    rng = np.random.default_rng(3)
    clips = rng.random(200)
    calm = [clips < 0.6 + 0.0 * seed for seed in range(3)], [clips < 0.5 + 0.0 * seed for seed in range(3)]
    wild = [clips < 0.6 + 0.1 * seed for seed in (-1, 0, 1)], [clips < 0.5 + 0.1 * seed for seed in (-1, 0, 1)]
    one, other = swap_test(shares(*calm)), swap_test(shares(*wild))
    assert one.difference == pytest.approx(other.difference, abs=0.03)
    assert other.high - other.low > 3 * (one.high - one.low)
    assert one.p < 0.05 < other.p


def test_models_with_other_numbers_of_seeds_keep_their_means():
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 5, (3, 20, 3)), rng.integers(0, 5, (2, 20, 3))
    units = [np.arange(20)]
    found = swapped.of_counts([[seed] for seed in a], [[seed] for seed in b], units, f_measure, 1.0)
    assert found.difference == pytest.approx(np.mean(f_measure(a.sum(1))) - np.mean(f_measure(b.sum(1))))
    assert found.statistic(np.zeros((1, 20), bool))[0] == pytest.approx(found.difference)
    assert found.statistic(np.ones((1, 20), bool))[0] == pytest.approx(-found.difference)


def test_counts_and_metrics_are_swapped_as_they_are_scored():
    """The three kinds agree where one score can be written as each of them."""
    rng = np.random.default_rng(5)
    target = np.eye(4)[rng.integers(0, 4, 30)]
    predictions = rng.random((2, 30, 4))
    accuracy = lambda prediction, wanted: float((prediction.argmax(1) == wanted.argmax(1)).mean())  # noqa: E731
    right = (predictions.argmax(2) == target.argmax(1)).astype(float)
    units = [np.arange(30) // 3]
    swaps = rng.random((20, 10)) < 0.5
    as_counts = [[[np.stack([side, np.ones(30), np.ones(30)], 1)]] for side in right]
    kinds = (
        swapped.of_shares([[right[0]]], [[right[1]]], units),
        swapped.of_counts(*as_counts, units, f_measure, 1.0),  # an event a clip, predicted in each
        swapped.of_metric([[predictions[0]]], [[predictions[1]]], [target], units, accuracy, 1.0),
    )
    for kind in kinds[1:]:
        np.testing.assert_allclose(kind.statistic(swaps), kinds[0].statistic(swaps), atol=1e-12)
        assert (kind.a, kind.b, kind.clips, kind.units) == pytest.approx((right[0].mean(), right[1].mean(), 30, 10))


def test_a_metric_of_all_clips_is_tested():
    rng = np.random.default_rng(6)
    target = rng.random((60, 2)) < 0.4
    good, bad = target + rng.normal(0, 0.6, (60, 2)), target + rng.normal(0, 3, (60, 2))
    metric = lambda prediction, wanted: float(average_precision_score(wanted, prediction))  # noqa: E731
    found = swapped.of_metric([[good]], [[bad]], [target], [np.arange(60)], metric, 1.0)
    test = swap_test(found, resamples=99)
    assert test.difference == metric(good, target) - metric(bad, target)
    assert test.p == 0.01
    assert 0 < test.low < test.difference < test.high <= 1


def test_models_that_agree_everywhere_may_still_differ_elsewhere():
    found = swap_test(shares(np.ones(80), np.ones(80)))
    assert (found.difference, found.p, found.differing) == (0, 1, 0)
    assert -0.06 < found.low < 0 < found.high < 0.06  # as the rule of three: 3 / 80


def test_what_cannot_be_asked():
    with pytest.raises(ValueError, match="confidence must be between 0 and 1, such as 0.95, got 95"):
        swap_test(shares([1, 0], [0, 1]), confidence=95)
    with pytest.raises(ValueError, match="resamples must be at least 2, got 1"):
        swap_test(shares([1, 0], [0, 1]), resamples=1)


def test_a_score_that_is_not_defined_has_no_interval():
    none = np.array([[0, 1, 0]] * 8)
    assert math.isnan(swap_test(counts(none, none)).p)
