"""Extract the embeddings of a split into the store.

Clips are read ahead, and an extraction continues after a kill.
"""

import functools
import itertools
import logging
import os
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from downstream.disk.memory import check_memory
from downstream.embedder import Embedder, Tap, distance_ms, keeps_tokens, optional, widths
from downstream.progress import Track, silent
from downstream.store.extraction import Extraction
from downstream.store.number_format import format_of
from downstream.store.store import TapFolder
from downstream.store.unfinished import tidy, unfinished
from downstream.tasks.audio import SplitAudio

BATCH_CLIPS = 64
BATCH_SECONDS = 240.0  # of sound in one batch, which bounds the memory of its clips
TIMESTAMP_BATCH_SECONDS = 60.0  # for timestamp embeddings, which take longer: a kill loses the batches under way
BATCH_BYTES = 256e6  # of the clips of one batch, and of its timestamp embeddings
DEVICE_BATCH_CLIPS = 2048  # in a batch as long as the device asks for; each clip costs some time of Python
SAMPLE_BYTES = 4
STEP_BYTES = 8  # memory of a number of a timestamp embedding: float32, and its copy in the batch
FEWEST_READERS, MOST_READERS = 4, 16  # threads, which decode and resample, and wait for the disk
BATCHES_AHEAD = 2  # that are read ahead; with those under way 1.5 GB of clips at most, unless single clips are longer

logger = logging.getLogger(__name__)

Files = Sequence[str]
ReadBatch = tuple[Files, list[Tensor]]
"""The files of a batch, and their clips, each (samples,)."""


class Embedded(NamedTuple):
    """The embeddings of a batch.

    Attributes:
        values: tap -> (rows, dim) of all clips, one clip after the other.
        lengths: the number of rows of each clip.
        timestamps: (rows,) in ms, or () for scenes.
    """

    values: dict[Tap, np.ndarray]
    lengths: list[int]
    timestamps: np.ndarray


class NotFiniteError(ValueError):
    """A tap that holds NaN or infinite values."""


def extract(
    embedder: Embedder,
    audio: SplitAudio,
    taps: Sequence[Tap],
    hop_ms: int | None,
    folder: TapFolder,
    track: Track = silent,
) -> None:
    """Make sure that a folder holds taps, computing those that are absent or were changed.

    Args:
        hop_ms: the step of timestamps in ms; None for scene embeddings.

    Raises:
        ValueError: names a clip that can't be read.
        NotFiniteError: names a clip and the tap that is not finite there.
    """
    if not folder.missing(taps, full=True):
        tidy(folder)
        return
    with folder.locked():
        for begun in unfinished(folder):
            if set(begun.dims) & set(folder.missing(taps, full=True)):
                _run(begun, embedder, audio, hop_ms, track)
        if missing := folder.missing(taps, full=True):
            known = folder.known_index()
            dims = widths(embedder, missing, hop_ms)
            bounds = seconds_at_once(embedder, dims, hop_ms), clips_at_once(embedder, dims, hop_ms)
            batches = plan_batches(audio, known.files if known else None, *bounds)
            formats = {tap: format_of(embedder, tap) for tap in missing}
            origin = {"embedder": embedder.name, "clips": audio.origin}
            _run(Extraction.begin(folder, dims, batches, origin, formats), embedder, audio, hop_ms, track)


def plan_batches(
    audio: SplitAudio,
    order: Files | None = None,
    seconds_at_once: float = BATCH_SECONDS,
    clips_at_once: int = DEVICE_BATCH_CLIPS,
) -> list[list[str]]:
    """Divide files into batches within a length of sound and a number of files.

    There are at most `BATCH_CLIPS` files in a batch; `DEVICE_BATCH_CLIPS` if a device asks for more sound than usual.

    Args:
        order: of the files; None is longest first, so that clips of equal length share a batch.
        seconds_at_once: of sound in one batch, unless a single clip is longer.
        clips_at_once: files in a batch, if the memory allows fewer than usual.
    """
    most = min(clips_at_once, BATCH_CLIPS if seconds_at_once <= BATCH_SECONDS else DEVICE_BATCH_CLIPS)
    seconds = {file: audio.seconds(file) for file in audio.files}
    batches: list[list[str]] = []
    left = 0.0
    for file in order or sorted(audio.files, key=lambda f: (-seconds[f], f)):
        if not batches or left < seconds[file] or len(batches[-1]) == most:
            batches.append([])
            left = seconds_at_once
        batches[-1].append(file)
        left -= seconds[file]
    return batches


def read_ahead(load: Callable[[str], Tensor], batches: Iterable[Files]) -> Generator[ReadBatch, None, None]:
    """Yield each batch with its clips, while threads read the next ones."""
    with ThreadPoolExecutor(_readers()) as pool:
        coming = iter(batches)
        first = itertools.islice(coming, BATCHES_AHEAD)
        queue = deque((batch, [pool.submit(load, file) for file in batch]) for batch in first)
        try:
            while queue:
                batch, clips = queue.popleft()
                for following in itertools.islice(coming, 1):
                    queue.append((following, [pool.submit(load, file) for file in following]))
                yield batch, [clip.result() for clip in clips]
        finally:
            pool.shutdown(cancel_futures=True)


