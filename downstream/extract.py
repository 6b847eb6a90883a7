"""Extraction: the clips of a split through an embedder into the store, read ahead in threads, resumed where killed."""

import functools
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing

import numpy as np
import torch
from torch import Tensor

from downstream.disk.memory import check_memory
from downstream.embedder import Embedder, Tap, distance_ms, widths
from downstream.progress import Track, silent
from downstream.store.extraction import Extraction
from downstream.store.store import TapFolder
from downstream.store.unfinished import tidy, unfinished
from downstream.tasks.audio import SplitAudio

BATCH_CLIPS = 64
BATCH_SECONDS = 240.0  # of sound in one batch, which bounds the memory of its clips
TIMESTAMP_BATCH_SECONDS = 60.0  # the same for timestamp embeddings, which take longer: what a kill can lose
BATCH_BYTES = 256e6  # of timestamp embeddings in one batch
STEP_BYTES = 8  # that a number of a timestamp embedding takes: it is float32, and put together once
READERS = 4
BATCHES_AHEAD = 2

logger = logging.getLogger(__name__)

Embedded = tuple[dict[Tap, np.ndarray], list[int], np.ndarray]
"""Per tap the rows of all clips one after the other, the rows of each clip, and the rows' timestamps in ms."""


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
    """Make sure that `folder` holds `taps` as they were written, computing what is missing or was changed.

    Args:
        hop_ms: distance of timestamps; None for scene embeddings.

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
            seconds = seconds_at_once(dims, distance_ms(embedder, hop_ms))
            batches = plan_batches(audio, known.files if known else None, seconds)
            about = {"embedder": embedder.name, "clips": f"{audio.folder.parent.parent.name}/{audio.folder.name}"}
            _run(Extraction.begin(folder, dims, batches, about), embedder, audio, hop_ms, track)


def plan_batches(
    audio: SplitAudio, order: Sequence[str] | None = None, seconds_at_once: float = BATCH_SECONDS
) -> list[list[str]]:
    """The files in batches bounded in number and in seconds.

    Args:
        order: of the files; None is longest first, so that equal lengths go together.
    """
    seconds = {file: audio.seconds(file) for file in audio.files}
    batches: list[list[str]] = []
    room = 0.0
    for file in order or sorted(audio.files, key=lambda f: (-seconds[f], f)):
        if not batches or room < seconds[file] or len(batches[-1]) == BATCH_CLIPS:
            batches.append([])
            room = seconds_at_once
        batches[-1].append(file)
        room -= seconds[file]
    return batches


def read_ahead(
    load: Callable[[str], Tensor], batches: Sequence[Sequence[str]]
) -> Iterator[tuple[Sequence[str], list[Tensor]]]:
    """Each batch with its clips, while threads already read the next ones."""
    with ThreadPoolExecutor(READERS) as pool:
        coming = iter(batches)
        queue = deque(
            (batch, [pool.submit(load, f) for f in batch]) for batch in itertools.islice(coming, BATCHES_AHEAD)
        )
        try:
            while queue:
                batch, clips = queue.popleft()
                for following in itertools.islice(coming, 1):
                    queue.append((following, [pool.submit(load, file) for file in following]))
                yield batch, [clip.result() for clip in clips]
        finally:
            pool.shutdown(cancel_futures=True)


def computed_ahead(
    embed: Callable[[list[Tensor]], Embedded], coming: Iterator[tuple[Sequence[str], list[Tensor]]], calls: int
) -> Iterator[tuple[Sequence[str], Embedded]]:
    """Each batch with its embeddings, in order, while threads already compute the next ones, `calls` at once."""
    with ThreadPoolExecutor(calls) as pool:
        queue: deque[tuple[Sequence[str], Future[Embedded]]] = deque()
        try:
            for files, clips in coming:
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
    with extraction:
        remaining = extraction.remaining()
        total = sum(map(len, extraction.batches))
        done = total - sum(map(len, remaining))
        if done:
            logger.info("%s: going on behind %d of %d clips", audio.folder, done, total)
        taps = list(extraction.dims)
        with track(f"{embedder.name} on {audio.folder.parent.parent.name}/{audio.folder.name}", total) as advance:
            advance(done)
            embed = functools.partial(_embed, embedder, taps=taps, hop_ms=hop_ms)
            calls = getattr(embedder, "calls_at_once", 1)
            # closed here where something fails: garbage collection would end their threads at any place, even in a lock
            with (
                closing(read_ahead(audio.load, remaining)) as clips,
                closing(computed_ahead(embed, clips, calls)) as batches,
            ):
                for files, (values, lengths, times) in batches:
                    try:
                        _check_finite(values, files, lengths, audio)
                    except NotFiniteError:
                        extraction.discard()
                        raise
                    extraction.append(values, lengths, times)
                    advance(len(files))
        extraction.finish()


def seconds_at_once(dims: Mapping[Tap, int], hop_ms: float | None) -> float:
    """How much sound may go into a batch, for its embeddings to be bounded too."""
    if hop_ms is None:
        return BATCH_SECONDS
    return min(TIMESTAMP_BATCH_SECONDS, BATCH_BYTES / (4 * sum(dims.values()) * 1000 / hop_ms))


def check_steps(embedder: Embedder, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int) -> None:
    """Raise ValueError where the timestamp embeddings of clips are more than the memory can hold."""
    steps = sum(map(len, clips)) / embedder.sample_rate * 1000 / distance_ms(embedder, hop_ms)
    width = sum(widths(embedder, taps, hop_ms).values())
    check_memory(f"{steps:.0f} timestamps of {width} numbers", int(STEP_BYTES * steps * width))


@torch.no_grad()
def _embed(embedder: Embedder, clips: list[Tensor], taps: list[Tap], hop_ms: int | None) -> Embedded:
    if hop_ms is None:
        values = {tap: rows.numpy() for tap, rows in embedder.scene(clips, taps).items()}
        return values, [1] * len(clips), np.zeros(0)
    check_steps(embedder, clips, taps, hop_ms)
    per_clip = embedder.timestamps(clips, taps, hop_ms)
    values = {tap: np.concatenate([found[tap].numpy() for found, _ in per_clip]) for tap in taps}
    return values, [len(times) for _, times in per_clip], np.concatenate([times.numpy() for _, times in per_clip])


def _check_finite(values: dict[Tap, np.ndarray], files: Sequence[str], lengths: list[int], audio: SplitAudio) -> None:
    owners = np.repeat(np.arange(len(files)), lengths)
    for (level, _), rows in values.items():
        bad = ~np.isfinite(rows).all(axis=1)
        if bad.any():
            raise NotFiniteError(f"{audio.folder / files[owners[bad.argmax()]]}: its embedding {level} is not finite")
