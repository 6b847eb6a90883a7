"""Intervals over clips: how often they cover, and what they must not depend on."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from results.bootstrap import METHODS, bootstrap, paired_bootstrap

QUICK = settings(max_examples=25, deadline=None)
right = st.lists(st.booleans(), min_size=2, max_size=30)
pairs = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=2, max_size=30)


def within_chance(hits: int, trials: int, probability: float) -> bool:
    """Whether so many hits are within the central 99.9 % of the binomial."""
    low, high = stats.binom.ppf([0.0005, 0.9995], trials, probability)
    return low <= hits <= high


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("confidence", [0.8, 0.95])
def test_intervals_cover_as_often_as_they_claim(method, confidence):
    rng, trials, hits = np.random.default_rng(0), 150, 0
    for seed in range(trials):
        clips = rng.random(150) < 0.7
        found = bootstrap(clips, confidence=confidence, resamples=500, method=method, seed=seed)
        hits += found.low <= 0.7 <= found.high
    assert within_chance(hits, trials, confidence)
    assert not within_chance(trials, trials, 0.8), "the test could tell"


def test_paired_intervals_cover_and_p_is_uniform_where_there_is_no_difference():
    rng, trials, covered, found_something = np.random.default_rng(1), 200, 0, 0
    for seed in range(trials):
        hard = rng.random(150) * 0.6
        a, b = (rng.random(150) > hard for _ in range(2))
        found = paired_bootstrap(a, b, resamples=500, seed=seed)
        covered += found.low <= 0 <= found.high
        found_something += found.p <= 0.2
    assert within_chance(covered, trials, 0.95)
    assert within_chance(found_something, trials, 0.2)


def test_a_real_difference_is_found():
    rng = np.random.default_rng(2)
    a, b = rng.random(300) < 0.8, rng.random(300) < 0.6
    found = paired_bootstrap(a, b)
    assert found.p < 0.01
    assert 0 < found.low < found.estimate < found.high
    assert found.estimate == pytest.approx(a.mean() - b.mean())


@QUICK
@given(right, st.sampled_from(METHODS))
def test_a_variant_against_itself_finds_nothing(clips, method):
    found = paired_bootstrap(np.array(clips), np.array(clips), resamples=50, method=method)
    assert (found.estimate, found.low, found.high, found.p) == (0, 0, 0, 1)


@QUICK
@given(pairs)
def test_exchanging_the_variants_turns_the_signs(clips):
    a, b = np.array(clips).T
    assume(sorted(clips) != sorted((y, x) for x, y in clips))
    forth, back = paired_bootstrap(a, b, resamples=50), paired_bootstrap(b, a, resamples=50)
    assert (back.estimate, back.low, back.high, back.p) == (-forth.estimate, -forth.high, -forth.low, forth.p)


@QUICK
@given(pairs, st.randoms())
def test_the_order_of_clips_changes_nothing(clips, random):
    a, b = np.array(clips).T
    order = np.array(random.sample(range(len(clips)), len(clips)))
    assert bootstrap(a[order], resamples=50) == bootstrap(a, resamples=50)
    assert paired_bootstrap(a[order], b[order], resamples=50) == paired_bootstrap(a, b, resamples=50)


def accuracy(prediction, target) -> float:
    return float((prediction.argmax(1) == target.argmax(1)).mean())


def test_a_metric_of_predictions_is_the_mean_of_what_is_right():
    rng = np.random.default_rng(3)
    target = np.eye(4)[rng.integers(0, 4, 60)]
    first, second = (target + rng.normal(0, scale, target.shape) for scale in (0.6, 0.9))
    whole = bootstrap((first, target), accuracy, resamples=200)
    assert whole.estimate == accuracy(first, target)
    assert whole.low < whole.estimate < whole.high
    order = rng.permutation(60)
    assert bootstrap((first[order], target[order]), accuracy, resamples=200) == whole
    paired = paired_bootstrap((first, target), (second, target), accuracy, resamples=200)
    assert paired.estimate == pytest.approx(accuracy(first, target) - accuracy(second, target))
    assert paired_bootstrap((first, target), (first, target), accuracy, resamples=20).p == 1


def test_the_score_is_the_mean_over_folds():
    folds = [np.array([1, 1, 1, 0] * 5), np.array([0, 0, 1, 0] * 20)]
    found = bootstrap(folds)
    assert found.estimate == pytest.approx((0.75 + 0.25) / 2)
    error = math.sqrt((0.75 * 0.25 / 20 + 0.25 * 0.75 / 80) / 4)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_scores_without_spread_have_an_interval_of_one_point():
    found = bootstrap(np.ones(20))
    assert (found.low, found.high, found.method) == (1, 1, "percentile")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap(np.ones(1)), r"fold 0 has arrays of \[1\] clips; expected one number, at least 2"),
        (lambda: bootstrap([]), "no folds; expected arrays with a row a clip"),
        (lambda: bootstrap(np.ones((5, 2))), "fold 0 has more than a number a clip; expected that, or a metric"),
        (lambda: bootstrap(np.ones(5), method="t"), "method must be one of BCa, percentile, got 't'"),
        (lambda: bootstrap(np.ones(5), confidence=95), "confidence must be between 0 and 1, such as 0.95, got 95"),
        (lambda: bootstrap(np.ones(5), resamples=1), "resamples must be at least 2, got 1"),
        (
            lambda: paired_bootstrap(np.ones(5), np.ones(4)),
            r"clips of the folds are \[5\] and \[4\]; expected the same",
        ),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
