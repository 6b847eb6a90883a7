"""Embeddings of any audio files by any spec: one .npz a file, which is complete or absent, and is not made twice."""

import logging
import os
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from ablations.embedding.outputs import COLUMNS, OutputRow, Work, failed
from ablations.embedding.sources import Source, find_sources
from ablations.models import registry
from ablations.system.compute import DEFAULT, Machine
from ablations.system.machine import choose_device
from downstream.embedder import Tap, released
from downstream.extract import plan_batches, read_ahead
from downstream.progress import Track, silent
from passt import EmbeddingSpec

logger = logging.getLogger(__name__)


def embed_files(
    files: Iterable[str | Path],
    spec: str | EmbeddingSpec = "base",
    *,
    weights: str | Path | None = None,
    out: str | Path = "embeddings",
    scene: bool = True,
    timestamps: bool = True,
    machine: Machine = DEFAULT,
    python: str | Path | None = None,
    track: Track = silent,
) -> pd.DataFrame:
    """Write the embeddings of audio files; a file that can't be read does not stop the others.

    Args:
        files: what libsndfile reads, at any rate and of any number of channels; folders are searched for audio.
        spec: a spec, its text or the name of one, of any family of models.
        weights: a weight file, for a spec that names no weights.
        out: a folder for <file name>.npz; or, for one file, a path that ends in .npz (`ablations.embedding.sources`).
        scene: whether to write scene embeddings.
        timestamps: whether to write timestamp embeddings.
        machine: the device and the precision.
        python: the interpreter that has a HEAR module, in place of this one.
        track: is told how far the work is.

    Returns:
        A row a file, with the columns of `ablations.embedding.outputs.OutputRow`.

    Raises:
        ValueError, FileNotFoundError: an unknown spec, weights that are not here, or nothing to do.
    """
    sources = find_sources(files, Path(out))
    resolved, file = registry.resolve_with_file(spec, weights)
    resolved.refuse_pooling()
    resolved.refuse_beside()
    scene_taps, timestamp_taps = _taps(resolved, scene, timestamps)
    device, precision = choose_device(machine.device), machine.precision or "fp32"
    _prepare(sources)
    rows: dict[Source, OutputRow] = {}
    lengths: dict[Source, float] = {}
    for source in sources:
        try:
            lengths[source] = source.seconds()
        except (ValueError, OSError) as error:
            rows[source] = failed(source, error)
    if lengths:  # else there is nothing to load a model for
        with released(registry.build_alone(resolved, device, file, precision, track, python)) as embedder:
            _work_off(Work(embedder, resolved, precision, scene_taps, timestamp_taps), lengths, rows, track)
    return pd.DataFrame([asdict(rows[source]) for source in sources], columns=list(COLUMNS))


def _work_off(work: Work, lengths: dict[Source, float], rows: dict[Source, OutputRow], track: Track) -> None:
    """Embed the sources that have no output yet.

    Args:
        work: what to embed.
        lengths: of the sources, in seconds.
        rows: takes a row for each source.
        track: is told how far the work is.
    """
    total = len(lengths) + len(rows)
    for source in list(lengths):
        try:
            row = work.finished(source)
        except (ValueError, OSError) as error:
            row = failed(source, error)
        if row is not None:
            rows[source] = row
            del lengths[source]
    if rows:
        logger.info("%d of %d files are done, or can't be embedded", len(rows), total)
    with track(work.embedder.name, total) as advance, closing(read_batches(work, lengths)) as coming:
        advance(len(rows))
        for batch, loaded in coming:
            rows |= work.write(batch, loaded)
            advance(len(batch))


def read_batches(
    work: Work, lengths: Mapping[Source, float]
) -> Generator[tuple[Sequence[Source], list[Any]], None, None]:
    """Yield sources in batches that fit the memory, with what `Work.load` gives of each.

    Args:
        lengths: of the sources, in seconds.
    """
    files = SimpleNamespace(files=tuple(lengths), seconds=lengths.get)
    return read_ahead(work.load, plan_batches(files, None, work.seconds_at_once, work.clips_at_once))


def _taps(spec: EmbeddingSpec, scene: bool, timestamps: bool) -> tuple[tuple[Tap, ...], tuple[Tap, ...]]:
    """The taps of scene embeddings and of timestamp embeddings; empty for a kind that is not written."""
    if not (scene or timestamps):
        raise ValueError("nothing to do: expected scene, timestamps or both")
    scene_taps = tuple(spec.scene_taps()) if scene else ()
    timestamp_taps = tuple(spec.timestamp_taps()) if timestamps else ()
    if scene and not scene_taps:
        if not timestamps:
            raise ValueError(f"{spec}: has no scene embedding, its only level is mel")
        logger.warning("%s: has no scene embedding, its only level is mel; timestamp embeddings only", spec)
    return scene_taps, timestamp_taps


def _prepare(sources: Sequence[Source]) -> None:
    """Make the folders of the outputs; one that can't be written is an error before anything is computed."""
    for folder in dict.fromkeys(source.output.parent for source in sources):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"out: no folder can be made at {folder}: {error.strerror}") from None
        if not os.access(folder, os.W_OK):
            raise ValueError(f"out: the folder {folder} is read-only")
