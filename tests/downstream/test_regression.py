"""Probes of regression tasks: targets, losses, scores, and what is refused."""

import dataclasses
import json
import logging
import math

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.preprocessing import StandardScaler, normalize
from torch.nn import functional as F

from downstream.evaluate import evaluate, evaluation_of
from downstream.kit.read import read_folder
from downstream.kit.write import write_folder
from downstream.pooling.pooling import Pooling
from downstream.probes import pack
from downstream.probes.fit import fit
from downstream.probes.pack import fit_all
from downstream.probes.probe import Probe
from downstream.probes.products import TorchProducts
from downstream.scaling import TargetScale
from downstream.solvers import SOLVERS
from downstream.splits import LabelledSplit, item_order
from downstream.tasks.drawn import drawn
from downstream.tasks.limited import limited
from downstream.tasks.task import Task
from tests.conftest import metadata, write_task
from tests.downstream.probes.test_pack import still

__all__ = ["still"]  # a fixture

UNITS = {"semitones": (60.0, 12.0), "decibels": (-40.0, 0.5)}
"""Targets of very different scales: mean and spread."""


def regression_folder(folder, clips=24, targets=tuple(UNITS), **changes):
    """A task whose targets are linear in hidden numbers, which `splits_of` makes features of."""
    meta = metadata(**{"prediction_type": "regression", "evaluation": ["r2", "pearson", "rmse"], **changes})
    items = {}
    for number, split in enumerate(meta["splits"]):
        hidden = np.random.default_rng(number).normal(size=(clips, len(targets)))
        items[split] = {
            f"{split}{i}.wav": [UNITS[name][0] + UNITS[name][1] * x for name, x in zip(targets, row, strict=True)]
            for i, row in enumerate(hidden.tolist())
        }
    return write_task(folder / "tones", meta, list(targets), items)


@pytest.fixture
def regression_task(tmp_path):
    return lambda **changes: Task.from_dir(regression_folder(tmp_path, **changes))


def splits_of(task: Task, dim: int = 8, noise: float = 0.3) -> dict[str, LabelledSplit]:
    """Embeddings from which the targets can be learned, nearly."""
    rng, found = np.random.default_rng(0), {}
    scale = np.array([UNITS[name] for name in task.labels])
    for split, files in item_order(task).items():
        y = np.array([task.items[split][file] for file in files], np.float32)
        x = noise * rng.normal(size=(len(files), dim)).astype(np.float32)
        x[:, : y.shape[1]] += (y - scale[:, 0]) / scale[:, 1]
        found[split] = LabelledSplit(x, y, tuple(files), np.arange(len(files) + 1), np.zeros(0))
    return found


def rewrite(task: Task, file: str, value) -> None:
    path = task.folder / "train.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), file: value}))


def test_a_folder(regression_task):
    task = regression_task()
    assert task.is_regression
    assert not task.is_event
    assert task.labels == ("semitones", "decibels")
    assert all(type(value) is float for value in task.items["train"]["train0.wav"])


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (60, r"its targets must be a list of 2 numbers \(semitones, decibels\), got 60"),
        ([60], r"its targets must be a list of 2 numbers \(semitones, decibels\), got \[60\]"),
        ([60, -3, 1], "must be a list of 2 numbers"),
        (["60", -3], "its targets, number 1, must be a number, got '60'"),
        ([60, math.nan], "its targets, number 2, must be a number, got nan"),
        ([60, math.inf], "its targets, number 2, must be a number, got inf"),
        ([True, -3], "its targets, number 1, must be a number, got True"),
        ([None, -3], "its targets, number 1, must be a number, got None"),
        ([[60], -3], "its targets, number 1, must be a number"),
        ({"semitones": 60}, "must be a list of 2 numbers"),
    ],
)
def test_targets_that_are_no_numbers(regression_task, value, message):
    task = regression_task()
    rewrite(task, "train3.wav", value)
    with pytest.raises(ValueError, match=rf"train.json: train3.wav: .*{message}") as error:
        Task.from_dir(task.folder)
    assert "\n" not in str(error.value)


