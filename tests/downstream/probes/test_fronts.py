"""Packs of probes with learned poolings, against a plain implementation under autograd and torch.optim.Adam.

As in `test_pack`, biases in front of a BatchNorm are held still on both sides.
"""

import dataclasses
import itertools
import logging
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from downstream.pooling.learned import PROGRAMS
from downstream.pooling.pooling import Pooling
from downstream.probes import pack
from downstream.probes.features import ProbeData
from downstream.probes.fit import Fitting, fit, predict
from downstream.probes.pack import fit_all, plan
from downstream.probes.selection import Selection
from tests.downstream.pooling import plain
from tests.downstream.probes.test_pack import fitting, same, still, way

__all__ = ["still", "way"]

PARTS, WIDTH, LABELS = 4, 6, 3
SAME = 1e-5  # of any weight after some steps, absolute and relative
EVERY = pytest.mark.parametrize("name", PROGRAMS)


def data(items=90, seed=0, multilabel=False, parts=PARTS, level=2) -> ProbeData:
    """Items one of whose levels carries the labels."""
    rng = np.random.default_rng(seed)
    y = np.eye(LABELS, dtype=np.float32)[rng.integers(0, LABELS, items)]
    if multilabel:
        y = np.maximum(y, np.eye(LABELS, dtype=np.float32)[rng.integers(0, LABELS, items)])
    x = rng.normal(size=(items, parts, WIDTH)).astype(np.float32)
    x[:, level, :LABELS] += 2 * y
    return ProbeData(x.reshape(items, -1), y)


def pooled(name: str, train=None, valid=None, kind="multiclass", parts=PARTS, **changes) -> Fitting:
    train, valid = train or data(seed=1), valid or data(40, seed=2)
    by_loss = Selection(by_loss=kind == "multilabel")
    one = fitting(train, valid, changes.pop("seed", 0), kind, by_loss, **changes)
    return dataclasses.replace(one, pooling=Pooling(name, parts))


class Plain:
    """One probe, its formulas written out, in float64."""

    def __init__(self, one: Fitting) -> None:
        probe = one.probe("cpu")
        self.fitting, self.masks = one, probe.masks
        self.state = {name: values.double() for name, values in probe.state_dict().items()}
        held = [f"hidden.{4 * layer}.bias" for layer in range(one.config.hidden_layers)]
        leaves = [name for name, _ in probe.named_parameters() if name not in held]
        self.state |= {name: self.state[name].clone().requires_grad_() for name in leaves}
        self.optimizer = torch.optim.Adam([self.state[name] for name in leaves], lr=one.config.lr)

    def train(self, epochs: int) -> None:
        train, size = self.fitting.train, self.fitting.config.batch_size
        for _ in range(epochs):
            for start in range(0, len(train.y), size):
                x, y = (torch.from_numpy(values[start : start + size]).double() for values in (train.x, train.y))
                self.optimizer.zero_grad()
                self.loss(self.logits(x), y).backward()
                self.optimizer.step()

    def logits(self, x: Tensor) -> Tensor:
        state, config, pooling = self.state, self.fitting.config, self.fitting.pooling
        front = {name.removeprefix("front."): values for name, values in state.items() if name.startswith("front.")}
        h = plain.POOLINGS[pooling.name](front, x.unflatten(1, (pooling.parts, WIDTH)))
        for layer in range(config.hidden_layers):
            z = h @ state[f"hidden.{4 * layer}.weight"].T + state[f"hidden.{4 * layer}.bias"]
            norm = f"hidden.{4 * layer + 1}"
            mean, variance = z.mean(dim=0), z.var(dim=0, unbiased=False)
            for buffer, value in (("mean", mean), ("var", z.var(dim=0, unbiased=True))):
                state[f"{norm}.running_{buffer}"] = 0.9 * state[f"{norm}.running_{buffer}"] + 0.1 * value.detach()
            z = (z - mean) / (variance + 1e-5).sqrt() * state[f"{norm}.weight"] + state[f"{norm}.bias"]
            mask = self.masks.keep(config.dropout, config.hidden_dim, len(x))[0].T
            h = (z * mask / (1 - config.dropout)).relu()
        return h @ state["projection.weight"].T + state["projection.bias"]

    def loss(self, logits: Tensor, y: Tensor) -> Tensor:
        if self.fitting.prediction_type == "multiclass":
            return -(logits.log_softmax(dim=1) * y).sum(dim=1).mean()
        if self.fitting.prediction_type == "regression":
            return (logits - y).square().mean()
        p = logits.sigmoid()
        return -(y * p.log() + (1 - y) * (1 - p).log()).mean()


@EVERY
@pytest.mark.parametrize(
    ("layers", "kind"), [(0, "multiclass"), (0, "multilabel"), (1, "multilabel"), (1, "regression"), (2, "multiclass")]
)
def test_steps_are_those_of_plain_autograd(still, way, kind, layers, name):
    """On two sources, whose last batches differ, if they can share a pack."""
    several = kind == "multilabel"
    valid = data(40, seed=9, multilabel=several)
    sources = [data(items, seed=seed, multilabel=several) for seed, items in ((1, 42), (3, 38))]
    rates = (1e-3, 3.2e-3)
    fittings = [
        pooled(name, train, valid, kind, lr=lr, hidden_layers=layers, seed=seed)
        for seed, (train, lr) in enumerate(itertools.product(sources if way == "together" else sources[:1], rates))
    ]
    made = pack._Pack(fittings, "cpu")
    made._train(range(3))
    for number, one in enumerate(fittings):
        program, place = (made.programs[0], number) if way == "together" else (made.programs[number], 0)
        found, wanted = program.state(place), Plain(one)
        before = {key: values.detach().clone() for key, values in wanted.state.items()}
        wanted.train(3)
        assert any(not torch.equal(before[key], values) for key, values in wanted.state.items() if "front" in key)
        for key, values in wanted.state.items():
            if not key.endswith("num_batches_tracked"):
                torch.testing.assert_close(found[key].double(), values.detach(), rtol=SAME, atol=SAME, msg=key)


