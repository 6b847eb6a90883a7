"""Packs of probes with and without what makes them faster on CUDA: graphs of their steps, and compiled parts."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from unittest import mock

from ablations.benchmarks import probes
from ablations.benchmarks.record import Record
from downstream.probes import fused as compiled_parts
from downstream.probes import graphs as recorded_steps
from downstream.probes.pack import fit_all

NEVER, ALWAYS = math.inf, 0
COLUMNS = {
    "way": "",
    "hidden_layers": "",
    "probes": "in the pack",
    "ms_per_fit_epoch": "milliseconds, validations within",
    "times_without": "the milliseconds without over these",
}


def graphs(device: str, sizes: Sequence[int]) -> Record:
    """Time packs without and with CUDA graphs, neither with compiled parts.

    Args:
        device: that trains; a CPU has no graphs.
        sizes: probes in a pack.
    """
    ways = {"without graphs": (NEVER, NEVER), "CUDA graphs": (recorded_steps.PAYS, NEVER)}
    return _compared(device, sizes, ways)


def fused(device: str, sizes: Sequence[int]) -> Record:
    """Time packs without and with compiled elementwise parts, both with CUDA graphs.

    Args:
        device: that trains; on a CPU nothing is compiled.
        sizes: probes in a pack.
    """
    ways = {"plain": (recorded_steps.PAYS, NEVER), "compiled": (recorded_steps.PAYS, ALWAYS)}
    return _compared(device, sizes, ways)


def _compared(device: str, sizes: Sequence[int], ways: Mapping[str, tuple[float, float]]) -> Record:
    rows = []
    for layers in (1, 2):
        fittings = probes.fittings(layers, max(sizes))
        for size in sizes:
            without = math.nan
            for number, (way, (graphs_pay, compiling_pays)) in enumerate(ways.items()):
                with _paying(graphs_pay, compiling_pays):
                    seconds = probes.seconds_an_epoch(lambda some: fit_all(some, device), fittings[:size], device)
                without = without if number else seconds
                values = (way, layers, size, 1e3 * seconds, without / seconds)
                rows.append(dict(zip(COLUMNS, values, strict=True)))
    return Record("Made-up features of ESC-10's size, the median of 3 runs", rows, COLUMNS, device=device)


@contextmanager
def _paying(graphs_pay: float, compiling_pays: float) -> Iterator[None]:
    """Set from how many epochs on graphs are recorded, and from how many values on parts are compiled."""
    with (
        mock.patch.object(recorded_steps, "PAYS", graphs_pay),
        mock.patch.object(compiled_parts, "PAYS", compiling_pays),
    ):
        yield
