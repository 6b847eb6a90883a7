"""The one-at-a-time trainer against hear-eval-kit's own runs.

They come out to the last bit, given the arithmetic they were made with: torch on two CPU threads. That
matters more than it should: a bias in front of a BatchNorm has no gradient but rounding noise, which Adam scales to
whole steps, and at validation, where running statistics lag behind, those steps show. Another number of threads moves
the losses by up to 2e-3; with these biases held still it moves them by less than 1e-6, which is tested too.
"""

import contextlib
import json

import numpy as np
import pytest
import torch

from downstream.evaluate import selection_of
from downstream.events import decoding, targets
from downstream.kit import read
from downstream.probes.features import ProbeData
from downstream.probes.fit import Fitting, fit, predict
from downstream.probes.probe import Probe, ProbeConfig
from downstream.scores.scoring import Scorer
from downstream.splits import training_data
from tests.reference_values import REFERENCE

CASES = sorted(path.parent.name for path in (REFERENCE / "heareval").glob("*/golden.json"))
SCORE, PREDICTION = 1e-6, 1e-5


@contextlib.contextmanager
def threads(count: int):
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    yield
    torch.set_num_threads(before)


def fitting_of(folder) -> tuple:
    """The kit's run of a folder, from its initial weights: (task, test split, fitting)."""
    conf = json.loads((folder / "golden.json").read_text())["conf"]
    config = ProbeConfig(
        init=conf["initialization"].removesuffix("_"),
        **{name: conf[name] for name in ProbeConfig.__dataclass_fields__ if name in conf},
    )
    with np.load(folder / "initial_weights.npz") as arrays:
        initial = {name: torch.from_numpy(np.asarray(value)) for name, value in arrays.items()}
    task, splits = read.read_folder(folder)
    fold = task.folds()[0]
    valid = splits[fold.valid]
    fitting = Fitting(
        config,
        training_data([splits[name] for name in fold.train]),
        ProbeData(valid.x, valid.y),
        prediction_type=task.prediction_type,
        selection=selection_of(task),
        score=Scorer(task, fold.valid, valid).validate,
        initial=initial,
    )
    return task, splits[fold.test], fitting


@pytest.fixture(scope="module", params=CASES)
def golden(request):
    """(folder, what the kit saw, task, test split, the same from here)."""
    folder = REFERENCE / "heareval" / request.param
    with threads(2):
        task, test, fitting = fitting_of(folder)
        return folder, json.loads((folder / "golden.json").read_text()), task, test, fit(fitting)


def test_the_cases_are_there():
    assert len(CASES) == 5


def test_the_split_is_the_kits(golden):
    _, wanted, task, _, _ = golden
    fold = task.folds()[0]
    assert {"train": list(fold.train), "valid": [fold.valid], "test": [fold.test]} == wanted["split"]


def test_every_validation_is_the_kits(golden):
    _, wanted, task, _, found = golden
    monitored = "val_loss" if task.selects_by_loss else f"val_{task.metrics[0]}"
    assert [seen.epoch for seen in found.validations] == [entry["epoch"] for entry in wanted["validations"]]
    for seen, entry in zip(found.validations, wanted["validations"], strict=True):
        assert seen.loss == pytest.approx(entry["val_loss"], abs=SCORE)
        assert seen.score == pytest.approx(entry[monitored], abs=SCORE)
        if seen.postprocessing:
            chosen = {f"postprocessing/{name}": value for name, value in vars(seen.postprocessing).items()}
            assert chosen.items() <= entry.items()


def test_the_best_epoch_is_the_kits(golden):
    _, wanted, task, _, found = golden
    assert found.best.epoch == wanted["best_epoch"]
    assert found.best.score == pytest.approx(wanted["best_validation_score"], abs=SCORE)
    assert selection_of(task).mode == wanted["score_mode"]


def test_test_predictions_and_scores_are_the_kits(golden):
    folder, wanted, task, test, found = golden
    with threads(2):
        predictions, test_loss = predict(found, ProbeData(test.x, test.y), task.prediction_type)
    with np.load(folder / "test_predictions.npz") as arrays:
        assert np.abs(predictions - arrays["prediction"]).max() <= PREDICTION
        assert np.array_equal(test.y, arrays["target"])
    assert test_loss == pytest.approx(wanted["test"]["test_loss"], abs=SCORE)
    setting = found.best.postprocessing
    if task.selects_by_loss:
        (setting,) = targets.postprocessing_grid(task.evaluation_params)
    scores = Scorer(task, task.folds()[0].test, test).scores(predictions, setting)
    compared = [name for name in scores if f"test_{name}" in wanted["test"]]
    assert compared[0] == task.metrics[0]
    for name in compared:
        assert scores[name] == pytest.approx(wanted["test"][f"test_{name}"], abs=SCORE), name


def test_the_events_of_the_test_split_are_the_kits(golden):
    _, wanted, task, test, found = golden
    if not task.is_event:
        assert "predicted_events" not in wanted
        return
    with threads(2):
        predictions, _ = predict(found, ProbeData(test.x, test.y), task.prediction_type)
    setting = found.best.postprocessing or targets.postprocessing_grid(task.evaluation_params)[0]
    line = decoding.timeline(test.timestamps, test.offsets)
    table = decoding.runs(predictions, line, line.widths(setting.median_filter_ms)).lasting(setting.min_duration)
    columns = zip(table.file, table.label, table.start, table.end, strict=True)
    here = sorted((test.files[file], task.labels[label], start, end) for file, label, start, end in columns)
    there = wanted["predicted_events"].items()
    kits = sorted((file, event["label"], event["start"], event["end"]) for file, found in there for event in found)
    assert len(kits) > 10
    assert here == kits


def still_biases(monkeypatch):
    """Probes whose biases in front of a BatchNorm stay as they are."""

    class Still(Probe):
        def __init__(self, *args):
            super().__init__(*args)
            for layer in self.hidden:
                if isinstance(layer, torch.nn.Linear):
                    layer.bias.requires_grad_(False)

    monkeypatch.setattr("downstream.probes.probe.Probe", Still)


@pytest.mark.parametrize("case", CASES)
def test_the_arithmetic_shows_only_in_biases_that_have_no_gradient(case, monkeypatch):
    still_biases(monkeypatch)
    losses = []
    for count in (1, 2):
        with threads(count):
            _, _, fitting = fitting_of(REFERENCE / "heareval" / case)
            losses.append([seen.loss for seen in fit(fitting).validations])
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
