"""A search on a HEAR key that stands for two folders, whose folds have the same names."""

import pytest

from ablations.search.declared import Search
from ablations.search.goal import Goal
from ablations.search.run import tasks_of
from ablations.search.trial import Places, run_trial, trial_folder, validations
from ablations.system.compute import Machine
from ablations.units.where import Where
from tests.ablations.search.made import SPLITS, declared, tones

FOLDERS = ("beehive_states_fold0-v2-full", "beehive_states_fold1-v2-full")


@pytest.fixture
def places(tmp_path) -> Places:
    for folder, turned in zip(FOLDERS, ("", "fold01"), strict=True):
        tones(tmp_path / "tasks" / folder, turned=turned)
    return Places(tmp_path / "runs" / "mine", Where(store=tmp_path / "store", tasks=tmp_path / "tasks"), Machine("cpu"))


def test_every_fold_of_both_folders_counts_once(places):
    search = Search.from_dict(declared("beehive", seeds=[0]))
    goal = Goal.of(tasks_of(search, places), search.seeds)
    assert goal.folds == 2 * len(SPLITS)
    asked = []

    def prune(count: int, score: float) -> bool:
        asked.append(count)
        return False

    variant = search.space.variant(next(iter(search.space.points())))
    score = run_trial(search, variant, places, goal, prune)
    found = validations(trial_folder(places.folder, variant.key))
    assert {fold for _, _, fold in found} == {f"{folder}/{split}" for folder in FOLDERS for split in SPLITS}
    assert score == pytest.approx(sum(found.values()) / goal.folds)
    assert asked == [1, 2, 3, 4, 5]  # a complete trial is not pruned
    assert len(set(found.values())) > 1
