"""Swap tests of the metrics of regression, against the metrics and against swaps of predictions themselves."""

import math

import numpy as np
import pytest

from downstream.scores.metrics import get
from results.rows import rows
from results.statistics import swapped
from results.statistics.numeric import NUMERIC, SPREAD, unit_of
from results.statistics.permutation import swap_test
from results.statistics.statement import statement
from results.statistics.versus import comparisons
from tests.results.tables.test_compose import crossed

FOLDS, SEEDS, CLIPS = 2, 3, 12


def metric(name):
    return lambda prediction, target: next(iter(get(name).score(prediction, target).values()))


def made(errors, targets=2, seed=0, scale=1.0):
    """Predictions of models with some errors, each of seeds and folds, and targets and units of the folds."""
    rng = np.random.default_rng(seed)
    right = [(scale * (5 + rng.normal(size=(CLIPS, targets)) * [1, 3][:targets])).astype(np.float32) for _ in range(2)]
    models = [
        [[(y + scale * rng.normal(scale=error, size=y.shape)).astype(np.float32) for y in right] for _ in range(SEEDS)]
        for error in errors
    ]
    return models, right, [np.arange(CLIPS) // 2 + CLIPS * fold // 2 for fold in range(FOLDS)]


def difference(name, a, b, right, units):
    """As `versus` makes it."""
    numeric = NUMERIC[name]
    unit = unit_of(right) if numeric.in_units else 1.0
    sides = [
        [[numeric.of_clips(fold, y, unit) for fold, y in zip(seed, right, strict=True)] for seed in side]
        for side in (a, b)
    ]
    if numeric.score is None:
        return swapped.of_shares(*sides, units, numeric.largest), unit
    return swapped.of_counts(*sides, units, numeric.score, numeric.largest), unit


@pytest.mark.parametrize("targets", [1, 2])
@pytest.mark.parametrize("name", list(NUMERIC))
def test_scores_and_swaps_are_those_of_the_metric(name, targets):
    (a, b), right, units = made((0.5, 1.5), targets)
    found, unit = difference(name, a, b, right, units)
    wanted = swapped.of_metric(a, b, right, units, metric(name))
    assert unit * found.a == pytest.approx(wanted.a, rel=1e-6)
    assert unit * found.b == pytest.approx(wanted.b, rel=1e-6)
    assert (found.differing == wanted.differing).all()
    swaps = np.random.default_rng(0).integers(0, 2, (20, found.units)).astype(bool)
    np.testing.assert_allclose(unit * found.statistic(swaps), wanted.statistic(swaps), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", list(NUMERIC))
def test_the_units_of_a_task_change_nothing(name):
    found = []
    for scale in (1.0, 1e-3, 1e3):
        (a, b), right, units = made((0.5, 0.8), scale=scale)
        of_scale, unit = difference(name, a, b, right, units)
        test = swap_test(of_scale, resamples=500)
        over = scale if NUMERIC[name].in_units else 1.0
        found.append([unit * value / over for value in (test.difference, test.low, test.high)] + [test.p])
    np.testing.assert_allclose(found[1], found[0], rtol=1e-3)
    np.testing.assert_allclose(found[2], found[0], rtol=1e-3)


@pytest.mark.parametrize("name", list(NUMERIC))
def test_equal_models_seldom_differ(name):
    """100 pairs of equally good models, at the level 0.05; of more than 11 the chance is 0.004."""
    rejected = 0
    for seed in range(100):
        (a, b), right, units = made((1.0, 1.0), seed=seed)
        of_seed, _ = difference(name, a[:1], b[:1], right, units)
        rejected += swap_test(of_seed, resamples=199).p <= 0.05
    assert rejected <= 11


def test_a_model_whose_predictions_hardly_vary():
    """Swaps may leave a model with one prediction for all clips, which has no correlation; it counts as 0."""
    sums = NUMERIC["pearson"].of_clips(np.full((6, 1), 2.0), np.arange(6.0)[:, None], 1.0).sum(0)
    assert NUMERIC["pearson"].score(sums) == 0


def write_jobs(folder, error, model, scores):
    rng, right = np.random.default_rng(1), np.random.default_rng(0).normal(60, 12, (40, 1)).astype(np.float32)
    predicted = (right + rng.normal(scale=error, size=right.shape)).astype(np.float32)
    values = {
        "files": np.array([f"{i:03d}" for i in range(40)]),
        "prediction": predicted,
        "target": right,
        "offsets": np.arange(41),
        "timestamps": np.array([]),
    }
    np.savez(folder / "jobs" / f"{model}.npz", **{f"fold00.{name}": array for name, array in values.items()})
    return metric(scores)(predicted, right)


@pytest.mark.parametrize("name", list(NUMERIC))
def test_two_models_of_a_run(tmp_path, name):
    (tmp_path / "jobs").mkdir()
    found = crossed(models=("good", "bad"), tasks=("pitches",), folds=1, seeds=1).assign(metric=name)
    found["job"] = found["model"]
    for row in found.itertuples():
        found.loc[row.Index, "score"] = write_jobs(tmp_path, {"good": 3, "bad": 20}[row.model], row.job, name)
    rows.write_rows(found.astype(object).where(found.notna(), None).to_dict("records"), tmp_path / "rows.csv")
    lines = comparisons(tmp_path, [("good", "bad")], resamples=999)
    (line,) = lines.itertuples()
    assert (line.verdict, line.reason) == ("differ", "")
    scores = dict(zip(found["model"], found["score"], strict=True))
    assert line.score_a == pytest.approx(scores["good"], rel=1e-6)
    assert line.difference == pytest.approx(scores["good"] - scores["bad"], rel=1e-6)
    assert line.low < line.difference < line.high
    assert math.isfinite(line.low + line.high)
    relative = name in ("r2", "pearson")
    assert (line.difference > 0) == relative, "less is better for the errors"
    assert (SPREAD in line.notes) == ("take the spread" in statement(lines)) == relative
    assert statement(lines).startswith("Established (95%")
    assert "good better than bad" in statement(lines)
