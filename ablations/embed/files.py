"""Embeddings of any audio files by any spec: one .npz a file, complete or absent, skipped where it is there already."""

import logging
import os
from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd

from ablations.embed.outputs import COLUMNS, Work, failed
from ablations.embed.sources import Source, find_sources
from ablations.models import registry
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
    device: str | None = None,
    precision: str = "fp32",
    python: str | Path | None = None,
    track: Track = silent,
) -> pd.DataFrame:
    """Write the embeddings of audio files; a file that can't be read does not stop the others.

    Args:
        files: what libsndfile reads, at any rate and of any number of channels; folders are searched for audio.
        spec: a spec, its text or the name of one, of any family of models.
        weights: a weight file, for a spec that names no weights.
        out: a folder for <file name>.npz; or, for one file, a path that ends in .npz (`ablations.embed.sources`).
        device: as torch names it; None is CUDA where there is one.
        python: the interpreter that has a HEAR module, in place of this one.

    Returns:
        A row a file: file, output, seconds, steps (0 without timestamps), dim (of timestamp embeddings, else of the
        scene embedding), error ("" for none).

    Raises:
        ValueError, FileNotFoundError: for a spec or weights that can't be had, or nothing to do.
    """
    sources = find_sources(files, Path(out))
    resolved, file = registry.resolve_with_file(spec, weights)
    scene_taps, timestamp_taps = _taps(resolved, scene, timestamps)
    device = choose_device(device)
    _prepare(sources)
    rows, lengths = {}, {}
    for source in sources:
        try:
            lengths[source] = source.seconds()
        except (ValueError, OSError) as error:
            rows[source] = failed(source, error)
    if not lengths:  # nothing to load a model for
        return pd.DataFrame([rows[source] for source in sources], columns=COLUMNS)
    with released(registry.build_alone(resolved, device, file, precision, track, python)) as embedder:
        _work_off(Work(embedder, resolved, precision, scene_taps, timestamp_taps), lengths, rows, track)
    return pd.DataFrame([rows[source] for source in sources], columns=COLUMNS)


def _work_off(work: Work, lengths: dict[Source, float], rows: dict[Source, dict[str, Any]], track: Track) -> None:
    """Embed the sources of `lengths` (in seconds) whose outputs are not there; a row for each goes to `rows`."""
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
    batches = plan_batches(SimpleNamespace(files=tuple(lengths), seconds=lengths.get), None, work.seconds_at_once)
    with track(work.embedder.name, total) as advance, closing(read_ahead(work.load, batches)) as coming:
        advance(len(rows))
        for batch, loaded in coming:
            rows |= work.write(batch, loaded)
            advance(len(batch))


def _taps(spec: EmbeddingSpec, scene: bool, timestamps: bool) -> tuple[tuple[Tap, ...], tuple[Tap, ...]]:
    if not (scene or timestamps):
        raise ValueError("nothing to do: expected scene, timestamps or both")
    found = tuple(spec.scene_taps()) if scene else (), tuple(spec.timestamp_taps()) if timestamps else ()
    if scene and not found[0]:
        if not timestamps:
            raise ValueError(f"{spec}: has no scene embedding, its only level is mel")
        logger.warning("%s: has no scene embedding, its only level is mel; timestamp embeddings only", spec)
    return found


def _prepare(sources: Sequence[Source]) -> None:
    """Make the folders of the outputs; what can't be is known before anything is computed."""
    for folder in dict.fromkeys(source.output.parent for source in sources):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ValueError(f"out: no folder can be made at {folder}: {error.strerror}") from None
        if not os.access(folder, os.W_OK):
            raise ValueError(f"out: the folder {folder} is read-only")
