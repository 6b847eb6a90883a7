"""Intervals over clips: how often they cover, and what they must not depend on."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from results.statistics.bootstrap import METHODS, bootstrap

QUICK = settings(max_examples=25, deadline=None)
right = st.lists(st.booleans(), min_size=2, max_size=30)


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


@QUICK
@given(right, st.randoms())
def test_the_order_of_clips_changes_nothing(clips, random):
    clips = np.array(clips)
    order = np.array(random.sample(range(len(clips)), len(clips)))
    assert bootstrap(clips[order], resamples=50) == bootstrap(clips, resamples=50)


def accuracy(prediction, target) -> float:
    return float((prediction.argmax(1) == target.argmax(1)).mean())


def test_a_metric_of_predictions_is_the_mean_of_what_is_right():
    rng = np.random.default_rng(3)
    target = np.eye(4)[rng.integers(0, 4, 60)]
    first = target + rng.normal(0, 0.6, target.shape)
    whole = bootstrap((first, target), accuracy, resamples=200)
    assert whole.estimate == accuracy(first, target)
    assert whole.low < whole.estimate < whole.high
    order = rng.permutation(60)
    assert bootstrap((first[order], target[order]), accuracy, resamples=200) == whole


def test_the_score_is_the_mean_over_folds():
    folds = [np.array([1, 1, 1, 0] * 5), np.array([0, 0, 1, 0] * 20)]
    found = bootstrap(folds)
    assert found.estimate == pytest.approx((0.75 + 0.25) / 2)
    error = math.sqrt((0.75 * 0.25 / 20 + 0.25 * 0.75 / 80) / 4)
    assert found.high - found.low == pytest.approx(2 * 1.96 * error, rel=0.15)


def test_a_score_of_1_or_0_has_clopper_and_pearsons_interval():
    target = np.eye(2)[np.arange(20) % 2]
    for found in (bootstrap(np.ones(20)), bootstrap([np.ones(10)] * 2), bootstrap((target, target), accuracy)):
        assert (found.estimate, found.high, found.method) == (1, 1, "exact")
        assert found.low == pytest.approx(0.025 ** (1 / 20))
    none = bootstrap(np.zeros(20), confidence=0.9)
    assert (none.low, none.high) == (0, pytest.approx(1 - 0.05 ** (1 / 20)))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: bootstrap(np.ones(1)), r"fold 0 has arrays of \[1\] clips; expected one number, at least 2"),
        (lambda: bootstrap([]), "no folds; expected arrays with a row a clip"),
        (lambda: bootstrap(np.ones((5, 2))), "fold 0 has more than a number a clip; expected that, or a metric"),
        (lambda: bootstrap(np.ones(5), method="t"), "method must be one of BCa, percentile, got 't'"),
        (lambda: bootstrap(np.ones(5), confidence=95), "confidence must be between 0 and 1, such as 0.95, got 95"),
        (lambda: bootstrap(np.ones(5), resamples=1), "resamples must be at least 2, got 1"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