def _readers() -> int:
    """One for each core that this process may use, within bounds."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(max(cores, FEWEST_READERS), MOST_READERS)


def computed_ahead(
    embed: Callable[[list[Tensor]], Embedded], batches: Iterable[ReadBatch], calls: int
) -> Generator[tuple[Files, Embedded], None, None]:
    """Yield each batch with its embeddings, in order, while threads compute the next ones.

    Args:
        calls: of `embed`, how many may be in progress.
    """
    with ThreadPoolExecutor(calls) as pool:
        queue: deque[tuple[Files, Future[Embedded]]] = deque()
        try:
            for files, clips in batches:
                queue.append((files, pool.submit(embed, clips)))
                if len(queue) > calls:
                    batch, embedded = queue.popleft()
                    yield batch, embedded.result()
            while queue:
                batch, embedded = queue.popleft()
                yield batch, embedded.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _run(extraction: Extraction, embedder: Embedder, audio: SplitAudio, hop_ms: int | None, track: Track) -> None:
    """Compute the remaining batches of an extraction, and finish it."""
    remaining = extraction.remaining()
    total = sum(map(len, extraction.batches))
    done = total - sum(map(len, remaining))
    if done:
        logger.info("%s: continuing after %d of %d clips", audio.folder, done, total)
    with track(f"{embedder.name} on {audio.origin}", total) as advance:
        advance(done)
        embed = functools.partial(_embed, embedder, taps=list(extraction.dims), hop_ms=hop_ms)
        # closed here after an error: garbage collection could end their threads anywhere, even inside a lock;
        # the extraction first, for calls that are under way may take longer than a signal leaves
        with (
            closing(read_ahead(audio.load, remaining)) as clips,
            closing(computed_ahead(embed, clips, optional(embedder).calls_at_once)) as batches,
            extraction,
        ):
            for files, embedded in batches:
                try:
                    _check_finite(embedded, files, audio)
                except NotFiniteError:
                    extraction.discard()
                    raise
                extraction.append(*embedded)
                advance(len(files))
            extraction.finish()
    audio.log_changes()


def seconds_at_once(embedder: Embedder, dims: Mapping[Tap, int], hop_ms: int | None) -> float:
    """How many seconds of sound may share a batch, so that clips and embeddings fit the memory.

    Args:
        dims: tap -> width.
        hop_ms: the step of timestamps in ms; None for scene embeddings.
    """
    asked = optional(embedder).seconds_at_once(list(dims), hop_ms)
    step_ms = distance_ms(embedder, hop_ms)
    usual = BATCH_SECONDS if step_ms is None else TIMESTAMP_BATCH_SECONDS
    seconds = usual if asked is None else min(asked, BATCH_BYTES / (SAMPLE_BYTES * embedder.sample_rate))
    return seconds if step_ms is None else min(seconds, BATCH_BYTES / (4 * sum(dims.values()) * 1000 / step_ms))


def clips_at_once(embedder: Embedder, dims: Mapping[Tap, int], hop_ms: int | None) -> int:
    """How many clips may share a batch, so that their tokens fit the memory; other levels need no such bound.

    Args:
        dims: tap -> width.
        hop_ms: the step of timestamps in ms, whose memory seconds bound; None for scene embeddings.
    """
    tokens = sum(dim for tap, dim in dims.items() if hop_ms is None and keeps_tokens(embedder, tap))
    return max(1, int(BATCH_BYTES / (4 * tokens))) if tokens else DEVICE_BATCH_CLIPS


def check_steps(embedder: Embedder, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int) -> None:
    """Raise ValueError if the timestamp embeddings of clips would not fit the memory."""
    steps = sum(map(len, clips)) / embedder.sample_rate * 1000 / distance_ms(embedder, hop_ms)
    width = sum(widths(embedder, taps, hop_ms).values())
    check_memory(f"{steps:.0f} timestamps of {width} numbers", int(STEP_BYTES * steps * width))


@torch.no_grad()
def _embed(embedder: Embedder, clips: list[Tensor], taps: list[Tap], hop_ms: int | None) -> Embedded:
    if hop_ms is None:
        scenes = {tap: rows.numpy() for tap, rows in embedder.scene(clips, taps).items()}
        return Embedded(scenes, [1] * len(clips), np.zeros(0))
    check_steps(embedder, clips, taps, hop_ms)
    per_clip = embedder.timestamps(clips, taps, hop_ms)
    values = {tap: np.concatenate([steps[tap].numpy() for steps, _ in per_clip]) for tap in taps}
    times = [times.numpy() for _, times in per_clip]
    return Embedded(values, list(map(len, times)), np.concatenate(times))


def _check_finite(embedded: Embedded, files: Files, audio: SplitAudio) -> None:
    owners = np.repeat(np.arange(len(files)), embedded.lengths)
    for (level, _), rows in embedded.values.items():
        bad = ~np.isfinite(rows).all(axis=1)
        if bad.any():
            raise NotFiniteError(f"{audio.folder / files[owners[bad.argmax()]]}: its embedding {level} is not finite")
