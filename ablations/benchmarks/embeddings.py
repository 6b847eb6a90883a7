"""Speed of PaSST embeddings, against hear21passt and against what the machine's matrix products allow."""

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click
import torch
from torch import Tensor
from torch.nn import functional as F

from ablations.benchmarks import peer as peers
from ablations.benchmarks.record import Record, command_line
from ablations.system.device_memory import in_use, peak, reset_peak
from ablations.system.machine import best, choose_device, product_rates
from ablations.terminal.options import DEVICE
from downstream.embedder import Tap
from downstream.progress import Track, silent
from passt import EmbeddingSpec, PasstEmbedder
from passt.catalog.checkpoints import SAMPLE_RATE
from passt.complexity import macs
from passt.network.precision import available

BASE_MODEL = "passt_s_swa_p16_128_ap476"
SCENE_S, LONG_S = 10, 120
CLIPS = {"cpu": 4, "cuda": 64}
TIMESTAMPS = {"cpu": (1, 2), "cuda": (8, 10)}
"""Clips whose timestamps are computed together, and their length in s: a clip of 2 s does not fill a GPU."""
REPEATS = 3
WINDOW_MS, LARGE_WINDOW_MS, HOP_MS = 160, 640, 50
BASE = ("logits", "features")
COLUMNS = {
    "precision": "",
    "embedding": "",
    "levels": "",
    "seconds": "seconds of a run, the best of 3",
    "clips_per_s": "clips a second",
    "times_real_time": "seconds of sound a second",
    "gflops": "10^9 operations (two a multiply-add) of the network's products a second",
    "share": "gflops over the machine's own product rate at this precision",
    "times_peer": "hear21passt's seconds (fp32) over these",
    "peak_mb": "memory at its highest during the run, beyond what the embedder holds",
    "off_fp32": "1 - cosine similarity of an embedding to its fp32 twin, at most",
}
PEER_NAMES = {("scenes", "base"): "scene", ("timestamps", "base"): "timestamps"}
"""Embedding and levels -> the same work in the answer of `peers/passt_peer.py`."""


@dataclass(frozen=True)
class Work:
    """Embeddings that are timed."""

    embedding: str  # scenes or timestamps
    levels: str  # the name of a choice of levels
    clips: int
    seconds: int  # of sound, over all clips
    run: Callable[[], Mapping[Tap, Tensor]]  # computes the embeddings, (rows, dim)
    operations: float | None  # of the network, two a multiply-add; None if they are not counted
    repeats: int = REPEATS  # a single run has none before it to warm up


def measure(
    device: str | None = None,
    peer: str | None = None,
    long: bool = False,
    checkpoint: str = BASE_MODEL,
    precisions: Sequence[str] = (),
    compiled: bool = False,
    clips: int | None = None,
    timestamp_clips: tuple[int, int] | None = None,
    *,
    track: Track = silent,
) -> Record:
    """Measure the speed of PaSST embeddings, against hear21passt and against the machine's matrix products.

    The base model has untrained weights, and clips are in memory. Every precision that the device has is measured.

    Args:
        device: cpu or cuda; None is CUDA if there is one.
        peer: an interpreter that has hear21passt, which is timed first.
        long: whether to time every level of a clip of 120 s at windows of 160 and 640 ms, too.
        checkpoint: of PaSST, in place of the base model.
        precisions: that are measured; none are all of the device.
        compiled: whether torch.compile makes the network's code.
        clips: of 10 s, whose scenes are computed together; None is `CLIPS`.
        timestamp_clips: how many clips, and their length in s, whose timestamps are computed; None is `TIMESTAMPS`.
    """
    device = choose_device(device)
    kind = torch.device(device).type
    clips, timed = clips or CLIPS[kind], timestamp_clips or TIMESTAMPS[kind]
    peer_seconds = _peer_seconds(peer, device, clips, timed) if peer else {}
    precisions = precisions or available(torch.device(device))
    spec = EmbeddingSpec(checkpoint, weights="untrained-0")
    rates = {}
    rows: list[dict[str, Any]] = []
    references: dict[tuple[str, str], Tensor] = {}
    with track("benchmark", len(precisions) * (6 + long)) as advance:
        for precision in precisions:
            embedder = PasstEmbedder(spec, device=device, precision=precision, compiled=compiled)
            held = in_use(embedder.device)  # once the memory of earlier precisions was given back
            rates[precision] = product_rates(device, precision)
            for work in _works(embedder, clips, timed, long):
                row, features = _measured(embedder, work, rates[precision][1], held)
                reference = references.setdefault((work.embedding, work.levels), features)
                similarity = F.cosine_similarity(features.double(), reference.double())
                row["off_fp32"] = (1 - similarity).clamp(min=0).max().item()
                peer_s = peer_seconds.get(PEER_NAMES.get((work.embedding, work.levels), ""))
                row["times_peer"] = peer_s and peer_s / row["seconds"]
                rows.append(row)
                advance(1)
    ratios = _all_over_one(rows)
    products = ", ".join(
        f"{name} {fastest / 1e9:.0f} (torch's linear layers {linear / 1e9:.0f})"
        for name, (linear, fastest) in rates.items()
    )
    return Record(
        f"{clips} clips of {SCENE_S} s; timestamps of {_clips(timed)}, windows of {WINDOW_MS} ms every {HOP_MS} ms; "
        f"untrained weights{', torch.compile' if compiled else ''}",
        rows,
        COLUMNS,
        facts={
            "hear21passt_seconds": peer_seconds or None,
            "linear_gflops": {name: linear / 1e9 for name, (linear, _) in rates.items()},
            "product_gflops": {name: fastest / 1e9 for name, (_, fastest) in rates.items()},
            "all_over_one": ratios,
        },
        lines=(
            f"Machine's product rate, GFLOP/s: {products}",
            f"All levels over one: {', '.join(f'{name} {ratio:.2f}' for name, ratio in ratios.items())}",
        ),
        device=device,
    )


