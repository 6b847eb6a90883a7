"""Packs against the one-at-a-time trainer.

Biases in front of a BatchNorm are held still on both sides where trajectories are compared: their gradient is rounding
noise alone, which Adam makes whole steps of (see test_heareval_runs).
"""

import dataclasses
import itertools
import math
import threading
import weakref

import numpy as np
import pytest
import torch

from downstream.probes import pack
from downstream.probes.features import Concatenated, ProbeData
from downstream.probes.feed import Feed
from downstream.probes.fit import Fitting, fit, predict
from downstream.probes.pack import fit_all, plan
from downstream.probes.probe import ProbeConfig
from downstream.probes.products import OneDnnProducts, TorchProducts, products_for
from downstream.probes.selection import Selection
from downstream.probes.stacked import StackedProbes
from tests.downstream.test_heareval_runs import CASES, fitting_of, still_biases
from tests.reference_values import REFERENCE

SAME = 2e-6  # relative, of a loss after some dozen epochs


@pytest.fixture
def still(monkeypatch):
    still_biases(monkeypatch)
    gradients = StackedProbes._affine_gradients

    def held(self, name, *rest):
        gradients(self, name, *rest)
        if name.startswith("hidden"):
            rest[-1][f"{name}.bias"].zero_()

    monkeypatch.setattr(StackedProbes, "_affine_gradients", held)


@pytest.fixture(params=["programs", "together"])
def way(request, monkeypatch):
    """As on a CPU, a program for each probe, or as on CUDA, one program for all."""
    if request.param == "together":
        monkeypatch.setattr(pack, "_together", lambda device: True)
        monkeypatch.setattr(pack, "products_for", lambda device: TorchProducts())
    return request.param


def data(items=90, dim=6, labels=3, seed=0, multilabel=False) -> ProbeData:
    rng = np.random.default_rng(seed)
    y = np.eye(labels, dtype=np.float32)[rng.integers(0, labels, items)]
    if multilabel:
        y = np.maximum(y, np.eye(labels, dtype=np.float32)[rng.integers(0, labels, items)])
    x = rng.normal(size=(items, dim)).astype(np.float32)
    x[:, :labels] += 2 * y
    return ProbeData(x, y)


def accuracy(valid: ProbeData):
    return lambda found: ({"top1_acc": float((found.argmax(1) == valid.y.argmax(1)).mean())}, None)


TRAIN, VALID = data(seed=1), data(40, seed=2)
SMALL = ProbeConfig(hidden_dim=16, batch_size=32, max_epochs=30, patience=4)


def fitting(train=TRAIN, valid=VALID, seed=0, kind="multiclass", selection=None, **changes) -> Fitting:
    config = dataclasses.replace(SMALL, **changes)
    return Fitting(config, train, valid, kind, selection or Selection(), accuracy(valid), seed)


def in_one_pack(monkeypatch, way) -> None:
    """Whatever the memory, share a pack as far as there can be one: of all probes, or of each alone."""
    monkeypatch.setattr(
        pack,
        "plan",
        lambda fittings, device: (
            [list(range(len(fittings)))] if way == "together" else [[number] for number in range(len(fittings))]
        ),
    )


def same(packed, alone) -> None:
    assert packed.config == alone.config
    assert [seen.epoch for seen in packed.validations] == [seen.epoch for seen in alone.validations]
    losses = [[seen.loss for seen in found.validations] for found in (packed, alone)]
    assert losses[0] == pytest.approx(losses[1], rel=SAME)
    assert packed.best.epoch == alone.best.epoch
    assert packed.best.score == pytest.approx(alone.best.score, rel=SAME)
    assert packed.state.keys() == alone.state.keys()
    for name, value in alone.state.items():
        assert packed.state[name].shape == value.shape
        assert torch.allclose(packed.state[name].float(), value.float(), rtol=1e-3, atol=1e-4), name


@pytest.mark.parametrize("layers", [0, 1, 2, 3])
@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_a_pack_trains_what_the_trainer_trains(still, way, kind, layers):
    train, valid = data(seed=1, multilabel=kind == "multilabel"), data(40, seed=2, multilabel=kind == "multilabel")
    grid = itertools.product([1e-2, 1e-3], ["xavier_uniform", "xavier_normal"], [0, 1])
    fittings = [
        fitting(
            train, valid, seed, kind, Selection(by_loss=kind == "multilabel"), lr=lr, init=init, hidden_layers=layers
        )
        for lr, init, seed in grid
    ]
    packed = fit_all(fittings)
    for found, alone in zip(packed, map(fit, fittings), strict=True):
        same(found, alone)
    assert len({found.validations[0].loss for found in packed}) == len(fittings)


