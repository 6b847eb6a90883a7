"""Sizes of batches that were chosen without a GPU, each swept: how much faster larger or smaller ones are."""

import dataclasses
import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import torch

from ablations.benchmarks.gpu.steps.untrained import untrained_crepe
from ablations.benchmarks.models import sounds
from ablations.benchmarks.record import Record
from ablations.models import registry
from ablations.system.machine import best
from downstream.embedder import released

CLIPS, SCENE_S = 64, 10
REPEATS = 2
REHEARSED: dict[str, str] = {}
"""Model -> a smaller one in its place, in a rehearsal."""
COLUMNS = {
    "size": "",
    "clips": "a call",
    "clips_per_s": "clips of 10 s a second, the best of 2",
    "is_default": "whether this is the size that is used",
}


@dataclass(frozen=True)
class Sweep:
    """Sizes that are tried.

    Attributes:
        what: the unit of a size.
        model: a checkpoint.
        precision: of its network.
        table: "module:NAME" of the sizes by type of device; empty for the seconds of sound that a call gets.
        sizes: that are tried, beside the one that is used.
    """

    what: str
    model: str
    precision: str
    table: str
    sizes: tuple[int, ...]


SWEEPS = {
    "tokens": Sweep(
        "tokens at once",
        "passt_s_swa_p16_128_ap476",
        "bf16",
        "passt.embedder:TOKENS_AT_ONCE",
        (8192, 32768, 131072, 262144),
    ),
    "seconds": Sweep("seconds of sound", "passt_s_swa_p16_128_ap476", "bf16", "", (60, 240, 960)),
    "crepe": Sweep(
        "frames at once",
        "crepe_full",
        "bf16",
        "ablations.models.baselines.crepe:FRAMES_PER_BATCH",
        (2048, 8192, 32768),
    ),
    "mobilenet": Sweep(
        "frames at once",
        "mn10_as",
        "bf16",
        "ablations.models.baselines.mobilenet:MobileNetEmbedder.frames_at_once",
        (100_000, 1_600_000),
    ),
}
"""Name of a step's sweep -> what is tried."""


def measure(device: str, name: str, clips: int = CLIPS, most: int | None = None) -> Record:
    """Time scene embeddings with each size of a batch.

    Args:
        device: that computes.
        name: of the sweep.
        clips: of 10 s in a call, unless their seconds are swept.
        most: sizes at most, beside the one that is used; None is all.
    """
    sweep = SWEEPS[name]
    spec = registry.resolve(REHEARSED.get(sweep.model, sweep.model))
    spec = dataclasses.replace(spec, weights="untrained-0") if spec.weights == "published" else spec
    rows = []
    for size in (None, *sweep.sizes[:most]):
        if not sweep.table and size is None:
            continue
        count = clips if sweep.table else max(1, (size or 0) // SCENE_S)
        with (
            untrained_crepe(),
            _sized(sweep.table, torch.device(device).type, size) as used,
            released(registry.build(spec, device=device, precision=sweep.precision)) as embedder,
        ):
            scenes, taps = sounds(count, SCENE_S, embedder.sample_rate), spec.scene_taps()
            seconds = best(lambda: embedder.scene(scenes, taps), REPEATS, device=device)  # noqa: B023
        values = (used or size, count, count / seconds, size is None)
        rows.append(dict(zip(COLUMNS, values, strict=True)))
    what = f"{sweep.model}, {sweep.precision}, scenes of {SCENE_S} s: {sweep.what}"
    return Record(what, rows, COLUMNS, device=device)


@contextmanager
def _sized(table: str, kind: str, size: int | None) -> Iterator[int | None]:
    """Put a size into a table of sizes by type of device, and yield the size that is used; None keeps the table's."""
    if not table:
        yield None
        return
    module, _, path = table.partition(":")
    sizes: Any = importlib.import_module(module)
    for name in path.split("."):
        sizes = getattr(sizes, name)
    with mock.patch.dict(sizes, {} if size is None else {kind: size}):
        used: int | None = sizes.get(kind)
        yield used
