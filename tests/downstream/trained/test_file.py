"""The file of a job's probes: what is read is what was written, and nothing else is taken."""

import dataclasses
import json

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch

from downstream.events.targets import PostProcessing
from downstream.pooling.pooling import Pooling
from downstream.probes.probe import ProbeConfig, probe_of
from downstream.scaling import TargetScale
from downstream.solvers import SOLVERS
from downstream.trained import file as files
from downstream.trained.file import KeptProbes, read_probes, write_probes
from downstream.trained.preparation import Preparation
from downstream.trained.probe import TrainedProbe, as_tensors, shapes_of
from tests.downstream.stores import flip

DIM, LABELS = 6, 3
SMALL = ProbeConfig(hidden_layers=2, hidden_dim=5)
STATISTICS = (np.linspace(-1, 1, DIM), np.linspace(0.5, 2, DIM))
X = np.random.default_rng(0).standard_normal((20, DIM), dtype=np.float32)


def mlp(config=SMALL, pooling=None, kind="multiclass", **more) -> TrainedProbe:
    learned = pooling if pooling and pooling.learns else None
    width = {"meanmax": DIM, "mean": DIM // 2}.get(pooling.name, DIM) if pooling else DIM
    state = probe_of(config, width, LABELS, 1, pooling=learned).state_dict()
    preparation = Preparation(None if learned else pooling, None)
    return TrainedProbe(config, state, DIM, LABELS, kind, preparation, learned, **more)


def solved(name: str, kind="multiclass", **more) -> TrainedProbe:
    y = np.eye(LABELS, dtype=np.float32)[np.arange(len(X)) % LABELS]
    weights = SOLVERS[name].fit(X, y, (1.0,), kind, "cpu").weights(1.0)
    return TrainedProbe(name, as_tensors(weights), DIM, LABELS, kind, Preparation(None, STATISTICS), **more)


PROBES = {
    "hidden": mlp(),
    "linear": mlp(ProbeConfig(hidden_layers=0), kind="multilabel", postprocessing=PostProcessing(250.0, 125.0)),
    "regression": mlp(kind="regression", scale=TargetScale((1.0, 2.0, 3.0), (0.1, 10.0, 1.0))),
    "weighted": mlp(pooling=Pooling("weighted_normalized", 1)),
    "prototypes": mlp(pooling=Pooling("prototypes", 2)),
    "mean": mlp(pooling=Pooling("mean", 2)),
    "standardized": dataclasses.replace(mlp(), preparation=Preparation(None, STATISTICS)),
    "ridge": solved("ridge", threshold=0.2, postprocessing=PostProcessing(250.0, 250.0)),
    "logistic": solved("logistic"),
    "logistic of each label": solved("logistic", "multilabel"),
}


@pytest.mark.parametrize("name", PROBES)
def test_a_probe_that_is_read_predicts_the_same(tmp_path, name):
    path = tmp_path / "0123456789abcdef.probes.safetensors"
    write_probes(path, KeptProbes({"job": "0123456789abcdef"}, {"fold": PROBES[name]}))
    kept = read_probes(path)
    assert kept.facts == {"job": "0123456789abcdef"}
    probe, made = PROBES[name], kept.probes["fold"]
    assert np.array_equal(made.predictions(X), probe.predictions(X))
    for part in ("kind", "dim", "labels", "prediction_type", "pooling", "scale", "threshold", "postprocessing"):
        assert getattr(made, part) == getattr(probe, part)


def test_shapes_are_those_of_the_network():
    for pooling in (None, Pooling("attention_labels", 2)):
        for layers in (0, 1, 2):
            config = ProbeConfig(hidden_layers=layers, hidden_dim=7)
            state = probe_of(config, DIM, LABELS, 0, pooling=pooling).state_dict()
            assert {name: tuple(value.shape) for name, value in state.items()} == shapes_of(
                config, DIM, LABELS, pooling
            )


def test_few_items_are_predicted_as_among_many():
    probe = PROBES["hidden"]
    together = probe.predictions(X)
    assert np.abs(np.concatenate([probe.predictions(x[None]) for x in X]) - together).max() < 1e-6
    assert probe.predictions(X[:0]).shape == (0, LABELS)


def test_probabilities_and_moved_thresholds():
    assert np.allclose(PROBES["hidden"].predictions(X).sum(1), 1)
    unmoved = dataclasses.replace(PROBES["ridge"], threshold=None).predictions(X)
    assert np.allclose(PROBES["ridge"].predictions(X), unmoved + 0.3)


def test_equal_probes_make_equal_files(tmp_path):
    path = tmp_path / "job.probes.safetensors"
    content = []
    for _ in range(2):
        write_probes(path, KeptProbes({"b": 1, "a": [2]}, {name: PROBES[name] for name in ("hidden", "ridge")}))
        content.append(path.read_bytes())
    assert content[0] == content[1]


def test_what_was_changed_or_moved_is_refused(tmp_path):
    path = tmp_path / "job.probes.safetensors"
    write_probes(path, KeptProbes({}, {"fold": PROBES["hidden"]}))
    whole = path.read_bytes()
    for place in (3, 40, len(whole) // 2, len(whole) - 1):
        flip(path, place)
        with pytest.raises(ValueError, match="not what was written here"):
            read_probes(path)
        path.write_bytes(whole)
    for part in (b"", whole[:100], whole[:-1], b"no tensors at all"):
        path.write_bytes(part)
        with pytest.raises(ValueError, match="not what was written here"):
            read_probes(path)
    path.with_name("other.probes.safetensors").write_bytes(whole)
    with pytest.raises(ValueError, match=r"other.probes.safetensors: not what was written here"):
        read_probes(path.with_name("other.probes.safetensors"))
    with pytest.raises(FileNotFoundError):
        read_probes(path.with_name("absent.probes.safetensors"))


def forged(path, change) -> None:
    """Rewrite a file with other content and a sum that fits."""
    with safetensors.safe_open(path, "pt") as file:
        entry = json.loads(file.metadata()[files.ENTRY])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    entry.pop("sum")
    change(entry["folds"]["fold"], tensors)
    entry["sum"] = files._sum_of(path.name, entry, tensors)
    path.write_bytes(safetensors.torch.save(tensors, {files.ENTRY: json.dumps(entry)}))


FORGERIES = {
    "hidden_dim must be a whole number": lambda fold, tensors: fold["kind"].update(hidden_dim=0),
    "hidden.0.weight must be": lambda fold, tensors: fold["kind"].update(hidden_dim=10**6),
    "kind: init must be one of": lambda fold, tensors: fold["kind"].update(init=["x"]),
    "kind must be a configuration": lambda fold, tensors: fold["kind"].update(more=1),
    "kind must be one of ridge, logistic": lambda fold, tensors: fold.update(kind="knn"),
    "dim must be a whole number": lambda fold, tensors: fold.update(dim=True),
    "labels must be a whole number": lambda fold, tensors: fold.update(labels=0),
    "prediction_type must be": lambda fold, tensors: fold.update(prediction_type="other"),
    "pooling: name must be one of": lambda fold, tensors: fold.update(pooling={"name": "other", "parts": 2}),
    "parts must be a divisor of 6": lambda fold, tensors: fold.update(pooling={"name": "mean", "parts": 4}),
    "mean must be": lambda fold, tensors: fold.update(standardized=True),
    "standardized must be true or false": lambda fold, tensors: fold.update(standardized=2),
    "scale must be": lambda fold, tensors: fold.update(scale={"mean": [1.0], "std": [1.0]}),
    "threshold must be a number": lambda fold, tensors: fold.update(threshold="x"),
    "median_filter_ms must be a number": lambda fold, tensors: fold.update(postprocessing={}),
    "tensors must be": lambda fold, tensors: tensors.pop("fold/weights/projection.bias"),
    "projection.bias must be": lambda fold, tensors: tensors.update({"fold/weights/projection.bias": torch.zeros(4)}),
    "torch.float64": lambda fold, tensors: tensors.update(
        {"fold/weights/projection.bias": torch.zeros(LABELS, dtype=torch.float64)}
    ),
}


@pytest.mark.parametrize("message", FORGERIES)
def test_forged_files_are_refused_in_one_line(tmp_path, message):
    path = tmp_path / "job.probes.safetensors"
    write_probes(path, KeptProbes({}, {"fold": PROBES["hidden"]}))
    forged(path, FORGERIES[message])
    with pytest.raises(ValueError, match=r"job.probes.safetensors") as caught:
        read_probes(path)
    assert message in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


OF_SOLVERS = {
    "too few rows": lambda tensors: tensors.update({"fold/weights/coef": torch.zeros(1, DIM)}),
    "too wide": lambda tensors: tensors.update({"fold/weights/coef": torch.zeros(LABELS, 9)}),
    "whole numbers": lambda tensors: tensors.update({"fold/weights/coef": torch.zeros(LABELS, DIM, dtype=torch.int64)}),
    "an axis more": lambda tensors: tensors.update({"fold/weights/intercept": torch.zeros(LABELS, 1)}),
    "classes that are not there": lambda tensors: tensors.update({"fold/weights/classes": torch.tensor([0, 1, 7])}),
    "a name more": lambda tensors: tensors.update({"fold/weights/more": torch.zeros(1)}),
}


@pytest.mark.parametrize("change", OF_SOLVERS)
def test_forged_linear_probes_are_refused(tmp_path, change):
    path = tmp_path / "job.probes.safetensors"
    write_probes(path, KeptProbes({}, {"fold": PROBES["logistic"]}))
    forged(path, lambda fold, tensors: OF_SOLVERS[change](tensors))
    with pytest.raises(ValueError, match="fold fold: tensors must be"):
        read_probes(path)


def test_labels_that_training_has_not_are_restored(tmp_path):
    path = tmp_path / "job.probes.safetensors"
    for present, kind in (([0], "multiclass"), ([0, 2], "multiclass"), ([0, 1], "multilabel")):
        y = np.zeros((len(X), LABELS), np.float32)
        y[np.arange(len(X)), np.array(present)[np.arange(len(X)) % len(present)]] = 1
        fitted = SOLVERS["logistic"].fit(X, y, (1.0,), kind, "cpu")
        probe = TrainedProbe("logistic", as_tensors(fitted.weights(1.0)), DIM, LABELS, kind)
        write_probes(path, KeptProbes({}, {"fold": probe}))
        assert np.array_equal(read_probes(path).probes["fold"].predictions(X), fitted(X)[1.0].astype(np.float32))
