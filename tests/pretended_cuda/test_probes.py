"""Packs of probes on the pretended device, against the CPU."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from downstream.evaluate import evaluate, evaluation_of
from downstream.pooling.learned import PROGRAMS
from downstream.pooling.pooling import Pooling
from downstream.probes import pack
from downstream.probes.fit import predict
from downstream.probes.pack import fit_all, plan
from downstream.probes.packing.shape import ACTIVATIONS
from downstream.probes.selection import Selection
from downstream.tasks.task import Task
from tests.downstream.probes.test_pack import data, fitting, still
from tests.downstream.test_regression import regression_folder, splits_of

__all__ = ["still"]  # a fixture
EPOCHS = 6
ROUNDING = 2e-3  # relative, of a loss after some epochs


def fittings(kind, layers, shuffle):
    """Probes on two sources of other lengths, which share a pack on a GPU."""
    multilabel = kind == "multilabel"
    sources = [
        (data(90 - 5 * i, seed=i, multilabel=multilabel), data(40 + i, seed=9 + i, multilabel=multilabel))
        for i in (0, 1)
    ]
    return [
        fitting(
            replace(train, shuffle=shuffle), valid, seed, kind, Selection(by_loss=multilabel),
            lr=lr, hidden_layers=layers, max_epochs=EPOCHS, dropout=0.1,
        )
        for (train, valid), lr, seed in itertools.product(sources, (1e-2, 1e-3), (0, 1))
    ]  # fmt: skip


def check(probes):
    """Packs on the device against the CPU."""
    assert [len(members) for members in plan(probes, "cuda")] == [8]
    for found, wanted, start in zip(fit_all(probes, "cuda"), fit_all(probes, "cpu"), probes, strict=True):
        losses = [[validation.loss for validation in fit.validations] for fit in (found, wanted)]
        assert losses[0] == pytest.approx(losses[1], rel=ROUNDING)
        assert {tensor.device.type for tensor in found.state.values()} == {"cpu"}
        on_cuda, on_cpu = (predict(found, start.valid, start.prediction_type, device) for device in ("cuda", "cpu"))
        assert np.allclose(on_cuda[0], on_cpu[0], atol=1e-6)
        assert on_cuda[1] == pytest.approx(on_cpu[1], rel=1e-5)


@pytest.mark.parametrize("shuffle", [None, 3])
@pytest.mark.parametrize("layers", [0, 1, 2])
@pytest.mark.parametrize("kind", ["multiclass", "multilabel"])
def test_packs(pretended_cuda, still, kind, layers, shuffle):
    check(fittings(kind, layers, shuffle))


@pytest.mark.parametrize("shuffle", [None, 3])
@pytest.mark.parametrize("layers", [0, 1])
@pytest.mark.parametrize("name", PROGRAMS)
def test_packs_with_learned_poolings(pretended_cuda, still, name, layers, shuffle):
    check([replace(one, pooling=Pooling(name, 2)) for one in fittings("multiclass", layers, shuffle)])


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_step_takes_no_more_memory_than_is_counted_for_it(pretended_cuda, name):
    """So that packs of learned poolings fit."""
    train, valid = (data(items, dim=16 * 32, labels=20, seed=items) for items in (512, 64))
    options = {"hidden_dim": 32, "batch_size": 512, "max_epochs": 6}
    alike = [replace(fitting(train, valid, seed, **options), pooling=Pooling(name, 16)) for seed in range(4)]
    made, shape = pack._Pack(alike, "cuda"), pack._shape(alike[0], "cuda")
    made._train(range(1))
    before = pretended_cuda.allocated
    pretended_cuda.reset_peak()
    made._train(range(1, 3))
    gradients = 4 * (shape.front.weights + sum(shape._weights()))
    counted = len(alike) * (gradients + 4 * 512 * (shape.front.values + ACTIVATIONS * 32))
    assert counted / 2 < pretended_cuda.peak - before < counted


def test_a_pack_for_which_memory_is_short_trains_the_same(pretended_cuda, still):
    probes = fittings("multiclass", 1, None)
    wanted = fit_all(probes, "cuda")
    pretended_cuda.reset_peak()
    before = pretended_cuda.allocated
    fit_all(probes, "cuda")
    pretended_cuda.limit(before + (pretended_cuda.peak - before) * 3 // 4)
    found = fit_all(probes, "cuda")
    assert [fit.best.loss for fit in found] == pytest.approx([fit.best.loss for fit in wanted], rel=ROUNDING)


@pytest.mark.parametrize("metric", ["r2", "mae"])
def test_numbers(pretended_cuda, still, tmp_path, metric):
    """Probes of regression, whose scores are computed on the device, in the units of the task."""
    task = Task.from_dir(regression_folder(tmp_path, clips=40, evaluation=[metric]))
    splits = splits_of(task)
    probes = [
        replace(one, config=replace(one.config, hidden_dim=16, max_epochs=EPOCHS, check_val_every_n_epoch=1))
        for seed in (0, 1)
        for one in evaluation_of(task, splits, "hear2021+grid2+linear", seed).first()
    ]
    for found, wanted in zip(fit_all(probes, "cuda"), fit_all(probes, "cpu"), strict=True):
        losses, scores = (
            [[getattr(one, name) for one in fit.validations] for fit in (found, wanted)] for name in ("loss", "score")
        )
        assert losses[0] == pytest.approx(losses[1], rel=ROUNDING)
        assert scores[0] == pytest.approx(scores[1], rel=ROUNDING)
    (there,), (here,) = (
        evaluate(task, splits, protocol="hear2021+grid2+linear", device=device) for device in ("cuda", "cpu")
    )
    assert there.predictions == pytest.approx(here.predictions, rel=1e-3)
    assert there.scores[metric] == pytest.approx(here.scores[metric], rel=1e-2)