def _clips(timed: tuple[int, int]) -> str:
    count, seconds = timed
    return f"{'one clip' if count == 1 else f'{count} clips'} of {seconds} s"


def _works(embedder: PasstEmbedder, clips: int, timed: tuple[int, int], long: bool) -> list[Work]:
    stream = torch.Generator().manual_seed(0)
    scenes = list(torch.randn(clips, SCENE_S * SAMPLE_RATE, generator=stream) * 0.1)
    count, seconds = timed
    timed_clips = list(torch.randn(count, seconds * SAMPLE_RATE, generator=stream) * 0.1)
    all_levels = tuple(level for level in embedder.checkpoint.levels if level != "mel")
    scene_operations = 2 * clips * macs(embedder.checkpoint, float(SCENE_S))
    steps = count * (seconds * 1000 // HOP_MS + 1)
    step_operations = 2 * steps * macs(embedder.checkpoint, WINDOW_MS / 1000)

    def timestamps(sounds: list[Tensor], taps: list[Tap]) -> Mapping[Tap, Tensor]:
        return embedder.timestamps(sounds, taps, HOP_MS)[0][0]

    works = []
    for name, levels in (("base", BASE), ("one", ("features",)), ("all", all_levels)):
        run_scenes = functools.partial(embedder.scene, scenes, [(level, None) for level in levels])
        run_timestamps = functools.partial(timestamps, timed_clips, [(level, WINDOW_MS) for level in levels])
        counts = (None, None) if name == "all" else (scene_operations, step_operations)
        works.append(Work("scenes", name, clips, clips * SCENE_S, run_scenes, counts[0]))
        works.append(Work("timestamps", name, count, count * seconds, run_timestamps, counts[1]))
    if long:
        sound = torch.randn(LONG_S * SAMPLE_RATE, generator=stream) * 0.1
        taps: list[Tap] = [(level, window) for window in (WINDOW_MS, LARGE_WINDOW_MS) for level in all_levels]
        name, run = f"all, {WINDOW_MS} and {LARGE_WINDOW_MS} ms", functools.partial(timestamps, [sound], taps)
        works.append(Work(f"timestamps of {LONG_S} s", name, 1, LONG_S, run, None, repeats=1))
    return works


def _measured(embedder: PasstEmbedder, work: Work, product_rate: float, held: int) -> tuple[dict[str, Any], Tensor]:
    """Return a row, and the embeddings (rows, dim) of the level features."""
    results: list[Mapping[Tap, Tensor]] = []

    def run() -> None:
        results[:] = [work.run()]

    reset_peak(embedder.device)
    seconds = best(run, work.repeats, work.repeats > 1, str(embedder.device))
    memory = peak(embedder.device) - held
    rate = work.operations / seconds if work.operations else None
    row = {
        "precision": embedder.precision,
        "embedding": work.embedding,
        "levels": work.levels,
        "seconds": seconds,
        "clips_per_s": work.clips / seconds,
        "times_real_time": work.seconds / seconds,
        "gflops": rate and rate / 1e9,
        "share": rate and rate / product_rate,
        "peak_mb": memory / 1e6,
    }
    (values,) = results
    return row, next(value for (level, _), value in values.items() if level == "features")


def _all_over_one(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Return "precision embedding" -> the seconds of all levels over those of one."""
    seconds = {(row["precision"], row["embedding"], row["levels"]): row["seconds"] for row in rows}
    pairs = [(precision, embedding) for precision, embedding, levels in seconds if levels == "all"]
    return {f"{p} {e}": seconds[p, e, "all"] / seconds[p, e, "one"] for p, e in pairs}


def _peer_seconds(python: str, device: str, clips: int, timed: tuple[int, int]) -> dict[str, float]:
    request = {"device": device, "clips": clips, "timestamp_clips": timed[0], "repeats": REPEATS}
    samples = {"scene_samples": SCENE_S * SAMPLE_RATE, "timestamp_samples": timed[1] * SAMPLE_RATE}
    seconds: dict[str, float] = peers.ask("passt_peer.py", python, "hear21passt", **request, **samples)
    return seconds


main = command_line(
    measure,
    "ablate benchmark embed",
    DEVICE,
    click.option("--peer", type=click.Path(), metavar="PYTHON", help="An interpreter with hear21passt, timed first."),
    click.option("--long", is_flag=True, help="Also every level of 120 s at two windows, for its memory (minutes)."),
)
