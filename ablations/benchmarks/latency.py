"""What a stream of sound would see of each model: how late an embedding is, and whether its computation keeps up.

A stream computes the embedding of each timestamp by itself, once the sound that decides it has arrived. Its latency is
the sound that it waits for (`ablations.models.lookahead`) and the computation of one timestamp alone.
"""

import math
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import click
import numpy as np
import torch

from ablations.benchmarks.models import sounds, untrained
from ablations.benchmarks.record import Record, command_line
from ablations.models import registry
from ablations.models.baselines.named import fields_of
from ablations.models.lookahead import lookahead_ms
from ablations.models.times import key_of
from ablations.system.device_memory import in_use, peak, reset_peak
from ablations.system.machine import best, choose_device
from ablations.terminal.options import DEVICE
from downstream.embedder import Embedder, Tap, released
from downstream.lookahead import looking_ahead
from downstream.progress import Track, silent
from passt import EmbeddingSpec
from passt.catalog.spec_text import parse_fields

NAMES = ("passt_demo", "cnn_demo", "mn04_as", "crepe_tiny", "crepe_full", "passt_s_swa_p16_128_ap476")
WINDOWS_MS = (160, 320, 640)
CLIP_S = 10
"""Of models that take whole clips alone."""
BATCH_S = {"cpu": 2, "cuda": 60}
"""Of sound whose timestamps are computed in batches."""
BATCH_REPEATS, WARM_UP = 2, 3
LEAST, MOST, ENOUGH_S = 20, 200, 1.0
"""Repeats of one timestamp: so many at least and at most, and between them until so many seconds are over."""
QUIET = 0.25
"""Processes that ran before, a core, which do not disturb."""
COLUMNS = {
    "model": "with random weights in place of published ones",
    "levels": "",
    "windows": "in ms, as in a spec; own where the model has none, or reads whole clips",
    "sound_ms": "of sound that goes into a computation: the longest window, or a clip",
    "lookahead_ms": "algorithmic latency: sound behind the timestamp that has to arrive; of a clip all of it",
    "every_ms": "time from one computation to the next: the timestamp hop; of whole clips their length",
    "threads": "of torch",
    "compute_ms": "of one timestamp alone, or of one clip, the median",
    "compute_p95_ms": f"the 95th percentile of {LEAST} to {MOST} repeats",
    "total_ms": "lookahead_ms and compute_ms",
    "stream_factor": "real-time factor of a stream: compute_ms over every_ms",
    "keeps_up": "whether compute_p95_ms is at most every_ms",
    "batch_factor": "real-time factor of batches: seconds for a second of sound, all of its timestamps at once",
    "peak_mb": "memory at its highest during one timestamp, beyond what the embedder holds",
}


@dataclass(frozen=True)
class Stream:
    """What a stream computes each time.

    Attributes:
        samples: of sound that goes into one computation.
        step_ms: the hop in ms that gives a clip of so many samples one timestamp; or that of a whole clip.
        every_ms: time between computations.
        lookahead_ms: NaN if it is not known.
    """

    samples: int
    step_ms: int
    every_ms: float
    lookahead_ms: float

    @classmethod
    def of(cls, spec: EmbeddingSpec, rate: int) -> "Stream":
        """Find what a stream computes for each timestamp of a spec.

        Args:
            spec: in canonical form.
            rate: of the sound in Hz.
        """
        hop_ms, wait = spec.timestamp_hop_ms, lookahead_ms(spec)
        if math.isfinite(wait):
            windows = [window for _, window in spec.timestamp_taps() if window is not None]
            longest_ms = max(windows, default=2 * wait)
            return cls(round(rate * longest_ms / 1000), math.ceil(longest_ms) + 1, hop_ms, wait)
        clip_ms = CLIP_S * 1000.0
        return cls(CLIP_S * rate, hop_ms, clip_ms, min(wait, clip_ms))


