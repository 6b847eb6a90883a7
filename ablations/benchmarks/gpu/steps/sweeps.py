"""Sizes of batches that were chosen without a GPU, each swept: how much faster larger or smaller ones are."""

import dataclasses
import functools
from dataclasses import dataclass

from ablations.benchmarks.gpu.steps.untrained import untrained_crepe
from ablations.benchmarks.models import sounds
from ablations.benchmarks.record import Record
from ablations.models import registry
from ablations.system.machine import best
from downstream.embedder import released
from passt.windows.batches import Budget

CLIPS, SCENE_S = 64, 10
REPEATS = 2
REHEARSED: dict[str, str] = {}
"""Model -> a smaller one in its place, in a rehearsal."""
COLUMNS = {
    "size": "",
    "afterwards": "what goes through the network at once after the run, less than before if memory was short",
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
        is_budget: whether it is what goes through the network at once; else the seconds of sound that a call gets.
        sizes: that are tried, beside the one that is used.
    """

    what: str
    model: str
    precision: str
    is_budget: bool
    sizes: tuple[int, ...]


SWEEPS = {
    "tokens": Sweep(
        "tokens at once",
        "passt_s_swa_p16_128_ap476",
        "bf16",
        True,
        (8192, 32768, 131072, 262144),
    ),
    "seconds": Sweep("seconds of sound", "passt_s_swa_p16_128_ap476", "bf16", False, (60, 240, 960)),
    "crepe": Sweep(
        "frames at once",
        "crepe_full",
        "bf16",
        True,
        (2048, 8192, 32768),
    ),
    "mobilenet": Sweep(
        "frames at once",
        "mn10_as",
        "bf16",
        True,
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
    with untrained_crepe(), released(registry.build(spec, device=device, precision=sweep.precision)) as embedder:
        budget: Budget = embedder._budget  # type: ignore[attr-defined]
        used = budget.size
        for size in (used, *sweep.sizes[:most]) if sweep.is_budget else sweep.sizes[:most]:
            budget.size = size if sweep.is_budget else used
            count = clips if sweep.is_budget else max(1, size // SCENE_S)
            scenes, taps = sounds(count, SCENE_S, embedder.sample_rate), spec.scene_taps()
            seconds = best(functools.partial(embedder.scene, scenes, taps), REPEATS, device=device)
            values = (size, budget.size, count, count / seconds, sweep.is_budget and size == used)
            rows.append(dict(zip(COLUMNS, values, strict=True)))
    what = f"{sweep.model}, {sweep.precision}, scenes of {SCENE_S} s: {sweep.what}"
    return Record(what, rows, COLUMNS, device=device)