def test_event_tasks_have_no_regression(event_task):
    with pytest.raises(ValueError, match="prediction_type of an event task must be multilabel, got 'regression'"):
        Task.from_dir(event_task(prediction_type="regression"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"evaluation": ["mAP"]}, "evaluation: mAP is not a metric of regression tasks"),
        ({"evaluation": ["r2", "top1_acc"]}, "evaluation: top1_acc is not a metric of regression tasks"),
        ({"evaluation": ["segment_1s_er"]}, "evaluation: segment_1s_er is not a metric of scene tasks"),
        ({"clips": 1}, "fold test has 1 training item, expected at least 2"),
    ],
)
def test_tasks_that_can_not_be_scored(regression_task, changes, message):
    task = regression_task(**changes)
    with pytest.raises(ValueError, match=message):
        evaluate(task, splits_of(task))


def test_r2_is_no_metric_of_labels(scene_task):
    with pytest.raises(ValueError, match="evaluation: r2 is not a metric of multiclass tasks"):
        evaluate(Task.from_dir(scene_task(evaluation=["r2"])), {})


@pytest.mark.parametrize("protocol", ["hear2021", "ridge"])
def test_a_constant_target(regression_task, protocol):
    task = regression_task()
    splits = splits_of(task)
    splits["train"].y[:, 1] = -3
    with pytest.raises(
        ValueError, match="fold test: target 'decibels' must have several values, got -3 for each of 24"
    ):
        evaluate(task, splits, protocol=protocol)


@pytest.mark.parametrize(
    ("protocol", "reason"),
    [
        ("logistic", "logistic regression predicts labels"),
        ("hear2021+fewshot8", "fewshot8 draws clips of each label"),
        ("ridge+fewshot2", "fewshot2 draws clips of each label"),
    ],
)
def test_protocols_that_need_labels(regression_task, protocol, reason):
    task = regression_task()
    with pytest.raises(ValueError, match=rf"tones: protocol {protocol.replace('+', '.')}: .*{reason}"):
        evaluation_of(task, splits_of(task), protocol)