@pytest.mark.parametrize(("layers", "name"), [(0, "weighted"), *((1, name) for name in PROGRAMS)])
def test_a_pack_trains_what_the_trainer_trains(still, way, name, layers):
    """Through the best weights, a probe that ends before the others, and predictions."""
    fittings = [pooled(name, lr=lr, hidden_layers=layers, max_epochs=12) for lr in (1e-2, 3e-3, 1e-3)]
    fittings[1] = dataclasses.replace(fittings[1], score=lambda found: ({"top1_acc": math.nan}, None))
    packed = fit_all(fittings)
    assert len(packed[1].validations) == 1 < min(len(packed[place].validations) for place in (0, 2))
    for found, one in zip(packed, fittings, strict=True):
        alone = fit(one)
        same(found, alone)
        assert found.pooling == alone.pooling == one.pooling
        values, loss = predict(found, one.valid, "multiclass")
        wanted, wanted_loss = predict(alone, one.valid, "multiclass")
        np.testing.assert_allclose(values, wanted, atol=1e-4)
        assert loss == pytest.approx(wanted_loss, rel=1e-4)


def test_features_that_are_read_in_every_epoch(way, monkeypatch):
    (kept,) = fit_all([pooled("attention")])
    monkeypatch.setattr(pack, "_budget", lambda device: 100)
    (read,) = fit_all([pooled("attention")])
    assert kept.validations == read.validations


@EVERY
def test_other_weights_are_drawn_as_without(name):
    """The random numbers of a pooling come last, from the probe's own stream."""
    one = pooled(name)
    probe, again, other = one.probe("cpu"), one.probe("cpu"), dataclasses.replace(one, seed=1).probe("cpu")
    assert all(torch.equal(values, again.state_dict()[key]) for key, values in probe.state_dict().items())
    width = probe.front.program.dim
    unpooled = fitting(ProbeData(np.zeros((9, width), np.float32), one.train.y)).probe("cpu")
    state = unpooled.state_dict()
    assert all(torch.equal(values, probe.state_dict()[key]) for key, values in state.items())
    assert not any(key.startswith("front") for key in state)
    for key in probe.front.program.drawn:
        assert not torch.equal(probe.front.state_dict()[key], other.front.state_dict()[key])


def test_other_poolings_and_parts_are_other_packs(way):
    train, valid = data(seed=1, parts=6), data(40, seed=2, parts=6)
    alike = [pooled("weighted", train, valid, parts=6, lr=lr) for lr in (1e-2, 1e-3)]
    others = [
        pooled("weighted_normalized", train, valid, parts=6),
        pooled("weighted", train, valid, parts=3),
        pooled("weighted", train, valid, parts=1),
        fitting(train, valid),
    ]
    assert sorted(map(len, plan([*alike, *others], "cpu"))) == [1, 1, 1, 1, 2]


@EVERY
def test_the_size_of_a_pooling_counts(name):
    """In the memory of a probe, beside a probe that takes what the pooling gives; features count as they lie."""
    one = pooled(name)
    shape, dim = pack._shape(one, "cuda"), one.probe("cpu").front.program.dim
    narrow = fitting(ProbeData(np.zeros((90, dim), np.float32), one.train.y))
    plain_shape = pack._shape(narrow, "cuda")
    weights = sum(values.numel() for values in one.probe("cpu").front.parameters())
    more = shape.probe_bytes - plain_shape.probe_bytes
    assert more > 4 * pack.COPIES * weights
    assert shape.seconds > plain_shape.seconds
    assert shape.feature_bytes == pack._shape(fitting(one.train, one.valid), "cuda").feature_bytes
    shuffled = dataclasses.replace(one, train=dataclasses.replace(one.train, shuffle=0))
    assert pack._shape(shuffled, "cuda").feature_bytes > 0


@pytest.mark.parametrize("layers", [0, 1])
@pytest.mark.parametrize("name", ["weighted", "weighted_normalized"])
@pytest.mark.parametrize("level", [0, 2])
def test_the_level_that_carries_the_labels_gets_the_largest_weight(name, layers, level):
    train, valid = data(200, seed=1, level=level), data(60, seed=2, level=level)
    (found,) = fit_all([pooled(name, train, valid, hidden_layers=layers, lr=1e-2)])
    weights = found.state["front.weights"].softmax(dim=0)
    assert weights.argmax() == level
    assert weights[level] > 1.3 / PARTS


def test_constant_features_and_zeros(way):
    for value, name in itertools.product((0.0, 3.0), PROGRAMS):
        constant = [ProbeData(np.full_like(one.x, value), one.y) for one in (data(seed=1), data(40, seed=2))]
        (found,) = fit_all([pooled(name, *constant, max_epochs=6)])
        assert all(values.isfinite().all() for values in found.state.values())
        assert np.isfinite([seen.loss for seen in found.validations]).all()


def test_the_reason_for_no_graphs_is_said_once(monkeypatch, caplog):
    made = pack._Pack([pooled("weighted")], "cpu")
    with caplog.at_level(logging.INFO):
        epochs = pack.Epochs(made.programs[0], made.train, "cuda")
    assert not epochs.usable
    assert caplog.messages == ["probes train without CUDA graphs: autograd computes the gradients of their pooling"]