def measure(
    names: Sequence[str] = (),
    windows: Sequence[int] = (),
    device: str | None = None,
    *,
    track: Track = silent,
) -> Record:
    """Measure how late embeddings are in a stream of sound, and whether their computation keeps up.

    SPEC is a checkpoint or a spec. One that names no windows is measured at each of --window, and on whole clips if it
    can read those. Each computation is timed alone, by one thread of torch and by all. Weights are random in place of
    published ones.

    Args:
        names: checkpoints or specs; none are `NAMES`.
        windows: in ms; none are `WINDOWS_MS`.
        device: cpu or cuda; None is CUDA if there is one.

    Raises:
        ValueError: for an unknown model or spec, or a window that a model does not take.
    """
    load = os.getloadavg()[0]
    device = choose_device(device)
    groups = [_specs(name, tuple(windows)) for name in names or NAMES]
    threads = [1] if device.startswith("cuda") else sorted({1, torch.get_num_threads()})
    rows = []
    with track("benchmark", sum(map(len, groups)) * len(threads)) as advance:
        for specs in groups:
            with released(registry.build(specs[0], device=device)) as built:
                for spec in specs:
                    embedder = looking_ahead(built, spec.lookahead_ms)
                    for count in threads:
                        with _threads(count):
                            rows.append(_measured(embedder, spec, torch.device(device)))
                        advance(1)
    busy = load > QUIET * (os.cpu_count() or 1)
    warning = f"Other work ran when this began (load {load:.1f}): a quiet machine is faster."
    return Record(
        f"one timestamp of one stream at a time; batches of all timestamps of {BATCH_S[torch.device(device).type]} s",
        rows,
        COLUMNS,
        facts={"load_before": load, "busy": busy},
        lines=[warning] if busy else [],
        device=device,
    )


def _specs(name: str, windows: tuple[int, ...]) -> list[EmbeddingSpec]:
    """Make the specs of a name: as it stands if it names windows or its model has none, else one for each window."""
    spec = untrained(name)
    spec.refuse_beside()
    fields = parse_fields(name)
    card = registry.card(spec.checkpoint)
    named = {**fields_of(str(fields.pop("checkpoint"))), **fields}
    if "windows_ms" in named or card.min_window_ms is None:
        return [spec]
    low, high = card.min_window_ms, card.max_window_ms or math.inf
    chosen = windows or [window for window in WINDOWS_MS if low <= window <= high]
    specs = [card.resolve(replace(spec, windows_ms=(window,))) for window in chosen]
    return [*specs, *([card.resolve(replace(spec, windows_ms=()))] if card.whole_clips else [])]


def _measured(embedder: Embedder, spec: EmbeddingSpec, device: torch.device) -> dict[str, Any]:
    stream, taps = Stream.of(spec, embedder.sample_rate), spec.timestamp_taps()
    clip = 0.1 * torch.randn(stream.samples, generator=torch.Generator().manual_seed(0))
    held = in_use(device)
    reset_peak(device)
    seconds = repeated(lambda: embedder.timestamps([clip], taps, stream.step_ms))
    memory = peak(device) - held
    compute_ms = 1000 * statistics.median(seconds)
    late_ms = 1000 * float(np.percentile(seconds, 95))
    return {
        **dict(zip(("model", "levels", "windows"), key_of(spec), strict=True)),
        "sound_ms": 1000 * stream.samples / embedder.sample_rate,
        "lookahead_ms": stream.lookahead_ms,
        "every_ms": stream.every_ms,
        "threads": torch.get_num_threads(),
        "compute_ms": compute_ms,
        "compute_p95_ms": late_ms,
        "total_ms": stream.lookahead_ms + compute_ms,
        "stream_factor": compute_ms / stream.every_ms,
        "keeps_up": late_ms <= stream.every_ms,
        "batch_factor": _batch_factor(embedder, taps, spec.timestamp_hop_ms, device),
        "peak_mb": memory / 1e6,
    }


def repeated(run: Callable[[], Any]) -> list[float]:
    """Time a computation again and again after a warm-up, in s: `LEAST` to `MOST` times, or for `ENOUGH_S`."""
    for _ in range(WARM_UP):
        run()
    seconds: list[float] = []
    while len(seconds) < LEAST or (len(seconds) < MOST and sum(seconds) < ENOUGH_S):
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return seconds


def _batch_factor(embedder: Embedder, taps: Sequence[Tap], hop_ms: int, device: torch.device) -> float:
    """Time all timestamps of a clip together; in seconds of computing for a second of sound."""
    length = BATCH_S[device.type]
    clips = sounds(1, length, embedder.sample_rate)

    def run() -> None:
        embedder.timestamps(clips, taps, hop_ms)

    return best(run, BATCH_REPEATS, warm_up=False, device=str(device)) / length


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch compute with so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


main = command_line(
    measure,
    "ablate benchmark latency",
    click.argument("names", nargs=-1, metavar="[SPEC]..."),
    click.option(
        "--window",
        "windows",
        type=click.IntRange(1),
        multiple=True,
        metavar="MS",
        help=f"Of models that name none; can be repeated  [default: {', '.join(map(str, WINDOWS_MS))}]",
    ),
    DEVICE,
)
