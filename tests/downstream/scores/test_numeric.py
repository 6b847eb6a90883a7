"""Metrics of regression against scikit-learn and scipy."""

import math

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from downstream.scores import missing
from downstream.scores.metrics import METRICS, get

NAMES = ("r2", "pearson", "rmse", "mae")


def made(items=40, targets=3, seed=0, scale=1.0, shift=0.0):
    """Predictions that are better for some targets than for others, and targets."""
    rng = np.random.default_rng(seed)
    right = rng.normal(size=(items, targets))
    predicted = right + rng.normal(size=(items, targets)) * np.linspace(0.1, 3, targets)
    return scale * predicted + shift, (scale * right + shift).astype(np.float32)


def score(name, predicted, right):
    (value,) = get(name).score(predicted, right).values()
    return value


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize(("scale", "shift"), [(1, 0), (1e-6, 3e-5), (1e6, 1e7)])
def test_scores_are_those_of_scikit_learn_and_scipy(targets, scale, shift):
    predicted, right = made(targets=targets, scale=scale, shift=shift)
    wide = right.astype(np.float64)
    wanted = {
        "r2": r2_score(wide, predicted),
        "pearson": np.mean([pearsonr(*pair).statistic for pair in zip(predicted.T, wide.T, strict=True)]),
        "rmse": root_mean_squared_error(wide, predicted),
        "mae": mean_absolute_error(wide, predicted),
    }
    for name, value in wanted.items():
        assert score(name, predicted, right) == pytest.approx(value, rel=1e-9), name


def test_what_is_worse_than_the_mean_is_below_zero():
    right = np.array([[1.0], [2.0], [3.0]], np.float32)
    assert score("r2", right, right) == 1
    assert score("r2", np.full_like(right, 2), right) == 0
    assert score("r2", 3 * right, right) == r2_score(right, 3 * right) < -10


def test_which_way_is_better():
    assert [METRICS[name].higher_is_better for name in NAMES] == [True, True, False, False]


@pytest.mark.parametrize("name", NAMES)
def test_many_probes_are_scored_as_each_alone(name):
    _, right = made()
    predicted = torch.stack([torch.from_numpy(made(seed=0, scale=scale)[0].T) for scale in (0.5, 1, 2)])
    predicted[1, 0, 0] = math.nan
    found = METRICS[name].stacked(torch.from_numpy(right.T.copy()))(predicted)
    assert found.dtype == torch.float64
    assert math.isnan(found[1])
    for number in (0, 2):
        assert found[number].item() == pytest.approx(score(name, predicted[number].T.numpy(), right), rel=1e-12)


@pytest.mark.parametrize("value", [0.1, 48.3, -1e7])
def test_undefined_scores_are_missing_with_a_reason(value):
    """0.1 is a number whose sums are rounded."""
    predicted, right = made(targets=2)
    constant = right.copy()
    constant[:, 1] = value
    same = predicted.copy()
    same[:, 0] = value
    for name in ("r2", "pearson"):
        assert math.isnan(score(name, predicted, constant))
        reason = missing.of_scenes(name, constant, ("pitch", "level"), "test", predicted)
        assert reason == "target 'level' is the same for each item of test"
    assert math.isnan(score("pearson", same, right))
    assert math.isfinite(score("r2", same, right))
    reason = missing.of_scenes("pearson", right, ("pitch", "level"), "test", same)
    assert reason == "the same 'pitch' is predicted for each item of test"
    assert missing.of_scenes("rmse", right, ("pitch", "level"), "test") == "predictions are not finite"


def test_one_item_has_no_r2():
    assert math.isnan(score("r2", np.array([[1.0]]), np.array([[2.0]])))
    assert score("mae", np.array([[1.0]]), np.array([[2.0]])) == 1


@pytest.mark.parametrize(
    ("name", "types", "foreign"),
    [
        ("mAP", ("scene", "regression"), "regression"),
        ("r2", ("scene", "regression"), ""),
        ("r2", ("scene", "multiclass"), "multiclass"),
        ("r2", ("event", "multilabel"), "event"),
        ("segment_1s_er", ("scene", "regression"), "scene"),
        ("mAP", ("scene", "multilabel"), ""),
    ],
)
def test_metrics_know_their_tasks(name, types, foreign):
    assert get(name).foreign_to(*types) == foreign
