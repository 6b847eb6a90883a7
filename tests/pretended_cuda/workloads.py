"""Pieces of the project's work whose launches, copies and waits are counted.

What is done once, such as loading and preparing, is not counted: each piece is run short and long, and the difference
is divided by what the long one does more.
"""

import contextlib
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from downstream.probes.features import ProbeData
from downstream.probes.fit import Fitting
from downstream.probes.pack import fit_all
from downstream.probes.probe import ProbeConfig
from downstream.probes.selection import Selection
from downstream.scores import metrics
from passt import EmbeddingSpec, PasstEmbedder
from passt.training.train import train
from tests.passt.training.toy import Tones, recipe
from tests.pretended_cuda.device import Counts, Device

RATES = {1: (1e-4, 3.2e-4, 1e-3), 2: (3.2e-4, 3.2e-4, 1e-3, 3.2e-3, 3.2e-3)}
"""Hidden layers -> learning rates of the probes of hear2021 that share a pack."""
BATCHES = 4  # of an epoch
ITEMS, DIM, LABELS = 32, 24, 5
PARTS = 4  # levels or tokens, of a learned pooling


@dataclass(frozen=True)
class Steady:
    """What is done for each unit of work.

    Attributes:
        launches: kernels and replays of graphs.
        operations: kernels, those of graphs among them.
        to_device, to_host: copies.
        pinned: allocations of pinned memory.
        waits: of the host.
        host_us: CPU time of the calling thread in microseconds, with large kernels left out; None where they can't be.
        places: (file, function) -> waits.
    """

    launches: float
    operations: float
    to_device: float
    to_host: float
    pinned: float
    waits: float
    host_us: float | None
    places: dict[tuple[str, str], float]


def steady(
    device: Device,
    work: Callable[[int], None],
    short: int,
    long: int,
    per: int = 1,
    idle: bool = True,
    timed: bool = False,
) -> Steady:
    """Count what `work` does for each unit of work.

    Args:
        device: counts.
        work: takes how many units of work to do.
        short, long: two such numbers.
        per: parts of a unit, such as the steps of an epoch, to divide by as well.
        timed: whether so many kernels are left out that the time is the host's.
        idle: whether the work goes its way whatever the numbers are, so that large kernels can be left out.
    """
    work(short)  # for what is done once a process
    found: list[tuple[Counts, float]] = []
    for units in (short, long):
        with device.counting() as counts, device.idle() if idle else contextlib.nullcontext():
            start = time.thread_time()
            work(units)
            seconds = time.thread_time() - start
        found.append((counts, seconds))
    (less, less_s), (more, more_s) = found
    parts = (long - short) * per
    places = more.waits_by_place()
    places.subtract(less.waits_by_place())
    names = ("launches", "operations", "to_device", "to_host", "pinned")
    numbers = [round((getattr(more, name) - getattr(less, name)) / parts, 3) for name in names]
    waits = (len(more.waits) - len(less.waits)) / parts
    each = {place: number / parts for place, number in places.items() if number}
    host_us = 1e6 * (more_s - less_s) / parts if timed else None
    return Steady(*numbers, waits, host_us, each)


def has(field: str) -> bool:
    """Whether fits have a field: the packages that are counted may be those of an earlier version."""
    return field in Fitting.__dataclass_fields__


def probe_data(items: int, seed: int) -> ProbeData:
    """Random features and one label an item."""
    rng = np.random.default_rng(seed)
    labels = np.eye(LABELS, dtype=np.float32)[rng.integers(0, LABELS, items)]
    return ProbeData(rng.normal(size=(items, DIM)).astype(np.float32), labels)


