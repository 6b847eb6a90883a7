"""Evaluations of levels or tokens that lie side by side."""

import dataclasses
import math

import numpy as np
import pytest

from downstream.evaluate import Evaluation, evaluate, evaluate_all, evaluation_of
from downstream.pooling.pooling import Pooling
from downstream.probes import finished
from downstream.probes.features import statistics
from downstream.probes.protocol import SOLVED
from downstream.splits import LabelledSplit
from downstream.tasks.task import Task
from tests.downstream.test_evaluate import made_splits

PARTS, WIDTH = 3, 8


@pytest.fixture
def task(scene_task) -> Task:
    return Task.from_dir(scene_task(clips=20))


def longer(task: Task, **grid) -> Task:
    settings = {name: [value] for name, value in grid.items()}
    return dataclasses.replace(task, evaluation_params={"task_specific_param_grid": settings})


def parts_of(task: Task, level: int = 1) -> dict[str, LabelledSplit]:
    """Embeddings of several parts, one of which carries the labels."""
    rng, splits = np.random.default_rng(1), made_splits(task, WIDTH)
    for name, split in splits.items():
        x = rng.normal(size=(len(split.y), PARTS, WIDTH)).astype(np.float32)
        x[:, level] = split.x
        x[:, level, : split.y.shape[1]] += 2 * split.y
        splits[name] = dataclasses.replace(split, x=x.reshape(len(x), -1))
    return splits


def changed(splits, function) -> dict[str, LabelledSplit]:
    return {
        name: dataclasses.replace(split, x=function(split.x.reshape(-1, PARTS, WIDTH)))
        for name, split in splits.items()
    }


@pytest.mark.parametrize("protocol", [*SOLVED, "hear2021+grid1", "hear2021+grid1+standardized", "knn+fewshot5"])
@pytest.mark.parametrize("name", ["mean", "meanmax"])
def test_fixed_poolings_suit_every_protocol(task, protocol, name):
    """The scores are those of features that were pooled before."""
    splits = parts_of(task)

    def by_hand(x: np.ndarray) -> np.ndarray:
        mean = x.astype(np.float64).mean(axis=1)
        return (mean if name == "mean" else np.hstack([mean, x.max(axis=1)])).astype(np.float32)

    (found,) = evaluate(task, splits, protocol=protocol, pooling=Pooling(name, PARTS))
    (wanted,) = evaluate(task, changed(splits, by_hand), protocol=protocol)
    assert np.array_equal(found.predictions, wanted.predictions)
    assert found.tried == wanted.tried
    assert found.level_weights is None


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("weighted", "hear2021"),
        ("weighted", "hear2021+grid2+linear+standardized"),
        ("weighted_normalized", "hear2021+grid2+linear"),
    ],
)
def test_weights_of_levels_are_in_the_results(task, name, protocol):
    task = longer(task, max_epochs=60, batch_size=10, hidden_dim=32)
    (result,) = evaluate(task, parts_of(task), protocol=protocol, pooling=Pooling(name, PARTS))
    assert len(result.level_weights) == PARTS
    assert math.fsum(result.level_weights) == pytest.approx(1)
    assert np.argmax(result.level_weights) == 1
    assert result.scores["top1_acc"] > 0.7


@pytest.mark.parametrize("name", ["attention", "attention_labels", "prototypes"])
def test_poolings_of_tokens(task, name):
    """The token that carries the label lies elsewhere in every clip."""
    task = longer(task, max_epochs=60, batch_size=10, hidden_dim=32)
    splits, rng = parts_of(task), np.random.default_rng(3)
    for split in splits.values():
        for item in split.x.reshape(-1, PARTS, WIDTH):
            item[:] = rng.permutation(item)
    (result,) = evaluate(task, splits, protocol="hear2021+grid2", pooling=Pooling(name, PARTS))
    assert result.level_weights is None
    assert result.predictions.shape == (20, 2)
    assert result.scores["top1_acc"] > 0.6


def test_without_pooling_nothing_is_new(task):
    (result,) = evaluate(task, made_splits(task), protocol="hear2021+grid1")
    assert result.level_weights is None
    assert result.chosen.pooling is None


@pytest.mark.parametrize("base", SOLVED)
def test_a_pooling_that_learns_is_refused_in_one_line(task, base):
    with pytest.raises(ValueError, match=f"^{base} can't learn the weights of levels .weighted., expected hear2021$"):
        evaluation_of(task, parts_of(task), base, pooling=Pooling("weighted", PARTS))


@pytest.mark.parametrize("protocol", ["knn", "hear2021"])
def test_features_that_are_no_whole_parts(task, protocol):
    with pytest.raises(ValueError, match="^pooling mean: train: expected a multiple of 5 features, .* got 24$"):
        evaluation_of(task, parts_of(task), protocol, pooling=Pooling("mean", 5))


def test_standardized_as_they_lie(task):
    """Each part by itself if the pooling is learned; what comes out of one that is not."""
    splits = parts_of(task)
    for name, width in (("weighted", PARTS * WIDTH), ("meanmax", 2 * WIDTH)):
        evaluation = Evaluation(task, splits, "hear2021+standardized", pooling=Pooling(name, PARTS))
        data = evaluation.data.train(task.folds()[0])
        assert data.x.shape == (20, width)
        mean, deviation = statistics(data.x)
        assert np.allclose(mean, 0, atol=1e-6)
        assert np.allclose(deviation, 1, atol=1e-5)


def test_fits_of_other_poolings_are_kept_apart(task, tmp_path, monkeypatch):
    monkeypatch.setattr(finished, "WORTH_S", 0.0)
    splits, folder = parts_of(task), tmp_path / "fits"
    poolings = [None, *(Pooling(name, PARTS) for name in ("weighted", "weighted_normalized", "mean", "meanmax"))]
    poolings.append(Pooling("weighted", 1))

    def results():
        evaluations = [Evaluation(task, splits, "hear2021+grid1", 0, folder, pooling) for pooling in poolings]
        return [found for _, (found,) in evaluate_all(evaluations, "cpu")]

    first = results()
    assert len(list(folder.iterdir())) == len(poolings)
    trained: list = []
    monkeypatch.setattr("downstream.evaluate.fit_all", lambda fittings, *rest: trained.extend(fittings) or [])
    for one, again, pooling in zip(first, results(), poolings, strict=True):
        assert np.array_equal(one.predictions, again.predictions)
        assert again.chosen.pooling == (pooling if pooling and pooling.learns else None)
    assert not trained


def test_evaluations_of_equal_features_share_what_is_prepared(task):
    """Of two seeds, but not of other poolings."""
    splits = parts_of(task)
    poolings = (None, Pooling("mean", PARTS), Pooling("meanmax", PARTS), Pooling("mean", 1))
    keys = {
        (pooling, seed): Evaluation(task, splits, seed=seed, pooling=pooling).first()[0].train.key
        for pooling in poolings
        for seed in (0, 1)
    }
    assert len(set(keys.values())) == len(poolings)
    assert all(keys[pooling, 0] == keys[pooling, 1] for pooling in poolings)
