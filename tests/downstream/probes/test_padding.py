"""Probes of other features and labels in one program, as on CUDA, against the one-at-a-time trainer."""

import dataclasses

import numpy as np
import pytest
import torch

from downstream.probes import pack
from downstream.probes.feed import Feed
from downstream.probes.fit import fit, predict
from downstream.probes.pack import fit_all
from downstream.probes.products import TorchProducts
from downstream.probes.selection import Selection
from downstream.probes.stacked import NO_LABEL, StackedProbes
from tests.downstream.probes.test_pack import data, fitting, same, still

__all__ = ["still"]

SIZES = ((90, 6, 3), (75, 11, 2), (96, 4, 5))  # items, features, labels


@pytest.fixture(autouse=True)
def _together(monkeypatch):
    """One program for all, whatever that costs."""
    monkeypatch.setattr(pack, "_together", lambda device: True)
    monkeypatch.setattr(pack, "products_for", lambda device: TorchProducts())


def fittings_of(kind: str, layers: int = 1, sizes=SIZES, **changes) -> list:
    several, fittings = kind == "multilabel", []
    for seed, (items, dim, labels) in enumerate(sizes):
        train = data(items, max(dim, labels), labels, seed=2 * seed, multilabel=several)
        valid = data(items // 2, max(dim, labels), labels, seed=2 * seed + 1, multilabel=several)
        fittings += [
            fitting(train, valid, seed, kind, Selection(by_loss=several), lr=lr, hidden_layers=layers, **changes)
            for lr in (1e-2, 1e-3)
        ]
    return fittings


@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_padded_probes_are_those_of_the_trainer(still, kind, layers):
    fittings = fittings_of(kind, layers)
    assert len(pack.plan(fittings, "cpu")) == 1
    for padded, one in zip(fit_all(fittings), fittings, strict=True):
        alone = fit(one)
        same(padded, alone)
        for name, value in one.probe("cpu").state_dict().items():
            assert padded.state[name].shape == value.shape
        probabilities, loss = predict(padded, one.valid, kind)
        wanted, wanted_loss = predict(alone, one.valid, kind)
        assert loss == pytest.approx(wanted_loss, rel=1e-5)
        np.testing.assert_allclose(probabilities, wanted, atol=1e-5)


@pytest.mark.parametrize("resident", [True, False])
def test_padded_probes_that_end_before_others(still, monkeypatch, resident):
    """The widest source ends first, whose sizes the others keep."""
    monkeypatch.setattr(pack, "_budget", lambda device: 1 << 30 if resident else 1)
    monkeypatch.setattr(pack, "plan", lambda fittings, device: [[0, 1, 2, 3, 4, 5]])
    fittings = fittings_of("multilabel", patience=3)
    for place in (2, 3):
        short = dataclasses.replace(fittings[place].config, patience=1, lr=0.0)
        fittings[place] = dataclasses.replace(fittings[place], config=short)
    packed = fit_all(fittings)
    assert packed[2].epochs < min(packed[place].epochs for place in (0, 1, 4, 5))
    for padded, one in zip(packed, fittings, strict=True):
        same(padded, fit(one))


@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
@pytest.mark.parametrize("layers", [0, 2])
def test_padding_is_exactly_what_it_was_after_training(kind, layers):
    """Whatever the logits of the real labels."""
    fittings = fittings_of(kind, layers)
    for source in (fittings[0].train, fittings[2].train):
        source.x[:] *= 1e4  # logits far from 0
    probes = [(one.probe("cpu"), one.config) for one in fittings]
    starts = [dict(probe.state_dict()) for probe, _ in probes]
    sources = [fittings[place].train for place in (0, 2, 4)]
    feed = Feed(sources, [0, 0, 1, 1, 2, 2], 32, TorchProducts(), "cpu", 1 << 30, training=True)
    program = StackedProbes(probes, kind, TorchProducts())
    for place, start in enumerate(starts):
        assert all(torch.equal(program.state(place)[name], value) for name, value in start.items())
    for epoch in range(5):
        for batch in feed.epoch(epoch):
            program.step(batch)
    first = "hidden.0.weight" if layers else "projection.weight"
    dims, labels = (max(size[axis] for size in SIZES) for axis in (1, 2))
    assert program.tensors[first].shape[2] == dims
    for place, one in enumerate(fittings):
        dim, own = one.train.x.shape[1], one.train.y.shape[1]
        assert not program.tensors[first][place, :, dim:].any()
        assert not program.tensors["projection.weight"][place, own:].any()
        assert (program.tensors["projection.bias"][place, own:] == NO_LABEL).all()
        assert not any(moment[place, own:].any() for moment in program.moments["projection.bias"])
        assert all(value.isfinite().all() for value in program.state(place).values())
    (batch, *_) = feed.epoch(0)
    logits = program.logits(batch)
    assert logits.shape[1] == labels
    assert logits.isfinite().all()
    with torch.no_grad():
        _ = [probe.eval() for probe, _ in probes]
        for place, (probe, _) in enumerate(probes):
            probe.load_state_dict(program.state(place))
            own = fittings[place].train
            wanted = probe(torch.from_numpy(own.x[:32])).T
            torch.testing.assert_close(logits[place, : own.y.shape[1]], wanted, rtol=1e-4, atol=1e-4)


def test_initial_weights_are_those_of_the_probes_own_sizes():
    """They are drawn as for a probe alone, and padded afterwards."""
    fittings = fittings_of("multiclass")
    packed = fit_all([dataclasses.replace(one, config=dataclasses.replace(one.config, lr=0.0)) for one in fittings])
    for found, one in zip(packed, fittings, strict=True):
        start = dataclasses.replace(one, config=found.config).probe("cpu").state_dict()
        assert all(torch.equal(found.state[name], start[name]) for name in start if name.startswith("projection"))
        assert torch.equal(found.state["hidden.0.weight"], start["hidden.0.weight"])


def test_padded_features_count_as_they_lie_in_memory():
    small, wide = data(90, dim=6, labels=3), data(70, dim=60, labels=50)
    feed = Feed([small, wide], [0, 1], 32, TorchProducts(), "cpu", 1 << 30, training=False)
    batches = list(feed.epoch(0))
    kept = {x.data_ptr(): x.numel() * 4 for batch in batches for _, x in batch.parts}
    kept |= {y.data_ptr(): y.numel() * 4 for batch in batches for y in batch.targets}
    assert sum(kept.values()) <= feed.kept_bytes < 2 * sum(kept.values())
    assert {x.shape for batch in batches[:1] for _, x in batch.parts} == {(32, 60)}


def test_features_in_a_halved_pack_are_padded_to_what_remains(still, monkeypatch):
    run = pack._Pack.run
    widths = []

    def scarce(self, done):
        widths.append((len(self.fittings), self.train.dim, self.train.labels))
        if len(self.fittings) > 3:
            raise RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`")
        return run(self, done)

    monkeypatch.setattr(pack._Pack, "run", scarce)
    fittings = fittings_of("multiclass", sizes=SIZES[:2])
    for padded, one in zip(fit_all(fittings), fittings, strict=True):
        same(padded, fit(one))
    assert widths == [(4, 11, 3), (2, 11, 2), (2, 6, 3)]


@pytest.mark.parametrize("error", [ValueError("CUFFT_ALLOC_FAILED"), RuntimeError("CUDA error: misaligned address")])
def test_other_errors_end_a_pack(monkeypatch, error):
    def broken(self, done):
        raise error

    monkeypatch.setattr(pack._Pack, "run", broken)
    with pytest.raises(type(error), match=str(error)):
        fit_all(fittings_of("multiclass"))


def test_equal_sizes_are_not_padded():
    one, other = (data(90, seed=seed) for seed in (1, 2))
    feed = Feed([one, other], [0, 1], 32, TorchProducts(), "cpu", 1 << 30, training=True)
    (step, *_) = feed._steps(0)
    assert [(*loaded.x.shape, *loaded.y.shape) for loaded in step] == [(32, 6, 3, 32)] * 2
    probes = [(fitting(source).probe("cpu"), fitting(source).config) for source in (one, other)]
    assert StackedProbes(probes, "multilabel", TorchProducts()).labels == 3


@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_padded_probes_on_a_pretended_gpu(still, monkeypatch, pretended_cuda, kind):
    """One pack takes fewer launches than three, and gives the same."""
    fittings = fittings_of(kind, max_epochs=6)
    with pretended_cuda.counting() as together:
        padded = fit_all(fittings, "cuda")
    for found, one in zip(padded, fittings, strict=True):
        same(found, fit(one))
    monkeypatch.setattr(pack, "plan", lambda fittings, device: [[0, 1], [2, 3], [4, 5]])
    with pretended_cuda.counting() as apart:
        fit_all(fittings, "cuda")
    assert together.launches < 0.6 * apart.launches


def test_sources_of_equal_targets_that_others_part(still):
    """As of two models on two tasks: probes are validated by their targets, and keep weights of their own."""
    (first, valid), (second, other) = [(data(90, seed=seed), data(40, seed=seed + 1)) for seed in (0, 2)]
    turned = [
        (dataclasses.replace(train, x=train.x[:, ::-1].copy()), dataclasses.replace(test, x=test.x[:, ::-1].copy()))
        for train, test in ((first, valid), (second, other))
    ]
    fittings = [
        fitting(train, test, seed, patience=3, lr=lr)
        for seed, (train, test) in enumerate([(first, valid), (second, other), *turned])
        for lr in (3e-2, 1e-3)
    ]
    assert pack.plan(fittings, "cpu") == [[1, 0, 3, 2, 5, 4, 7, 6]]
    for found, one in zip(fit_all(fittings), fittings, strict=True):
        same(found, fit(one))