def test_probes_that_stop_early_leave_the_others_as_they_are(still, way):
    fittings = [fitting(lr=lr, seed=seed, patience=2, max_epochs=60) for lr in (0.1, 1e-3) for seed in range(3)]
    packed = fit_all(fittings)
    assert len({found.epochs for found in packed}) > 1
    for found, alone in zip(packed, map(fit, fittings), strict=True):
        same(found, alone)


def test_features_of_several_sources_share_a_pack(still, way):
    """Sets of features, and folds of different sizes, whose last batches differ."""
    sources = [(data(seed=1), data(40, seed=2)), (data(seed=3), data(40, seed=4)), (data(75, seed=5), data(50, seed=6))]
    fittings = [fitting(*source, lr=lr) for lr in (1e-2, 1e-3) for source in sources]
    assert len(plan(fittings, "cpu")) == (1 if way == "together" else 3)
    for found, alone in zip(fit_all(fittings), map(fit, fittings), strict=True):
        same(found, alone)


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("ends", [0, 1, 2])
def test_a_source_that_ends_before_others_of_another_size(still, way, ends, resident, monkeypatch):
    monkeypatch.setattr(pack, "_budget", lambda device: 1 << 30 if resident else 100)
    in_one_pack(monkeypatch, way)
    sources = [(data(94, seed=1), data(60, seed=2)), *((data(75, seed=seed), data(40, seed=6)) for seed in (3, 4))]
    fittings = [fitting(*source) for source in sources]
    fittings[ends] = dataclasses.replace(fittings[ends], score=lambda found: ({"top1_acc": math.nan}, None))
    packed = fit_all(fittings)
    assert len(packed[ends].validations) == 1 < min(len(packed[i].validations) for i in range(3) if i != ends)
    for found, alone in zip(packed, map(fit, fittings), strict=True):
        same(found, alone)


def test_what_cannot_be_one_program_is_not_one_pack(way):
    others = fitting(hidden_layers=2), fitting(data(200), VALID), fitting(kind="multilabel"), fitting(batch_size=31)
    fittings = [fitting(), *others, fitting(data(dim=7), data(40, dim=7))]
    apart = [[1], [2], [3], [4]]
    assert sorted(plan(fittings, "cpu")) == ([[0], *apart, [5]] if way == "programs" else [*apart, [5, 0]])


def test_a_last_batch_of_one_item_is_left_out(still, way):
    train = data(65)
    same(fit_all([fitting(train)])[0], fit(fitting(ProbeData(train.x[:64], train.y[:64]))))


def test_batches_in_an_order_of_their_own(still, way):
    shuffled = [ProbeData(TRAIN.x, TRAIN.y, shuffle=seed) for seed in (0, 1)]
    fittings = [fitting(train) for train in shuffled]
    packed = fit_all(fittings)
    for found, alone in zip(packed, map(fit, fittings), strict=True):
        same(found, alone)
    assert packed[0].best.loss != packed[1].best.loss


def test_sources_whose_probes_have_all_ended_are_read_no_more(still, way, monkeypatch):
    monkeypatch.setattr(pack, "_budget", lambda device: 100)
    in_one_pack(monkeypatch, way)
    reads = []

    class Watched:
        def __init__(self, name, x):
            self.name, self.x, self.shape = name, x, x.shape

        def __getitem__(self, rows):
            reads.append(self.name)
            return self.x[rows]

    short, long = (ProbeData(Watched(name, data(seed=1).x), data(seed=1).y) for name in ("short", "long"))
    fittings = [fitting(short, lr=0.0), fitting(long)]
    for found, alone in zip(fit_all(fittings), map(fit, fittings), strict=True):
        same(found, alone)
    assert 0 < reads.count("short") < reads.count("long")


def test_features_that_do_not_stay_in_memory_train_the_same_probe(monkeypatch):
    fittings = [fitting(lr=lr) for lr in (1e-2, 1e-3)]
    resident = fit_all(fittings)
    monkeypatch.setattr(pack, "CPU_BYTES", 1)
    for found, wanted in zip(fit_all(fittings), resident, strict=True):
        assert found.validations == wanted.validations


def test_threads_that_read_ahead_end_with_the_error(monkeypatch, way):
    monkeypatch.setattr(pack, "_budget", lambda device: 1)
    monkeypatch.setattr(StackedProbes, "step", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError) as error:
        fit_all([fitting()])
    assert error.traceback  # holds on to all that was under way
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ThreadPool")]


def test_the_features_of_a_pack_share_one_room(monkeypatch, way):
    """A training split that takes nearly all of it leaves the validation split to be read anew."""
    monkeypatch.setattr(pack, "_budget", lambda device: 1 << 30)
    whole = pack._Pack([fitting()], "cpu")
    assert (whole.train.resident, whole.valid.resident) == (True, True)
    monkeypatch.setattr(pack, "_budget", lambda device: whole.train.kept_bytes + whole.valid.kept_bytes - 1)
    less = pack._Pack([fitting()], "cpu")
    assert (less.train.resident, less.valid.resident) == (True, False)


