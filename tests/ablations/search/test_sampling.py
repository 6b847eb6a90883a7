"""Samplers on a made table of scores: nothing twice, the same after a restart; random search by counting."""

import itertools

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from ablations.search.declared import Search
from ablations.search.goal import Goal
from ablations.search.sampling import ask
from ablations.search.storage import counted
from tests.campaigns.samplers import Table, compare, random_median, replay

SAMPLERS = ("tpe", "nsga2", "random")
SPACE = {
    "checkpoint": "passt_demo",
    "weights": "untrained-0",
    "levels": {"any_of": [f"block{n}" for n in range(1, 9)]},
    "windows_ms": {"low": 160, "high": 1000, "points": 4},
}
FOLDS = [("made", 0, f"fold{n}") for n in range(3)]


@pytest.fixture(scope="module")
def declared() -> Search:
    return Search.from_dict({"name": "made", "tasks": ["made"], "space": SPACE})


@pytest.fixture(scope="module")
def table(declared) -> Table:
    """The deeper and the longer the better, up to a point, with some noise."""
    stream, found = np.random.default_rng(0), {}
    for point in declared.space.points():
        depth, window = point["levels 1"], point["windows_ms 1"]
        score = 0.8 - 0.01 * (depth - 5) ** 2 - 0.05 * (window - 2) ** 2
        noise = stream.normal(0, 0.01, len(FOLDS))
        found[declared.space.variant(point).key] = dict(zip(FOLDS, score + noise, strict=True))
    goal = Goal({"made": 1}, len(FOLDS))
    return Table(found, {key: goal.score(folds) for key, folds in found.items()}, goal)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_variant_twice_and_none_left(declared, table, sampler):
    trials = replay(declared, table, sampler, 0, 100)
    assert len(trials) == declared.space.size == 32
    assert trials["key"].nunique() == 32
    assert trials["best"].iloc[-1] == max(table.scores.values())


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_search_that_is_restarted_draws_the_same(declared, table, sampler):
    storage = optuna.storages.InMemoryStorage()
    drawn = []
    for _ in range(16):  # a new process for every trial
        study = optuna.create_study(storage=storage, study_name="made", direction="maximize", load_if_exists=True)
        trial, variant = ask(study, declared.space, sampler, 3)
        study.tell(trial, table.scores[variant.key])
        drawn.append(variant.key)
    assert drawn == replay(declared, table, sampler, 3, 16)["key"].tolist()
    assert drawn != replay(declared, table, sampler, 4, 16)["key"].tolist()


def test_variants_that_another_process_is_at_are_left_to_it(declared):
    study = optuna.create_study(direction="maximize")
    at_work = [ask(study, declared.space, "random", 0)[1].key for _ in range(30)]
    assert len(set(at_work)) == 30
    assert {trial.state for trial in counted(study)} == {TrialState.RUNNING}


def test_the_search_finds_better_variants_than_random_search(declared, table):
    runs = [replay(declared, table, "tpe", seed, 20) for seed in range(3)]
    found = compare(table, {"tpe": runs}, 20)
    assert found["median_over_seeds"]["tpe"] >= found["median_of_random_search"]
    assert found["best_by_budget"]["tpe"] == sorted(found["best_by_budget"]["tpe"])


def test_pruning_ends_trials_and_loses_no_more_than_them(declared, table):
    trials = replay(declared, table, "tpe", 0, 24, pruning=True)
    pruned = trials["score"].isna()
    assert pruned.any()
    assert not pruned[:5].any()
    assert (trials.loc[pruned, "folds"] < 3).all()
    assert (trials.loc[~pruned, "folds"] == 3).all()


@pytest.mark.parametrize("budget", [1, 2, 3, 6])
def test_the_median_of_random_search_is_exact(budget):
    scores = [0.1, 0.2, 0.2, 0.5, 0.7, 0.9]
    bests = sorted(max(drawn) for drawn in itertools.combinations(scores, budget))
    assert random_median(scores, budget) == bests[(len(bests) - 1) // 2]


def test_scores_that_are_not_defined():
    goal = Goal({"a": 1, "b": 1}, 3)
    found = {("a", 0, "x"): 0.5, ("a", 0, "y"): float("-inf"), ("b", 0, "x"): 1.0}
    assert goal.score(found) == (0.25 + 1) / 2
    assert goal.score({**found, ("b", 0, "x"): float("nan")}) == 0.125
    loss = Goal({"c": -1}, 1)
    assert loss.score({("c", 0, "x"): 0.3}) == -0.3
    for undefined in (float("inf"), float("nan")):
        assert loss.score({("c", 0, "x"): undefined}) == float("-inf")


def test_folds_tell_when_every_task_has_some():
    goal = Goal({"a": 1, "b": 1}, 4)
    seen = {("a", 0, "x"): 0.5, ("a", 0, "y"): 0.4}
    assert not goal.telling(seen)
    assert goal.telling({**seen, ("b", 0, "x"): 0.1})
    assert not goal.telling({**seen, ("b", 0, "x"): 0.1, ("b", 0, "y"): 0.2})