def pack(depth: int, sources: int, epochs: int, every: int, pooling: str | None = None) -> list[Fitting]:
    """Make the fits of a pack of hear2021, on one source of features or on several that differ in length.

    Args:
        depth: hidden layers, 1 or 2.
        sources: how many.
        epochs: to train for.
        every: epochs between validations.
        pooling: the name of one that learns, in front of the probes; None without.
    """
    valid, metric = probe_data(20, seed=9), metrics.get("top1_acc")
    trains = [probe_data(BATCHES * ITEMS - 3 * number, seed=number) for number in range(sources)]
    sizes = {"hidden_dim": 64, "batch_size": ITEMS, "patience": epochs}
    grid = [
        ProbeConfig(hidden_layers=depth, lr=rate, max_epochs=epochs, check_val_every_n_epoch=every, **sizes)
        for rate in RATES[depth]
    ]

    def score(found: np.ndarray) -> tuple[Mapping[str, float], None]:
        return metric.score(found, valid.y), None

    others: dict[str, Any] = {"stacked_score": metric.stacked} if has("stacked_score") else {}
    if pooling:
        from downstream.pooling.pooling import Pooling  # earlier versions have none

        others["pooling"] = Pooling(pooling, PARTS)
    return [
        Fitting(config, train, valid, "multiclass", Selection(), score, seed, **others)
        for train in trains
        for seed, config in enumerate(grid)
    ]


def probe_step(device: Device, depth: int, sources: int = 1, pooling: str | None = None) -> Steady:
    """Count a training step of a pack."""

    def work(epochs: int) -> None:
        fit_all(pack(depth, sources, epochs, every=epochs, pooling=pooling), "cuda")

    return steady(device, work, 10, 60, per=BATCHES, timed=True)


def epoch(device: Device, depth: int, sources: int = 1) -> Steady:
    """Count an epoch of a pack with its validation, whose split is one batch."""

    def work(epochs: int) -> None:
        fit_all(pack(depth, sources, epochs, every=1), "cuda")

    return steady(device, work, 12, 24, idle=False)


def scene_call(device: Device, clips: int = 24) -> Steady:
    """Count a call that embeds clips of one length, in bf16."""
    embedder = PasstEmbedder("passt_demo@features@demo", device="cuda", precision="bf16")
    sound = [torch.randn(8000, generator=torch.Generator().manual_seed(number)) * 0.1 for number in range(clips)]
    taps = embedder.spec.scene_taps()
    return steady(device, lambda calls: [embedder.scene(sound, taps) for _ in range(calls)], 1, 2)


def timestamp_call(device: Device, clips: int = 24) -> Steady:
    """Count a call that embeds clips every 50 ms by two windows, in bf16."""
    spec = EmbeddingSpec("passt_demo", levels=("features",), windows_ms=(160, 640), weights="demo")
    embedder = PasstEmbedder(spec, device="cuda", precision="bf16")
    sound = [torch.randn(8000, generator=torch.Generator().manual_seed(number)) * 0.1 for number in range(clips)]
    taps = spec.timestamp_taps()
    return steady(device, lambda calls: [embedder.timestamps(sound, taps, 50) for _ in range(calls)], 1, 2)


def training_step(device: Device) -> Steady:
    """Count a micro-batch of training, with its part of the optimizer's step."""

    def work(steps: int) -> None:
        with tempfile.TemporaryDirectory() as folder:
            settings = recipe(steps=steps, precision="bf16", evaluation_clips=2, log_every=100)
            train(settings, Tones(), Tones(), Path(folder), "cuda", workers=0)

    return steady(device, work, 2, 6, per=2, idle=False)


PIECES: dict[str, Callable[[Device], Steady]] = {
    "probe step, 3 probes of depth 1": partial(probe_step, depth=1),
    "probe step, 5 probes of depth 2": partial(probe_step, depth=2),
    "probe step, 3 probes of depth 1 on each of 2 sources": partial(probe_step, depth=1, sources=2),
    "probe step, 5 probes of depth 2 on each of 2 sources": partial(probe_step, depth=2, sources=2),
    "epoch of 4 steps and a validation, 3 probes of depth 1": partial(epoch, depth=1),
    "epoch of 4 steps and a validation, 5 probes of depth 2": partial(epoch, depth=2),
    "scenes of 24 clips": scene_call,
    "timestamps of 24 clips": timestamp_call,
    "micro-batch of training": training_step,
}
"""The pieces by what they are."""
if has("pooling"):
    PIECES |= {
        "probe step, 3 probes of depth 1 that weigh 4 levels": partial(probe_step, depth=1, pooling="weighted"),
        "probe step, 3 probes of depth 1 that attend to 4 tokens": partial(probe_step, depth=1, pooling="attention"),
    }
