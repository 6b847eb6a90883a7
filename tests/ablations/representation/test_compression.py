"""Smaller forms: fitted to training splits alone, what they store, their scores."""

import numpy as np
import pytest

from ablations.representation import compression
from ablations.representation.compression import Binary, Quantized, Truncated, forms, scores_of
from downstream.evaluate import evaluate
from downstream.probes import features
from downstream.splits import LabelledSplit, item_order, one_hot
from downstream.tasks.task import Task
from tests.conftest import write_tones

STREAM = np.random.default_rng(0)
PROTOCOL = "hear2021+grid2+linear+standardized"
FOLDS = {"split_mode": "presplit_kfold", "splits": ["fold00", "fold01", "fold02"]}


def apply(form: str, training: np.ndarray, x: np.ndarray, truncated: tuple[int, ...] = (2,)) -> np.ndarray:
    (fit,) = [one.fit for one in forms(training.shape[1], truncated) if one.name == form]
    return fit(training)(x)[:]


@pytest.fixture
def task(tmp_path) -> Task:
    return Task.from_dir(write_tones(tmp_path / "tones", clips=8, **FOLDS))


def embedded(task: Task, dim: int = 6) -> dict[str, LabelledSplit]:
    """An embedding of a task's clips that tells its labels apart, with noise."""
    splits = {}
    for split, files in item_order(task).items():
        y = one_hot([task.items[split][file] for file in files], task.labels)
        x = (y @ STREAM.normal(size=(2, dim)) + STREAM.normal(size=(len(y), dim))).astype(np.float32)
        splits[split] = LabelledSplit(x, y, tuple(files), np.arange(len(files) + 1), np.zeros(0))
    return splits


def test_forms_and_their_bytes():
    sizes = {form.name: (form.dim, form.bytes) for form in forms(20, (32, 4, 20, 4))}
    assert sizes == {"float32": (20, 80), "pca4": (4, 16), "int8": (20, 20), "binary": (20, 3)}


def test_components_are_those_of_the_training_items(monkeypatch):
    monkeypatch.setattr(features, "PIECE_BYTES", 4 * 5 * 7)
    training = (STREAM.normal(size=(40, 5)) * [5, 1, 3, 0.1, 0.1] + 2).astype(np.float32)
    others = STREAM.normal(size=(9, 5)).astype(np.float32) * 100
    _, _, right = np.linalg.svd(training.astype(float) - training.mean(axis=0, dtype=float))
    expected = training.mean(axis=0) + (others - training.mean(axis=0)) @ right[:2].T @ right[:2]
    assert apply("pca2", training, others) == pytest.approx(expected, rel=1e-4)
    stored = compression.fit_truncated(training, 2)(training).components(slice(0, 40))
    assert stored.shape == (40, 2)
    assert stored.std(axis=0)[0] > stored.std(axis=0)[1] > 2


def test_directions_without_variance_hold_nothing():
    training = np.outer(STREAM.normal(size=8), [1, 2, 3, 4]).astype(np.float32)
    assert not compression.fit_truncated(training, 3)(training).components(slice(0, 8))[:, 1:].any()


def test_bytes_are_within_half_a_step_of_the_training_range():
    training = STREAM.normal(size=(50, 4)).astype(np.float32) * [1, 100, 0.01, 0] + 7
    step = (training.max(axis=0) - training.min(axis=0)) / 255
    found = apply("int8", training, training)
    assert (np.abs(found - training) <= step / 2 + 1e-6).all()
    assert np.abs(found - training).max(axis=0)[:3] == pytest.approx(step[:3] / 2, rel=0.2)
    outside = apply("int8", training, training + np.float32(1e6))
    assert outside == pytest.approx(np.tile(training.max(axis=0), (50, 1))), "cut off"
    stored = Quantized(training, training.min(axis=0), training.max(axis=0)).codes(slice(0, 50))
    assert stored.dtype == np.uint8
    assert set(stored.max(axis=0)[:3]) == {255}


def test_signs_are_around_the_training_mean():
    training, others = (
        np.array([[0.0, 10.0], [2.0, 30.0]], np.float32),
        np.array([[1.5, 15.0], [0.5, 21.0]], np.float32),
    )
    assert apply("binary", training, others).tolist() == [[1, -1], [-1, 1]]


@pytest.mark.parametrize("form", [Truncated, Quantized, Binary])
def test_forms_are_read_by_slices_and_numbers(form):
    training = STREAM.normal(size=(20, 5)).astype(np.float32)
    fits = {"Truncated": "pca2", "Quantized": "int8", "Binary": "binary"}
    (fit,) = [one.fit for one in forms(5, (2,)) if one.name == fits[form.__name__]]
    x = fit(training)(training)
    assert isinstance(x, form)
    assert x.shape == x[:].shape == (20, 5)
    assert x[:].dtype == np.float32
    assert np.array_equal(x[np.array([3, 1])], x[:][[3, 1]])


def test_scores_of_float32_are_those_of_the_embedding(task):
    splits = embedded(task)
    (whole,) = [form for form in forms(6, ()) if form.name == "float32"]
    own, found = evaluate(task, splits, protocol=PROTOCOL), scores_of(whole, task, splits, PROTOCOL)
    assert [fold.fold.name for fold in found] == [fold.fold.name for fold in own] == ["fold00", "fold01", "fold02"]
    assert [fold.scores for fold in found] == [fold.scores for fold in own]
    assert all(np.array_equal(a.predictions, b.predictions) for a, b in zip(found, own, strict=True))


def test_each_fold_fits_its_training_splits(task, monkeypatch):
    splits = embedded(task)
    fitted = []

    def fit(training):
        fitted.append(training[:])
        return lambda x: x

    scores_of(compression.Form("seen", 6, 24, fit), task, splits, PROTOCOL)
    assert len(fitted) == 3
    for fold, seen in zip(task.folds(), fitted, strict=True):
        assert np.array_equal(seen, np.concatenate([splits[name].x for name in fold.train]))


def test_probes_take_what_a_form_leaves(task):
    nothing = compression.Form("nothing", 0, 0, lambda training: lambda x: np.zeros((len(x), 6), np.float32))
    for fold in scores_of(nothing, task, embedded(task), PROTOCOL):
        assert (fold.predictions == fold.predictions[0]).all()
        assert fold.scores["top1_acc"] == 0.5
