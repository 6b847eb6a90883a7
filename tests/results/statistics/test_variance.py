"""Variance components and the edges of the grid."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from downstream.probes.protocol import GRID, GRID_POINTS, Protocol
from downstream.solve import THRESHOLDS
from downstream.solvers import SOLVERS
from results.reference.published import published
from results.scores.labels import labels
from results.statistics import edges
from results.statistics.variance import tried, variance
from results.tables import compose
from tests.results.tables.test_compose import crossed

COMPONENTS = ["folds_variance", "seeds_variance", "rest_variance"]


def with_scores(values: np.ndarray) -> pd.DataFrame:
    """Rows of one model: values (folds, seeds)."""
    return crossed(models=("a",), folds=values.shape[0], seeds=values.shape[1]).assign(score=values.ravel())


def test_components_are_found_again():
    """Of made-up scores whose components are known; many folds and seeds, so that the estimates are near them."""
    rng = np.random.default_rng(0)
    folds, seeds, rest = 0.06, 0.03, 0.02
    parts = rng.normal(0, folds, (300, 1)), rng.normal(0, seeds, (1, 300)), rng.normal(0, rest, (300, 300))
    (found,) = variance(with_scores(0.5 + sum(parts))).itertuples()
    expected = folds**2, seeds**2, rest**2
    assert [getattr(found, name) for name in COMPONENTS] == pytest.approx(expected, rel=0.25)
    assert (found.folds, found.seeds) == (300, 300)


def test_components_by_hand():
    values = np.array([[0.1, 0.2], [0.4, 0.3], [0.6, 0.7]])
    folds, seeds, mean = values.mean(1), values.mean(0), values.mean()
    rest = ((values - folds[:, None] - seeds + mean) ** 2).sum() / 2
    (found,) = variance(with_scores(values)).itertuples()
    assert found.rest_variance == pytest.approx(rest)
    assert found.folds_variance == pytest.approx(folds.var(ddof=1) - rest / 2)
    assert found.seeds_variance == pytest.approx(max(0, seeds.var(ddof=1) - rest / 3))


@pytest.mark.parametrize("shape", [(6, 2), (2, 6), (3, 4)])
def test_components_are_those_of_mean_squares(shape):
    """The expected mean squares of a crossed design, with as many of either factor as there are of the other."""
    folds, seeds = shape
    grid = np.arange(folds)[:, None] + 2.0 * np.arange(seeds)
    values = (grid + np.random.default_rng(0).normal(0, 0.1, shape)) / 20
    by_fold, by_seed = seeds * values.mean(1).var(ddof=1), folds * values.mean(0).var(ddof=1)
    residuals = values - values.mean(1, keepdims=True) - values.mean(0) + values.mean()
    rest = (residuals**2).sum() / ((folds - 1) * (seeds - 1))
    (found,) = variance(with_scores(values)).itertuples()
    expected = (by_fold - rest) / seeds, (by_seed - rest) / folds, rest
    assert [getattr(found, name) for name in COMPONENTS] == pytest.approx(expected)


def test_what_cannot_be_told_apart_is_missing():
    one_seed = variance(with_scores(np.array([[0.1], [0.3]])))
    assert one_seed[COMPONENTS].iloc[0].tolist() == pytest.approx([0.02, np.nan, np.nan], nan_ok=True)
    one_fold = variance(with_scores(np.array([[0.1, 0.3]])))
    assert one_fold[COMPONENTS].iloc[0].tolist() == pytest.approx([np.nan, 0.02, np.nan], nan_ok=True)
    rows = with_scores(np.random.default_rng(0).random((3, 2)))
    assert variance(rows.iloc[1:])[COMPONENTS].isna().all(axis=None)
    assert variance(rows.assign(score=rows["score"].where(rows.index > 0)))[COMPONENTS].isna().all(axis=None)
    assert variance(published(["fig5"])).empty


def test_equal_scores_have_no_variance():
    assert variance(with_scores(np.full((3, 4), 0.7)))[COMPONENTS].to_numpy() == pytest.approx(0, abs=1e-12)


def test_grid_points_of_a_run(tmp_path):
    (tmp_path / "jobs").mkdir()
    for seed in range(2):
        points = [
            {"hidden_layers": 1, "lr": lr, "init": "xavier_normal", "validation_score": score}
            for lr, score in ((1e-3, 0.5), (1e-4, 0.7), (3.2e-3, float("-inf")))
        ]
        job = {"job": f"a{seed}", "seed": seed, "folds": [{"fold": "fold00", "tried": points}]}
        (tmp_path / "jobs" / f"a{seed}.json").write_text(json.dumps(job))
    points = tried(tmp_path)
    assert len(points) == 6
    assert points.columns.tolist() == ["job", "seed", "fold", "hidden_layers", "lr", "init", "validation_score"]
    found = variance(with_scores(np.random.default_rng(0).random((3, 2))), points)
    assert found["grid_variance"].tolist() == pytest.approx([0.02])
    assert found["grid_points"].tolist() == [2], "what ended at once, with -inf, is no score"
    with pytest.raises(FileNotFoundError, match="no jobs in .*; expected the folder of a run"):
        tried(tmp_path / "nothing")


@pytest.mark.parametrize("options", ["", "+linear", "+shuffled", *(f"+grid{n}" for n in range(1, 17)), "+grid3+linear"])
def test_learning_rates_are_the_protocols(options):
    task = SimpleNamespace(metadata={}, evaluation_params={}, folder=Path())
    configurations = Protocol.parse(f"hear2021{options}").configurations(task)
    assert edges.learning_rates(f"hear2021{options}") == tuple(sorted({point.lr for point in configurations}))
    assert edges.TRIED == GRID_POINTS
    assert set(edges.GRID) == set(edges.LINEAR_GRID) == set(GRID["lr"])


def test_a_best_learning_rate_at_the_edge_is_told():
    rows = crossed(models=("low", "middle", "high"), tasks=("esc50", "mine"), seeds=2)
    lr = rows["model"].map({"low": 1e-4, "middle": 1e-3, "high": 3.2e-3})
    lr = lr.mask((rows["model"] == "high") & (rows["task"] == "mine") & (rows["seed"] == 1), 3.2e-4)
    assert edges.edge_warnings(rows.assign(lr=lr)) == [
        "The best learning rate is the lowest that hear2021 tries, 0.0001; a lower one may be better: "
        "low on esc50, mine.",
        "The best learning rate is the highest that hear2021 tries, 0.0032; a higher one may be better: "
        "high on esc50, mine (1 of 2 seeds).",
    ]
    assert edges.edge_warnings(rows.assign(lr=1e-3)) == []
    assert edges.edge_warnings(rows.assign(lr=1e-4, protocol="hear2021+grid1")) == [
        "hear2021+grid1 tries one learning rate, 0.0001: whether another one is better is not known."
    ]
    assert edges.at_edges(published(["fig5"])).empty
    assert edges.edge_warnings(published(["fig5"])) == []


def test_bounds_of_settings_are_those_that_are_tried():
    for solver in SOLVERS.values():
        lowest, highest = edges.SETTINGS[solver.setting]
        assert highest == max(solver.grid)
        assert lowest == min(solver.grid) or (solver.setting == "k" and np.isnan(lowest))
    assert edges.SETTINGS["threshold"] == (min(THRESHOLDS), max(THRESHOLDS))


def test_settings_at_an_edge_are_told_where_most_folds_chose_them():
    rows = crossed(models=("low", "high", "seldom"), tasks=("esc50",), folds=3, seeds=1).assign(protocol="ridge")
    rows["setting"] = rows["model"].map({"low": "alpha=0.01", "high": "alpha=10000", "seldom": "alpha=1"})
    rows.loc[(rows["model"] == "seldom") & (rows["fold"] == "fold00"), "setting"] = "alpha=10000"
    assert edges.edge_warnings(rows) == [
        "The best alpha is mostly the lowest that ridge tries, 0.01; a lower one may be better: "
        "low on esc50 (3 of 3 choices).",
        "The best alpha is mostly the highest that ridge tries, 10000; a higher one may be better: "
        "high on esc50 (3 of 3 choices).",
    ]
    knn = rows.assign(protocol="knn", setting="k=1 threshold=0.5")
    (warning,) = edges.edge_warnings(knn)
    assert warning.startswith("The best threshold is mostly the highest that knn tries, 0.5"), "k = 1 has no lower one"
    assert edges.edge_warnings(rows.assign(setting="")) == []


def test_marks_are_those_of_the_table():
    rows = crossed().assign(weights="untrained-0")
    assert labels(variance(rows)).tolist() == compose.table(rows).index.tolist() == ["a†", "b†"]


def test_edges_of_a_key_with_two_folders_are_told_of_both():
    """Beehive's key stands for two folders, whose folds have one name."""
    rows = crossed(models=("a",), tasks=("beehive",), folds=1, seeds=2).assign(lr=1e-3, task_fp="first")
    rows = pd.concat([rows, rows.assign(task_fp="second", lr=3.2e-3)], ignore_index=True)
    (warning,) = edges.edge_warnings(rows)
    assert warning.endswith("a higher one may be better: a on beehive (2 of 4 seeds and folders).")
