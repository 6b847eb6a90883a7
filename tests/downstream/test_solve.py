"""Evaluations by probes without epochs."""

import json

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import StandardScaler

from downstream.evaluate import evaluate, evaluation_of
from downstream.fold_result import Solution
from downstream.kit.scores import scores_record
from downstream.probes.protocol import SOLVED
from downstream.solvers import SOLVERS
from downstream.splits import LabelledSplit, of_files
from downstream.tasks.task import Task
from downstream.watching import watched
from tests.downstream.test_evaluate import made_splits


def test_every_protocol_without_epochs_has_a_solver():
    assert tuple(SOLVERS) == SOLVED


@pytest.mark.parametrize("protocol", SOLVED)
def test_a_task_of_folds(scene_task, protocol):
    task = Task.from_dir(scene_task(split_mode="presplit_kfold", splits=["a", "b", "c"], clips=20))
    seen = []
    with watched(lambda fitted: seen.append((fitted.fold, fitted.score))):
        results = evaluate(task, made_splits(task), protocol=protocol)
    assert [result.fold.name for result in results] == ["a", "b", "c"]
    for result in results:
        chosen = result.chosen
        assert isinstance(chosen, Solution)
        assert chosen.score == max(score for _, score in result.tried) == result.validation_score
        assert result.scores["top1_acc"] > 0.7
        assert result.epochs == 0
    assert seen == [(result.fold.name, result.validation_score) for result in results]
    record = scores_record(task, results, protocol)
    assert record["protocol"] == protocol
    assert set(record["hparams"]) == {SOLVERS[protocol].setting}
    json.dumps(record)


def test_ridge_is_what_a_script_with_scikit_learn_gives(scene_task):
    task = Task.from_dir(scene_task(clips=30))
    splits = made_splits(task)
    (result,) = evaluate(task, splits, protocol="ridge")
    scaler = StandardScaler().fit(splits["train"].x)
    x = {name: scaler.transform(split.x) for name, split in splits.items()}

    def accuracy(alpha: float, split: str) -> float:
        predictions = Ridge(alpha=alpha).fit(x["train"], splits["train"].y).predict(x[split])
        return accuracy_score(splits[split].y.argmax(1), predictions.argmax(1))

    best = max(SOLVERS["ridge"].grid, key=lambda alpha: accuracy(alpha, "valid"))
    assert result.chosen.value == best
    assert result.scores["top1_acc"] == accuracy(best, "test")


def test_few_training_items_cut_the_grid(scene_task):
    task = Task.from_dir(scene_task(clips=4))
    (result,) = evaluate(task, made_splits(task), protocol="knn")
    assert [one.value for one, _ in result.tried] == [1, 2]


@pytest.mark.parametrize("protocol", ["knn+fewshot2", "ridge+fraction0.5", "hear2021+grid1+fewshot2"])
def test_draws_are_those_of_the_seed(scene_task, protocol):
    task = Task.from_dir(scene_task(clips=20))
    splits = made_splits(task)
    first, again, other = (
        evaluation_of(task, splits, protocol, seed).data.train(task.folds()[0]) for seed in (0, 0, 1)
    )
    assert len(first.y) == (4 if "fewshot" in protocol else 10)
    assert np.array_equal(first.x[:], again.x[:])
    assert not np.array_equal(first.x[:], other.x[:])
    evaluate(task, splits, protocol=protocol)


def test_statistics_are_those_of_the_drawn_items(scene_task):
    task = Task.from_dir(scene_task(clips=20))
    data = evaluation_of(task, made_splits(task), "ridge+fewshot3").data
    train = data.train(task.folds()[0]).x[:]
    assert np.allclose(train.mean(axis=0), 0, atol=1e-6)
    assert np.allclose(train.std(axis=0), 1, atol=1e-5)


@pytest.mark.parametrize("protocol", SOLVED)
def test_events_choose_a_threshold(event_task, protocol):
    task = Task.from_dir(event_task())
    splits = {}
    for split in task.splits:
        files = tuple(task.items[split])
        times = np.tile(np.arange(0, 2000, 50.0), len(files))
        y = np.zeros((len(times), len(task.labels)), np.float32)
        for number, file in enumerate(files):
            for event in task.items[split][file]:
                inside = (times >= event.start) & (times <= event.end)
                inside[: number * 40] = inside[(number + 1) * 40 :] = False
                y[inside, task.labels.index(event.label)] = 1
        x = y @ np.ones((y.shape[1], 3), np.float32) + np.random.default_rng(0).normal(size=(len(y), 3)) / 4
        splits[split] = LabelledSplit(x.astype(np.float32), y, files, np.arange(len(files) + 1) * 40, times)
    (result,) = evaluate(task, splits, protocol=protocol)
    assert len(result.tried) == 5 * len({one.value for one, _ in result.tried})
    assert result.postprocessing is not None
    assert result.chosen.threshold in (0.5, 0.4, 0.3, 0.2, 0.1)
    assert str(result.chosen).endswith(f" threshold={result.chosen.threshold:g}")


def test_files_of_a_split():
    x = np.arange(12, dtype=np.float32).reshape(6, 2)
    split = LabelledSplit(x, x[:, :1], ("a", "b", "c"), np.array([0, 1, 4, 6]), np.arange(6.0))
    part = of_files(split, {"c", "a"})
    assert part.files == ("a", "c")
    assert part.offsets.tolist() == [0, 1, 3]
    assert part.x[:].tolist() == x[[0, 4, 5]].tolist()
    assert part.timestamps.tolist() == [0, 4, 5]
