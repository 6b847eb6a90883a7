"""The host's time of extractions: what the store and the batches cost beside a device that takes next to no time.

    python -m tests.campaigns.extraction_host --beside BEFORE --out results/benchmarks/extraction_host.json

An older checkout is measured by this file, too:

    PYTHONPATH=CHECKOUT python -P tests/campaigns/extraction_host.py --label before --out BEFORE

The embedder is made up: it hands out rows that it has already. The levels are those of a study of PaSST's levels.
"""

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import click
import torch
from torch import Tensor

from ablations.benchmarks.record import Record, command_line
from downstream.embedder import Tap
from downstream.extract import extract
from downstream.progress import Track, silent
from downstream.store.extraction import Extraction
from downstream.store.store import TapFolder

TAPS: tuple[Tap, ...] = tuple((f"block{number}", None) for number in range(1, 29))
DIM = 768
RATE = 32000  # Hz
TRIALS = 3
DEVICE_S = 0.015 / 240  # for a second of sound; 15 ms for a batch of 48 clips of 5 s
COLUMNS = {
    "label": "of the code",
    "what": "28 taps of 768 numbers",
    "device": "made up: it takes no time, or 15 ms for 240 s of sound",
    "calls": "of the embedder",
    "seconds": "of all extractions, the best trial counts",
    "device_s": "of them, in which the device computes",
    "ms_a_call": "of the thread that writes, for each call of the embedder",
    "fsyncs": "files that were flushed to the disk",
    "fsync_ms": "the mean; several may be flushed at once",
}


@dataclass(frozen=True)
class Size:
    """The extractions of a study.

    Attributes:
        splits: one extraction each.
        clips: of a split.
        seconds: of a clip.
        hop_ms: of timestamps; None for scenes.
    """

    splits: int
    clips: int
    seconds: float
    hop_ms: int | None = None


SIZES = {
    "scenes of ESC-50: 5 splits of 400 clips of 5 s": Size(5, 400, 5.0),
    "timestamps each 50 ms: 8 clips of 60 s": Size(1, 8, 60.0, 50),
}


class Quick:
    """An embedder without a network, on a device that may be asked for batches of 2000 s.

    Args:
        device_s: what its device takes for a second of sound, in s.
    """

    name, sample_rate, fingerprint, calls_at_once = "quick", RATE, "0" * 16, 2
    dims = {level: DIM for level, _ in TAPS}  # noqa: RUF012

    def __init__(self, device_s: float) -> None:
        self.device_s, self.calls, self.busy_s = device_s, 0, 0.0
        self._rows = torch.zeros(0, DIM)
        self._device = threading.Lock()

    def seconds_at_once(self, taps: Sequence[Tap], hop_ms: int | None) -> float | None:
        """As `WindowedEmbedder` has it on CUDA, for one window."""
        return 2000.0 if self.device_s else None

    def scene(self, clips: Sequence[Tensor], taps: Sequence[Tap]) -> dict[Tap, Tensor]:
        self._compute(clips)
        return dict.fromkeys(taps, self._made(len(clips)))

    def timestamps(
        self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int
    ) -> list[tuple[dict[Tap, Tensor], Tensor]]:
        self._compute(clips)
        steps = [len(clip) // (RATE * hop_ms // 1000) + 1 for clip in clips]
        return [(dict.fromkeys(taps, self._made(count)), torch.arange(float(count)) * hop_ms) for count in steps]

    def _compute(self, clips: Sequence[Tensor]) -> None:
        seconds = self.device_s * sum(map(len, clips)) / RATE
        with self._device:
            time.sleep(seconds)
            self.calls, self.busy_s = self.calls + 1, self.busy_s + seconds

    def _made(self, rows: int) -> Tensor:
        if len(self._rows) < rows:
            self._rows = torch.randn(rows, DIM)
        return self._rows[:rows]


class Timer:
    """Calls of functions, and the seconds that they took, over all threads."""

    def __init__(self) -> None:
        self.calls, self.seconds, self._lock = 0, 0.0, threading.Lock()

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*arguments: Any, **options: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*arguments, **options)
            finally:
                with self._lock:
                    self.calls, self.seconds = self.calls + 1, self.seconds + time.perf_counter() - start

        return timed


def measure(label: str = "after", beside: Path | None = None, *, track: Track = silent) -> Record:
    """Measure the host's time of extractions of 28 taps by a made-up embedder (a minute, 2 GB of disk).

    Args:
        label: of the code.
        beside: a file of an earlier record, whose rows come first.
        track: is told how far the work is.
    """
    rows = json.loads(beside.read_text())["rows"] if beside else []
    with track("benchmark", 2 * len(SIZES)) as advance:
        for what, size in SIZES.items():
            for device, device_s in (("takes no time", 0.0), ("15 ms a batch", DEVICE_S)):
                best = min((_timed(size, device_s) for _ in range(TRIALS)), key=lambda row: row["seconds"])
                rows.append({"label": label, "what": what, "device": device, **best})
                advance(1)
    return Record("extraction of 28 taps by a made-up embedder", rows, COLUMNS)


def _timed(size: Size, device_s: float) -> dict[str, Any]:
    """One trial of the extractions of a size, in an empty store."""
    embedder = Quick(device_s)
    files = [f"{number}.wav" for number in range(size.clips)]
    clip = torch.zeros(1).expand(int(RATE * size.seconds))  # takes no memory
    with tempfile.TemporaryDirectory() as folder, _timers() as (writing, flushing):
        start = time.perf_counter()
        for split in range(size.splits):
            place = Path(folder) / "embedder" / "audio" / f"split{split}" / "kind"
            sound = {"seconds": lambda _: size.seconds, "load": lambda _: clip, "log_changes": lambda: None}
            audio: Any = SimpleNamespace(files=files, folder=place / "task" / "rate" / "s", origin="task/s", **sound)
            extract(embedder, audio, TAPS, size.hop_ms, TapFolder(place))
        seconds = time.perf_counter() - start
    return {
        "calls": embedder.calls,
        "seconds": seconds,
        "device_s": embedder.busy_s,
        "ms_a_call": 1000 * writing.seconds / embedder.calls,
        "fsyncs": flushing.calls,
        "fsync_ms": 1000 * flushing.seconds / flushing.calls,
    }


@contextmanager
def _timers() -> Iterator[tuple[Timer, Timer]]:
    """Timers of writing extractions, and of flushing files to the disk."""
    writing, flushing = Timer(), Timer()
    with (
        mock.patch.object(Extraction, "append", writing.around(Extraction.append)),
        mock.patch.object(Extraction, "finish", writing.around(Extraction.finish)),
        mock.patch.object(os, "fsync", flushing.around(os.fsync)),
    ):
        yield writing, flushing


main = command_line(
    measure,
    "python -m tests.campaigns.extraction_host",
    click.option("--label", default="after", show_default=True, help="Of the code."),
    click.option("--beside", type=click.Path(path_type=Path), metavar="BEFORE", help="The file of an earlier record."),
)

if __name__ == "__main__":
    main()
