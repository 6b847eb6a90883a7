"""CUDA graphs train what steps train that are launched one by one, on the pretended device."""

import dataclasses

import pytest
import torch

from downstream.probes import graphs, pack
from downstream.probes.fit import Fitting
from downstream.probes.graphs import Epochs
from downstream.probes.pack import fit_all
from downstream.probes.stacked import StackedProbes
from tests.downstream.probes.test_pack import VALID, data, fitting


@pytest.fixture
def recorded(monkeypatch):
    """How many probes and steps each graph has that is recorded."""
    sizes, record = [], Epochs._graph

    def noted(self, batches):
        graph = record(self, batches)
        sizes.append((len(self.program), len(batches)))
        return graph

    monkeypatch.setattr(Epochs, "_graph", noted)
    return sizes


def shrinking(layers: int, **changes) -> list[Fitting]:
    """Probes of several learning rates that end at different times, on two sources whose last batches differ."""
    sources = [(data(90, seed=1), VALID), (data(75, seed=5), VALID)]
    options = {"patience": 7, "check_val_every_n_epoch": 1, "hidden_layers": layers, **changes}
    fittings = [fitting(*source, lr=lr, **options) for source in sources for lr in (0.1, 0.1, 1e-3)]
    for number, one in enumerate(fittings):
        scores = iter([*map(float, range(8 * (number // 2))), *[0.0] * 8])  # better for a while, then no more
        fittings[number] = dataclasses.replace(one, score=lambda found, scores=scores: ({"score": next(scores)}, None))
    return fittings


def same(found, wanted) -> None:
    for one, other in zip(found, wanted, strict=True):
        assert one.validations == other.validations
        assert all(torch.equal(value, other.state[name]) for name, value in one.state.items())


@pytest.mark.parametrize(("layers", "changes"), [(0, {}), (1, {}), (2, {}), (1, {"dropout": 0.0})])
def test_a_pack_trains_the_same_with_graphs_and_without(pretended_cuda, monkeypatch, recorded, layers, changes):
    found = fit_all(shrinking(layers, **changes), "cuda")
    assert len({size for size, _ in recorded}) > 1, "recorded again when probes have ended"
    assert {steps for _, steps in recorded} == {3}
    recorded.clear()
    monkeypatch.setattr(graphs, "PAYS", 1000)
    same(found, fit_all(shrinking(layers, **changes), "cuda"))
    assert not recorded


def test_an_epoch_is_one_launch(pretended_cuda, recorded):
    (program,) = (made := pack._Pack([fitting(lr=lr) for lr in (1e-2, 1e-3)], "cuda")).programs
    for epoch in range(2):
        made.epochs.train(epoch, 100)
    assert recorded == [(2, 3)]
    with pretended_cuda.counting() as counts:
        made.epochs.train(2, 100)
    assert (counts.launches, program.steps) == (1, 9)


@pytest.mark.parametrize(("layers", "launches"), [(1, 65), (2, 118)])
def test_launches_of_a_step_without_graphs(pretended_cuda, layers, launches):
    """Three learning rates on one source; the mask has 16 of them for each layer."""
    train = data(96)
    fittings = [fitting(train, lr=lr, hidden_layers=layers) for lr in (1e-2, 1e-3, 1e-4)]
    made = pack._Pack(fittings, "cuda")
    made.epochs.train(0, 0)
    with pretended_cuda.counting() as counts:
        made.epochs.train(1, 0)
    assert counts.launches == 3 * launches


def test_keys_are_made_for_more_calls_than_are_kept(pretended_cuda, monkeypatch, recorded):
    """Graphs of an epoch in parts, between epochs without graphs: masks go on where they were."""
    monkeypatch.setattr(graphs, "MOST_STEPS", 2)
    made = [pack._Pack([fitting(hidden_layers=2)], "cuda") for _ in range(2)]
    for epoch in range(12):
        made[0].epochs.train(epoch, 100)
        made[1].epochs.train(epoch, 0)
        if epoch in (3, 7):  # as if probes had ended: no graphs in the next epoch
            made[0].programs[0].chosen += 1
    with_graphs, without = (one.programs[0] for one in made)
    assert recorded == [(1, 2), (1, 1)] * 3
    assert with_graphs.masks.calls == without.masks.calls == 2 * 36
    assert with_graphs.steps == without.steps == 36
    for name, values in with_graphs.tensors.items():
        assert torch.equal(values.cpu(), without.tensors[name].cpu()), name


@pytest.mark.parametrize("fails", ["the recording", "its end", "both"])
def test_what_cannot_be_recorded_trains_without_graphs(pretended_cuda, monkeypatch, caplog, fails):
    caplog.set_level("INFO")
    wanted = fit_all([fitting()], "cuda")
    caplog.clear()
    end, record = torch.cuda.CUDAGraph.capture_end, StackedProbes.record

    def broken_record(self, batches):
        record(self, batches)
        if fails != "its end":
            raise torch.cuda.OutOfMemoryError("no room here\nmore of it")

    def broken_end(self):
        end(self)
        if fails != "the recording":
            raise RuntimeError("no graphs here")

    monkeypatch.setattr(StackedProbes, "record", broken_record)
    monkeypatch.setattr(torch.cuda.CUDAGraph, "capture_end", broken_end)
    same(fit_all([fitting()], "cuda"), wanted)
    reason = "no graphs here" if fails == "its end" else "no room here"
    assert caplog.messages == [f"probes train without CUDA graphs: {reason}"]


def test_batches_that_are_read_ahead_are_not_recorded(pretended_cuda, monkeypatch, recorded):
    monkeypatch.setattr(pack, "_budget", lambda device: 100)
    fit_all([fitting()], "cuda")
    assert not recorded


@pytest.mark.gpu
def test_graphs_on_a_gpu_train_the_same(cuda, monkeypatch, recorded):
    found = fit_all(shrinking(2), cuda)
    assert recorded
    monkeypatch.setattr(graphs, "PAYS", 1000)
    same(found, fit_all(shrinking(2), cuda))
