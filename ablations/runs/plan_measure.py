"""A quick measurement of this machine: seconds and memory of embedding a few clips, and of a few epochs of probes."""

import functools
import json
import statistics
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from ablations.runs.plan_counts import Extracting, Probing
from ablations.system.device_memory import in_use, peak, reset_peak
from downstream.embedder import Embedder
from downstream.pooling.pooling import Pooling
from downstream.probes.features import ProbeData
from downstream.probes.fit import Fitting
from downstream.probes.pack import COPIES, CPU_BYTES, fit_all
from downstream.probes.probe import ProbeConfig
from downstream.probes.selection import Selection
from downstream.solvers import SOLVERS

SCENE_S, TIMESTAMP_S = 20.0, 4.0  # of sound that a measurement embeds
WARM_UP_S = 1.0
ITEMS = 1024  # at most, that a probe is measured on
EPOCHS = (2, 10)  # of two fits, whose difference is the time of the epochs alone
EPOCHS_A_FIT = 120  # if no job of the run says how many; early stopping leaves 63 to 500
PROBES = {"cpu": 1, "cuda": 8}  # measured together; a CPU trains one after the other


@dataclass(frozen=True)
class Rate:
    """The cost of embedding.

    Attributes:
        seconds: that a second of sound takes.
        memory: bytes beyond those that the embedder holds.
    """

    seconds: float
    memory: int


def embedding_rate(embedder: Embedder, work: Extracting, device: str) -> Rate:
    """Time reading and embedding a few clips that cover the range of lengths.

    Args:
        embedder: what is measured.
        work: the clips and taps.
        device: "cpu" or "cuda".
    """
    limit = SCENE_S if work.hop_ms is None else TIMESTAMP_S
    files = sorted(work.files, key=work.audio.seconds)
    clips: list[torch.Tensor] = []
    room, begin = limit, time.perf_counter()
    for quantile in (0.5, 0.25, 0.75, 0.0, 1.0):
        file = files[min(int(quantile * len(files)), len(files) - 1)]
        if room > 0:
            clips.append(work.audio.load(file)[: round(room * embedder.sample_rate)])
            room -= len(clips[-1]) / embedder.sample_rate
    reading = time.perf_counter() - begin
    taps = list(work.taps)

    def embed(clips: list[torch.Tensor]) -> float:
        start = time.perf_counter()
        embedder.scene(clips, taps) if work.hop_ms is None else embedder.timestamps(clips, taps, work.hop_ms)
        return time.perf_counter() - start

    embed([clips[0][: round(WARM_UP_S * embedder.sample_rate)]])
    before = in_use(torch.device(device))
    reset_peak(torch.device(device))
    seconds = reading + embed(clips)
    return Rate(seconds / (limit - room), max(0, peak(torch.device(device)) - before))


def probe_seconds(work: Probing, device: str, epochs: float) -> float:
    """Estimate the seconds of a job's fits.

    Args:
        work: the fits.
        device: what probes are trained on.
        epochs: of each fit.
    """
    if work.solver:
        few = min(work.items, ITEMS)
        growth: float = (work.items / few) ** SOLVERS[work.solver].growth
        return (
            work.folds * growth * _solve_seconds(work.solver, few, work.dim, work.labels, work.prediction_type, device)
        )
    total = 0.0
    for config in work.configs:
        few = min(work.items, ITEMS)
        shape = few, work.dim, work.labels, work.prediction_type, work.pooling
        fixed, epoch = _fit_seconds(replace(config, lr=1e-3, init="xavier_uniform"), *shape, device)
        total += fixed + epoch * work.items / few * min(epochs, config.max_epochs)
    return total


def probe_memory(work: Probing) -> int:
    """Bytes of a pack's probes and prepared features, both of which are bounded (`downstream.probes.pack`)."""
    hidden = max((config.hidden_dim for config in work.configs), default=0)
    probe = 4 * COPIES * (work.dim * hidden + hidden * hidden + hidden * work.labels)
    return min(CPU_BYTES, len(work.configs) * probe) + min(CPU_BYTES, 4 * work.dim * work.items)


def epochs_seen(folder: Path) -> float:
    """The median of epochs a fit over the finished jobs of a run; `EPOCHS_A_FIT` if it has none."""
    seen = []
    for file in (folder / "jobs").glob("*.json"):
        seen += [fold["epochs_trained"] / len(fold["tried"]) for fold in json.loads(file.read_text())["folds"]]
    return statistics.median(seen) if seen else EPOCHS_A_FIT


def _no_scores(predictions: np.ndarray) -> tuple[dict[str, float], None]:
    """Stand for the scores of a validation, which the loss decides."""
    return {}, None


@functools.lru_cache(maxsize=256)
def _solve_seconds(solver: str, items: int, dim: int, labels: int, kind: str, device: str) -> float:
    """Time solving for probes of all settings on noise, and predicting a third as many items twice."""
    draw = np.random.default_rng(0)
    x = draw.standard_normal((items, dim), dtype=np.float32)
    y = np.eye(labels, dtype=np.float32)[draw.integers(labels, size=items)]
    start = time.perf_counter()
    predict = SOLVERS[solver].fit(x, y, SOLVERS[solver].settings(items), kind, device)
    for _ in range(2):
        predict(x[: max(1, items // 3)])
    return time.perf_counter() - start


@functools.lru_cache(maxsize=256)
def _fit_seconds(
    config: ProbeConfig, items: int, dim: int, labels: int, kind: str, pooling: Pooling | None, device: str
) -> tuple[float, float]:
    """Time one probe on noise: the seconds of any fit, and those of each epoch with its share of validations."""
    draw = np.random.default_rng(0)
    y = np.eye(labels, dtype=np.float32)[draw.integers(labels, size=items)]
    data = ProbeData(draw.standard_normal((items, dim), dtype=np.float32), y)
    valid = ProbeData(data.x[: max(1, items // 4)], y[: max(1, items // 4)])
    count = PROBES[torch.device(device).type]

    def seconds(epochs: int) -> float:
        short = replace(config, max_epochs=epochs, check_val_every_n_epoch=EPOCHS[0])
        selection = Selection(by_loss=True)
        start = time.perf_counter()
        fittings = [
            Fitting(short, data, valid, kind, selection, _no_scores, seed, pooling=pooling) for seed in range(count)
        ]
        fit_all(fittings, device)
        return (time.perf_counter() - start) / count

    seconds(EPOCHS[0])  # the first is slower
    few, many = map(seconds, EPOCHS)
    epoch = max(0.0, many - few) / (EPOCHS[1] - EPOCHS[0])
    return max(0.0, few - EPOCHS[0] * epoch), epoch
