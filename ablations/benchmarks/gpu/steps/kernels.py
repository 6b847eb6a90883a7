"""How many kernels a pack of probes launches, and how long the device computes: by torch's profiler."""

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from ablations.benchmarks import probes as probe_speed
from ablations.benchmarks.gpu.steps.device import wait
from ablations.benchmarks.record import Record
from downstream.probes.pack import fit_all

COLUMNS = {
    "hidden_layers": "",
    "probes": "in the pack",
    "kernels": "of an epoch, one step and a third of a validation; copies and fills within",
    "device_ms": "milliseconds of an epoch that the device computes",
    "wall_ms": "milliseconds of an epoch, without the profiler",
    "busy": "device_ms over wall_ms",
}


def probes(device: str, probes: int) -> Record:
    """Count the kernels of an epoch of a pack, by the number of hidden layers.

    Args:
        device: that trains; on a CPU there are no kernels to count.
        probes: in the pack.
    """
    rows = []
    for layers in (1, 2):
        fittings = probe_speed.fittings(layers, probes)
        epochs = fittings[0].config.max_epochs

        def train() -> None:
            fit_all(fittings, device)  # noqa: B023

        train()
        start = time.perf_counter()
        train()
        wait(device)
        wall = 1e3 * (time.perf_counter() - start) / epochs
        count, busy_ms = counted(train, device)
        values: tuple[Any, ...] = (layers, probes, count / epochs, busy_ms / epochs, wall, busy_ms / epochs / wall)
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    return Record("Packs of probes on made-up features of ESC-10's size", rows, COLUMNS, device=device)


def counted(run: Callable[[], Any], device: str) -> tuple[int, float]:
    """Count the kernels of a run, and the milliseconds that they take together."""
    activities = [ProfilerActivity.CPU]
    if torch.device(device).type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiler:
        run()
        wait(device)
    kernels = [event for event in profiler.events() if event.device_type.name == "CUDA"]
    return len(kernels), sum(event.time_range.elapsed_us() for event in kernels) / 1e3
