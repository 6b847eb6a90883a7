"""What a training step of a probe costs with each learned pooling, beside one level and all levels side by side.

python -m tests.campaigns.pooling_cost

Arrangements are timed in turn, round after round, by the CPU time of one thread, so that a busy machine disturbs them
alike; ratios are medians over the rounds.
"""

import dataclasses
import statistics
import time
from typing import Any

import click
import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from ablations.benchmarks.record import Record, command_line
from downstream.pooling.learned import PROGRAMS
from downstream.pooling.pooling import OF_LEVELS, Pooling
from downstream.probes.features import ProbeData
from downstream.probes.fit import Fitting
from downstream.probes.pack import _Pack
from downstream.probes.probe import ProbeConfig
from downstream.probes.selection import Selection
from downstream.progress import Track, silent

ITEMS, WIDTH, LABELS = 256, 768, 50  # a batch of a small task with as many labels as ESC-50, by blocks of PaSST
LEVELS, TOKENS = 12, 16
STEPS = 2  # of an arrangement in a round
COLUMNS = {
    "pooling": "none: the first layer takes all features",
    "parts": "levels or tokens that lie side by side",
    "dim": "of the features",
    "layers": "hidden layers of the probe",
    "operations": "torch operations of a step",
    "cpu_ms": "CPU time of a step in ms, one thread, median over rounds",
    "ratio": "to one level without pooling, in the same round; median over rounds",
}


def measure(rounds: int = 3, *, track: Track = silent) -> Record:
    """Measure training steps of one probe on a CPU, on random features.

    Args:
        rounds: how often each arrangement is timed.
    """
    arrangements = [(None, 1), (None, LEVELS)]
    arrangements += [(name, LEVELS if name in OF_LEVELS else TOKENS) for name in PROGRAMS]
    rows: list[dict[str, Any]] = []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with track("poolings", 2 * rounds * len(arrangements)) as advance:
            for layers in (0, 1):
                packs = [_pack(name, parts, layers) for name, parts in arrangements]
                counts = [_operations(pack) for pack in packs]
                times: list[list[float]] = []
                for _ in range(rounds):
                    times.append([_seconds(pack) for pack in packs])
                    advance(len(packs))
                for place, (name, parts) in enumerate(arrangements):
                    rows.append(
                        {
                            "pooling": name or "none",
                            "parts": parts,
                            "dim": parts * WIDTH,
                            "layers": layers,
                            "operations": counts[place],
                            "cpu_ms": 1e3 * statistics.median(one[place] for one in times),
                            "ratio": statistics.median(one[place] / one[0] for one in times),
                        }
                    )
    finally:
        torch.set_num_threads(threads)
    return Record(f"a training step of a probe by its pooling: {ITEMS} items, {LABELS} labels", rows, COLUMNS)


def _pack(name: str | None, parts: int, layers: int) -> _Pack:
    """One probe on random features."""
    stream = np.random.default_rng(0)
    x = stream.standard_normal((ITEMS, parts * WIDTH), dtype=np.float32)
    data = ProbeData(x, np.eye(LABELS, dtype=np.float32)[stream.integers(0, LABELS, ITEMS)])
    config = ProbeConfig(hidden_layers=layers)
    fitting = Fitting(config, data, data, "multiclass", Selection(by_loss=True), lambda predictions: ({}, None))
    pack = _Pack([dataclasses.replace(fitting, pooling=Pooling(name, parts) if name else None)], "cpu")
    pack._train(range(2))  # features are prepared, and libraries are warm
    return pack


def _seconds(pack: _Pack) -> float:
    """CPU time of a step."""
    start = time.process_time()
    pack._train(range(STEPS))
    return (time.process_time() - start) / STEPS


class _Counter(TorchDispatchMode):
    """Counts torch operations."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.count += 1
        return function(*args, **(kwargs or {}))


def _operations(pack: _Pack) -> int:
    with _Counter() as counter:
        pack._train(range(1))
    return counter.count


main = command_line(
    measure,
    "python -m tests.campaigns.pooling_cost",
    click.option("--rounds", default=3, show_default=True, help="How often each arrangement is timed."),
)

if __name__ == "__main__":
    main()