def kept_bytes(feed: Feed) -> int:
    """What the batches of a feed hold, tensors that they share once."""
    batches = list(feed.epoch(0))
    kept = [t for batch in batches for t in (*batch.targets, *(x for _, x in batch.parts))]
    kept += [t for step in feed._kept for loaded in step for t in (loaded.x, loaded.y)]
    return sum({t.data_ptr(): t.numel() * 4 for t in kept}.values())


def test_probes_share_their_targets_which_count_as_kept():
    sources = [data(90, dim=60, labels=50, seed=1), data(70, dim=60, labels=50, seed=2)]
    owners = [0] * 10 + [1] * 10
    feed = Feed(sources, owners, 32, TorchProducts(), "cpu", 1 << 30, training=False)
    batches = list(feed.epoch(0))
    assert kept_bytes(feed) == feed.kept_bytes
    assert [len(batch.targets) for batch in batches] == [2] * 3
    assert {target.shape for target in batches[0].targets} == {(50, 32)}
    less = Feed(sources, owners, 32, TorchProducts(), "cpu", feed.kept_bytes - 1, training=False)
    assert not less.resident


@pytest.mark.parametrize("kind", ["the same", "equal", "concatenated"])
def test_sources_of_a_task_share_its_targets(kind):
    """Several embeddings of a task, and a fold of another size, whose targets are padded beside them."""
    tasks, fold = [data(90, seed=1) for _ in range(3)], data(70, seed=2)
    if kind == "the same":
        tasks = [dataclasses.replace(task, y=tasks[0].y) for task in tasks]
    if kind == "concatenated":
        parts = [tasks[0].y[:50], tasks[0].y[50:]]
        tasks = [dataclasses.replace(task, y=Concatenated(list(parts))) for task in tasks]
    feed = Feed([*tasks, fold], [0, 1, 1, 2, 3], 32, TorchProducts(), "cpu", 1 << 30, training=False)
    for batch in feed.epoch(0):
        assert len({y.data_ptr() for y in batch.targets}) == 2
    assert kept_bytes(feed) == feed.kept_bytes == 4 * 90 * (4 * 6 + 2 * 3)
    last = list(feed.epoch(0))[-1]
    assert last.items == (26, 26, 26, 26, 6)
    assert torch.equal(last.targets[1], torch.from_numpy(tasks[0].y[64:].T))
    assert torch.equal(last.targets[3][:, :6], torch.from_numpy(fold.y[64:].T))
    assert not last.targets[3][:, 6:].any()
    shuffled = [dataclasses.replace(task, shuffle=number // 2) for number, task in enumerate(tasks)]
    feed = Feed(shuffled, [0, 1, 2], 32, TorchProducts(), "cpu", 1 << 30, training=True)
    for batch in feed.epoch(0):
        first, second, third = batch.targets
        assert first.data_ptr() == second.data_ptr() != third.data_ptr(), "other orders have targets of their own"


def test_a_probe_on_a_cpu_does_not_depend_on_its_pack():
    fittings = [fitting(lr=lr, hidden_layers=layers) for lr in (1e-2, 1e-3) for layers in (1, 2)]
    together = fit_all(fittings)
    for found, alone in zip(together, fittings, strict=True):
        (again,) = fit_all([alone])
        assert found.validations == again.validations
        assert all(torch.equal(found.state[name], value) for name, value in again.state.items())


def test_the_best_weights_are_kept_not_the_last(way):
    scores = iter([0.1, 0.9, 0.2, 0.3, 0.4, 0.5])
    seen = []

    def score(predictions):
        seen.append(predictions)
        return {"score": next(scores)}, None

    (found,) = fit_all([dataclasses.replace(fitting(patience=4), score=score)])
    assert len(seen) == 6
    assert predict(found, VALID, "multiclass")[0] == pytest.approx(seen[1], abs=1e-6)


def test_memory_splits_packs(still, monkeypatch, way):
    fittings = [fitting(lr=lr) for lr in (1e-1, 1e-2, 1e-3, 1e-4)]
    whole = fit_all(fittings)
    monkeypatch.setattr(pack, "_budget", lambda device: 2 * pack._shape(fittings[0], device).probe_bytes)
    assert plan(fittings, "cpu") == [[3, 2], [1, 0]]
    for found, wanted in zip(fit_all(fittings), whole, strict=True):
        same(found, wanted)


def test_a_pack_that_does_not_fit_goes_on_in_halves(still, monkeypatch, way, caplog):
    fittings = [fitting(lr=lr) for lr in (1e-2, 1e-3, 1e-4)]
    whole, run, ended = fit_all(fittings), pack._Pack.run, []

    def scarce(self, done):
        if len(self.fittings) > 1:
            raise torch.cuda.OutOfMemoryError
        return run(self, done)

    monkeypatch.setattr(pack._Pack, "run", scarce)
    for found, wanted in zip(fit_all(fittings, done=lambda number, fit: ended.append(number)), whole, strict=True):
        same(found, wanted)
    assert sorted(ended) == [0, 1, 2]
    assert "out of memory with 3 probes at once: continuing with 2" in caplog.text
    monkeypatch.setattr(pack._Pack, "run", lambda self, done: (_ for _ in ()).throw(torch.cuda.OutOfMemoryError()))
    with pytest.raises(torch.cuda.OutOfMemoryError):
        fit_all(fittings)


def test_weights_of_a_fit_that_has_ended_leave_the_device(monkeypatch, way):
    """Those of all fits would add up there, beside the packs still to come."""
    state = StackedProbes.state
    monkeypatch.setattr(
        StackedProbes, "state", lambda *args: {name: value.to("meta") for name, value in state(*args).items()}
    )
    monkeypatch.setattr(torch.Tensor, "cpu", lambda tensor: "on the CPU" if tensor.is_meta else tensor)
    for found in fit_all([fitting(lr=lr) for lr in (1e-2, 1e-3)]):
        assert set(found.state.values()) == {"on the CPU"}


@pytest.mark.parametrize("place", [(StackedProbes, "step"), (Feed, "_load")], ids=["training", "reading ahead"])
def test_a_pack_that_did_not_fit_is_gone_before_its_halves(monkeypatch, way, place):
    fittings, (owner, name), calls, packs, alive = [fitting(lr=lr) for lr in (1e-2, 1e-3)], place, [], [], []
    work, made = getattr(owner, name), pack._Pack.__init__

    def scarce(self, *rest):
        calls.append(None)
        if len(calls) == 8:
            raise torch.cuda.OutOfMemoryError
        return work(self, *rest)

    def watched(self, *rest):
        packs.append(weakref.ref(self))
        made(self, *rest)

    monkeypatch.setattr(owner, name, scarce)
    monkeypatch.setattr(pack._Pack, "__init__", watched)
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: alive.extend(each() for each in packs))
    monkeypatch.setattr(pack, "_budget", lambda device: 1 << 30 if name == "step" else 1)
    monkeypatch.setattr(pack, "plan", lambda fittings, device: [list(range(len(fittings)))])
    assert len(fit_all(fittings)) == 2
    assert len(packs) == 3
    assert alive == [None]


@pytest.mark.parametrize("case", CASES)
def test_packs_give_hear_eval_kits_own_runs(still, way, case):
    """The five runs of the kit, with the biases of hidden layers held still on both sides."""
    _, test, kits = fitting_of(REFERENCE / "heareval" / case)
    packed, alone = fit_all([kits, kits])[1], fit(kits)
    same(packed, alone)
    found, wanted = (predict(each, ProbeData(test.x, test.y), kits.prediction_type)[0] for each in (packed, alone))
    assert np.abs(found - wanted).max() < 1e-4
    assert packed.best.postprocessing == alone.best.postprocessing


@pytest.mark.skipif(not isinstance(products_for("cpu"), OneDnnProducts), reason="oneDNN can't be used here")
def test_one_dnn_has_the_products_of_torch():
    stream = torch.Generator().manual_seed(0)
    weights, x = torch.randn(3, 17, 29, generator=stream), torch.randn(41, 29, generator=stream)
    fast, plain = OneDnnProducts(), TorchProducts()
    packed, z = fast.prepare(x, True), plain.forward(weights, x)
    assert torch.allclose(z, torch.einsum("koi,ni->kon", weights, x), atol=1e-5)
    assert torch.allclose(fast.forward(weights, packed), z, atol=1e-5)
    assert torch.allclose(fast.backward(z, packed), plain.backward(z, x), atol=1e-3)
    for items in (z, z[:, :, :2]):  # of few items the product is turned back, of many the weights are copied
        assert torch.allclose(fast.multiply(weights.mT, items), plain.multiply(weights.mT, items), atol=1e-4)
        assert fast.multiply(weights.mT, items).is_contiguous()


@pytest.mark.gpu
def test_packs_on_cuda_give_what_the_trainer_gives_there(still, cuda):
    fittings = [fitting(lr=lr, hidden_layers=layers, dropout=0.0) for lr in (1e-2, 1e-3) for layers in (1, 2)]
    for found, alone in zip(fit_all(fittings, cuda), fittings, strict=True):
        wanted = fit(alone, cuda)
        losses = [[seen.loss for seen in each.validations] for each in (found, wanted)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)