def test_a_scale_and_back():
    y = np.random.default_rng(0).normal([3, -40], [1e-3, 20], (50, 2)).astype(np.float32)
    scale = TargetScale.of(y, ("a", "b"), "here")
    assert scale.standardized(y).dtype == np.float32
    np.testing.assert_allclose(scale.standardized(y).mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(scale.standardized(y).std(axis=0), 1, atol=1e-6)
    np.testing.assert_allclose(scale.in_units(scale.standardized(y)) / scale.std, y / scale.std, atol=1e-3)


@pytest.mark.parametrize(
    ("protocol", "least"),
    [("hear2021+grid2", 0.3), ("hear2021+grid2+linear+standardized+shuffled", -5), ("knn", 0.4), ("ridge", 0.8)],
)
def test_a_task_of_folds(regression_task, protocol, least):
    short = {"task_specific_param_grid": {"max_epochs": [60], "check_val_every_n_epoch": [3]}}
    task = regression_task(split_mode="presplit_kfold", splits=["a", "b", "c"], evaluation_params=short)
    splits = splits_of(task)
    results = evaluate(task, splits, protocol=protocol)
    for result in results:
        predicted, right = result.predictions.astype(np.float64), result.test.y.astype(np.float64)
        assert result.scores["r2"] > least
        assert result.scores["r2"] == pytest.approx(r2_score(right, predicted), rel=1e-6)
        assert result.scores["pearson"] == pytest.approx(
            np.mean([pearsonr(*pair).statistic for pair in zip(predicted.T, right.T, strict=True)]), rel=1e-6
        )
        y = np.concatenate([splits[name].y for name in result.fold.train])
        of_std = np.square((predicted - right) / y.std(axis=0)).mean()
        assert result.test_loss == pytest.approx(of_std, rel=1e-4)
        assert not result.missing
        means = [UNITS[name][0] for name in task.labels]
        assert (abs(predicted.mean(axis=0) - means) < [12, 0.5]).all(), "they are in the task's units"


def test_a_lower_error_selects(regression_task):
    task = regression_task(evaluation=["rmse"])
    (result,) = evaluate(task, splits_of(task))
    assert result.chosen.best.score == min(score for _, score in result.tried)
    (result,) = evaluate(task, splits_of(task), protocol="ridge")
    assert result.chosen.score == min(score for _, score in result.tried)


def test_neighbors_and_ridge_are_those_of_scikit_learn(regression_task):
    task = regression_task()
    splits = splits_of(task)
    (ridge,) = evaluate(task, splits, protocol="ridge")
    (nearest,) = evaluate(task, splits, protocol="knn")
    y = splits["train"].y.astype(np.float64)
    scaler = StandardScaler().fit(splits["train"].x)

    def by_ridge(alpha, split):
        model = Ridge(alpha=alpha).fit(scaler.transform(splits["train"].x).astype(np.float64), y)
        return model.predict(scaler.transform(splits[split].x))

    def by_neighbors(k, split):
        model = KNeighborsRegressor(int(k)).fit(normalize(splits["train"].x), y)
        return model.predict(normalize(splits[split].x))

    for found, predict, name in ((ridge, by_ridge, "ridge"), (nearest, by_neighbors, "knn")):
        settings = SOLVERS[name].settings(len(y))
        best = max(settings, key=lambda value, of=predict: r2_score(splits["valid"].y, of(value, "valid")))
        assert found.chosen.value == best
        np.testing.assert_allclose(found.predictions, predict(best, "test"), rtol=1e-5)


class PlainTrainer:
    """The probe of a fitting under autograd and torch.optim.Adam, of a loss that is written out."""

    def __init__(self, fitting):
        self.probe: Probe = fitting.probe("cpu")
        optimizer = torch.optim.Adam(self.probe.parameters(), lr=fitting.config.lr)
        self.losses = []
        valid = torch.from_numpy(fitting.valid.x), torch.from_numpy(np.asarray(fitting.valid.y))
        for epoch in range(fitting.config.max_epochs):
            self.probe.train()
            for items in fitting.train.batches(fitting.config.batch_size, epoch, training=True):
                x, y = torch.from_numpy(fitting.train.x[items]), torch.from_numpy(fitting.train.y[items])
                optimizer.zero_grad()
                ((self.probe(x) - y) ** 2).mean().backward()
                optimizer.step()
            self.probe.eval()
            with torch.no_grad():
                self.losses.append(F.mse_loss(self.probe(valid[0]), valid[1]).item())


@pytest.mark.parametrize("pooling", [None, Pooling("weighted", 2)])
@pytest.mark.parametrize("layers", [0, 1])
@pytest.mark.parametrize("way", ["alone", "programs", "together"])
def test_probes_train_as_plain_autograd(still, regression_task, monkeypatch, way, layers, pooling):
    if way == "together":
        monkeypatch.setattr(pack, "_together", lambda device: True)
        monkeypatch.setattr(pack, "products_for", lambda device: TorchProducts())
    task = regression_task(clips=40)
    evaluation = evaluation_of(task, splits_of(task), "hear2021+grid1", pooling=pooling)
    (fitting,) = evaluation.first()
    config = dataclasses.replace(
        fitting.config, hidden_layers=layers, hidden_dim=16, batch_size=16, max_epochs=5, check_val_every_n_epoch=1
    )
    fittings = [dataclasses.replace(fitting, config=dataclasses.replace(config, lr=lr)) for lr in (1e-2, 1e-3)]
    found = [fit(one) for one in fittings] if way == "alone" else fit_all(fittings)
    for ours, plain in zip(found, map(PlainTrainer, fittings), strict=True):
        losses = [validation.loss for validation in ours.validations]
        assert losses == pytest.approx(plain.losses, rel=1e-5)
        best = int(np.argmin([-validation.score for validation in ours.validations]))
        assert ours.best.epoch == best


def test_tasks_of_other_numbers_of_targets_share_a_pack(tmp_path, monkeypatch):
    """Where probes are padded, as on CUDA, each trains as alone."""
    monkeypatch.setattr(pack, "_together", lambda device: True)
    monkeypatch.setattr(pack, "products_for", lambda device: TorchProducts())
    fittings = []
    for number, (targets, dim) in enumerate([(("semitones", "decibels"), 8), (("decibels",), 5)]):
        task = Task.from_dir(regression_folder(tmp_path / str(number), targets=targets))
        fittings += evaluation_of(task, splits_of(task, dim), "hear2021+grid1+linear").first()
    assert pack.plan(fittings, "cpu") == [[0, 1]]
    for together, alone in zip(fit_all(fittings), map(fit, fittings), strict=True):
        assert [one.loss for one in together.validations] == pytest.approx(
            [one.loss for one in alone.validations], rel=1e-5
        )
        assert together.best.score == pytest.approx(alone.best.score, rel=1e-5)
        assert {name: value.shape for name, value in together.state.items()} == {
            name: value.shape for name, value in alone.state.items()
        }


@pytest.mark.parametrize("metric", ["r2", "pearson", "rmse", "mae"])
def test_scores_of_a_pack_are_in_the_units_of_the_task(regression_task, monkeypatch, metric):
    """In one program scores are computed where probes are; on a CPU by the host."""
    task = regression_task(evaluation=[metric])
    fittings = evaluation_of(task, splits_of(task), "hear2021+grid1+linear").first()
    alone = fit(fittings[0])
    monkeypatch.setattr(pack, "_together", lambda device: True)
    monkeypatch.setattr(pack, "products_for", lambda device: TorchProducts())
    assert fittings[0].stacked_score is not None
    again = evaluation_of(task, splits_of(task), "hear2021+grid1+linear").first()
    assert again[0].stacked_score == fittings[0].stacked_score, "equal, so that probes are validated together"
    (together,) = fit_all(fittings)
    assert [one.score for one in together.validations] == pytest.approx(
        [one.score for one in alone.validations], rel=1e-4
    )


def test_a_constant_embedding_predicts_the_mean(regression_task):
    """What the model `chance` is on a regression task."""
    task = regression_task()
    splits = {
        name: dataclasses.replace(split, x=np.ones((len(split.y), 1), np.float32))
        for name, split in splits_of(task).items()
    }
    (result,) = evaluate(task, splits)
    mean = splits["train"].y.mean(axis=0)
    assert (np.ptp(result.predictions, axis=0) == 0).all()
    np.testing.assert_allclose(result.predictions[0], mean, atol=12 * 0.5)
    assert -0.6 < result.scores["r2"] <= 0
    assert math.isnan(result.scores["pearson"])
    assert result.missing == {"pearson": "the same 'semitones' is predicted for each item of test"}


def test_a_constant_test_is_missing(regression_task, caplog):
    task = regression_task(targets=("semitones",))
    splits = splits_of(task)
    splits["test"].y[:] = 60
    with caplog.at_level(logging.WARNING):
        (result,) = evaluate(task, splits, protocol="hear2021+grid1")
    assert math.isnan(result.scores["r2"])
    assert result.missing["r2"] == "target 'semitones' is the same for each item of test"
    assert math.isfinite(result.scores["rmse"])
    assert "no r2: target 'semitones' is the same" in caplog.text


def test_draws_and_limits(regression_task):
    task = regression_task()
    few = drawn(task, ("train",), 0, fraction=0.5)["train"]
    assert len(few) == 12
    assert drawn(task, ("train",), 0, fraction=0.25)["train"] < few
    splits = splits_of(task)
    train = evaluation_of(task, splits, "ridge+fraction0.5").data.train(task.folds()[0])
    assert len(train.y) == 12
    np.testing.assert_allclose(np.asarray(train.y).std(axis=0), 1, rtol=1e-5)
    assert evaluate(task, splits, protocol="ridge+fraction0.5")[0].scores["r2"] > 0.5
    small = limited(task, 5)
    assert [len(files) for files in small.items.values()] == [5, 5, 5]
    assert small.items == limited(task, 5).items


def test_the_kit_has_no_regression(regression_task, tmp_path):
    task = regression_task()
    with pytest.raises(ValueError, match="tones: a regression task; hear-eval-kit has no form for one"):
        write_folder(task, splits_of(task), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(ValueError, match="hear-eval-kit has no form for one"):
        read_folder(task.folder)
