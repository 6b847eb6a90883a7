"""Embeddings of any audio files by any spec: one .npz a file, complete or absent, skipped where it is there already.

What a .npz holds (`numpy.load`, no pickles):

- ``scene`` (dim,), and ``timestamp_embeddings`` (steps, dim) with ``timestamps`` (steps,) in ms, all float32;
- ``scene_levels``, ``timestamp_levels``: what was concatenated, as ``level@<window in ms>`` or ``level@own``, and
  ``scene_offsets``, ``timestamp_offsets``: level i is columns offsets[i] to offsets[i + 1];
- ``spec``, ``weights``, ``embedder`` (its fingerprint), ``precision``, ``sample_rate`` in Hz (of what the embedder
  heard), ``resampler``, ``source`` (the audio file), ``audio_sha256`` (of its bytes), ``seconds``, ``format``.
"""

import dataclasses
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from ablations import models
from ablations.run import choose_device
from ablations.sources import Source, find_sources
from downstream.audio import RESAMPLER
from downstream.embedder import Embedder, Tap
from downstream.extract import BATCH_BYTES, BATCH_SECONDS, TIMESTAMP_BATCH_SECONDS, plan_batches, read_ahead
from downstream.files import write_atomically
from downstream.progress import Track, silent
from passt import EmbeddingSpec
from passt.spec import parse_fields

FORMAT = 1  # of the .npz files
COLUMNS = ("file", "output", "seconds", "steps", "dim", "error")
EMBEDDINGS = ("scene", "timestamp_embeddings")

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
    track: Track = silent,
) -> pd.DataFrame:
    """Write the embeddings of audio files; a file that can't be read does not stop the others.

    Args:
        files: what libsndfile reads, at any rate and of any number of channels; folders are searched for audio.
        spec: a spec, its text or the name of one, of any family of models.
        weights: a weight file, for a spec that names no weights.
        out: a folder for <file name>.npz; or, for one file, a path that ends in .npz (`ablations.sources`).
        device: as torch names it; None is CUDA where there is one.

    Returns:
        A row a file: file, output, seconds, steps (0 without timestamps), dim (of timestamp embeddings, else of the
        scene embedding), error ("" for none).

    Raises:
        ValueError, FileNotFoundError: for a spec or weights that can't be had, or nothing to do.
    """
    sources = find_sources(files, Path(out))
    resolved, file = _resolved(spec, weights)
    scene_taps, timestamp_taps = _taps(resolved, scene, timestamps)
    device = choose_device(device)
    _prepare(sources)
    rows, lengths = {}, {}
    for source in sources:
        try:
            lengths[source] = source.seconds()
        except (ValueError, OSError) as error:
            rows[source] = _failed(source, error)
    if not lengths:  # nothing to load a model for
        return pd.DataFrame([rows[source] for source in sources], columns=COLUMNS)
    embedder = _build(resolved, device, file, precision, track)
    work = _Work(embedder, resolved, precision, scene_taps, timestamp_taps)
    for source in list(lengths):
        try:
            row = work.finished(source)
        except (ValueError, OSError) as error:
            row = _failed(source, error)
        if row is not None:
            rows[source] = row
            del lengths[source]
    logger.info("%d of %d files have their embeddings or can't have any", len(rows), len(sources))
    batches = plan_batches(SimpleNamespace(files=tuple(lengths), seconds=lengths.get), None, work.seconds_at_once)
    with track(embedder.name, len(sources)) as advance:
        advance(len(rows))
        for batch, loaded in read_ahead(work.load, batches):
            rows |= work.write(batch, loaded)
            advance(len(batch))
    return pd.DataFrame([rows[source] for source in sources], columns=COLUMNS)


@dataclass(frozen=True)
class _Work:
    """What is asked of every file: the taps to concatenate; none of a kind where it is not wanted."""

    embedder: Embedder
    spec: EmbeddingSpec
    precision: str
    scene_taps: tuple[Tap, ...]
    timestamp_taps: tuple[Tap, ...]

    @property
    def seconds_at_once(self) -> float:
        """How much sound may go into a batch, for its embeddings to be bounded too."""
        if not self.timestamp_taps:
            return BATCH_SECONDS
        step_bytes = 4 * sum(self.embedder.dims[level] for level, _ in self.timestamp_taps)
        return min(TIMESTAMP_BATCH_SECONDS, BATCH_BYTES / step_bytes * self.spec.timestamp_hop_ms / 1000)

    def identity(self) -> dict[str, Any]:
        """What decides the numbers, besides the sound."""
        return {
            "spec": str(self.spec),
            "weights": self.spec.weights,
            "embedder": self.embedder.fingerprint,
            "precision": self.precision,
            "sample_rate": self.embedder.sample_rate,
            "resampler": RESAMPLER,
            "format": FORMAT,
        }

    def layout(self) -> dict[str, Any]:
        """Which columns are which level."""
        found: dict[str, Any] = {}
        for kind, taps in (("scene", self.scene_taps), ("timestamp", self.timestamp_taps)):
            if taps:
                found[f"{kind}_levels"] = [f"{level}@{'own' if window is None else window}" for level, window in taps]
                found[f"{kind}_offsets"] = np.cumsum([0, *(self.embedder.dims[level] for level, _ in taps)])
        return found

    def finished(self, source: Source) -> dict[str, Any] | None:
        """The row of a file whose output is there already; None where it has to be computed.

        Raises:
            ValueError: the output is there and of something else, so that it must not be overwritten.
        """
        if not source.output.exists():
            return None
        known, shapes = _read_known(source.output)
        same_sound = known.get("audio_sha256") == source.digest()
        origin = None
        if not same_sound and known.get("source") != str(source.path.resolve()):
            origin = known.get("source", "something else")
        elif any(known.get(key) != self.identity()[key] for key in ("spec", "precision")):
            origin = f"{known.get('spec')} in {known.get('precision')}"
        if origin:
            raise ValueError(f"{source.path}: {source.output} is there, of {origin}; expected a place of its own (out)")
        same = same_sound and all(known.get(key) == value for key, value in self.identity().items())
        asked = [key for key, taps in zip(EMBEDDINGS, (self.scene_taps, self.timestamp_taps), strict=True) if taps]
        if not same or any(key not in shapes for key in asked):
            return None
        return _row(source, known["seconds"], [shapes[key] for key in asked])

    def load(self, source: Source) -> tuple[Tensor, float, str] | ValueError | OSError:
        """The clip at the embedder's rate, its length in seconds and its hash; or why there is none."""
        try:
            return *source.load(self.embedder.sample_rate), source.digest()
        except (ValueError, OSError) as error:
            return error

    def write(self, sources: Sequence[Source], loaded: Sequence[Any]) -> dict[Source, dict[str, Any]]:
        """Embed and write a batch of what `load` gave; a row for each of its files."""
        pairs = list(zip(sources, loaded, strict=True))
        rows = {source: _failed(source, read) for source, read in pairs if isinstance(read, Exception)}
        good = [(source, *read) for source, read in pairs if source not in rows]
        for (source, _, seconds, digest), found in zip(good, self.embed_all([c for _, c, *_ in good]), strict=True):
            if isinstance(found, Exception):
                rows[source] = _failed(source, ValueError(f"{source.path}: {type(found).__name__}: {found}"))
                continue
            if not all(np.isfinite(value).all() for value in found.values()):
                rows[source] = _failed(source, ValueError(f"{source.path}: its embedding is not finite"))
                continue
            about = {"source": str(source.path.resolve()), "audio_sha256": digest, "seconds": seconds}
            content = {**self.kept(source, digest), **found, **self.layout(), **self.identity(), **about}
            write_atomically(source.output, lambda file, content=content: np.savez(file, **content))
            rows[source] = _row(source, seconds, [found[key].shape for key in EMBEDDINGS if key in found])
        return rows

    def kept(self, source: Source, digest: str) -> dict[str, np.ndarray]:
        """What an earlier run wrote of the same sound and spec; a kind that is asked for now replaces it."""
        try:
            with np.load(source.output, allow_pickle=False) as known:
                wanted = {**self.identity(), "audio_sha256": digest}
                same = all(key in known.files and known[key].item() == value for key, value in wanted.items())
                return {key: known[key] for key in known.files} if same else {}
        except (OSError, ValueError):
            return {}

    def embed_all(self, clips: Sequence[Tensor]) -> list[dict[str, np.ndarray] | Exception]:
        """`embed`, or where that fails each clip on its own, so that one does not take the others with it."""
        try:
            return list(self.embed(clips))
        except Exception as error:
            return [error] if len(clips) == 1 else [self.embed_all([clip])[0] for clip in clips]

    def embed(self, clips: Sequence[Tensor]) -> list[dict[str, np.ndarray]]:
        """Per clip the arrays asked for, concatenated in the spec's order."""
        found: list[dict[str, np.ndarray]] = [{} for _ in clips]
        if clips and self.scene_taps:
            values = self.embedder.scene(clips, self.scene_taps)
            for arrays, *parts in zip(found, *(values[tap] for tap in self.scene_taps), strict=True):
                arrays["scene"] = torch.cat(parts).numpy()
        if clips and self.timestamp_taps:
            per_clip = self.embedder.timestamps(clips, self.timestamp_taps, self.spec.timestamp_hop_ms)
            for arrays, (values, times) in zip(found, per_clip, strict=True):
                parts = [values[tap] for tap in self.timestamp_taps]
                arrays |= {"timestamp_embeddings": torch.cat(parts, dim=-1).numpy(), "timestamps": times.numpy()}
        return found


def _resolved(spec: str | EmbeddingSpec, weights: str | Path | None) -> tuple[EmbeddingSpec, Path | None]:
    """The canonical spec with its weights, and the file that gives them."""
    fields = parse_fields(str(spec)) if isinstance(spec, str) else dataclasses.asdict(spec)
    if weights is None:
        return models.resolve(fields), None
    if isinstance(spec, str) and "weights" in fields:
        raise ValueError(f"weights are given twice: {fields['weights']!r} in the spec, and the file {weights}")
    fields["weights"], file = models.resolve_weights(str(Path(weights).expanduser().resolve()), Path())
    return models.resolve(fields), file


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


def _build(spec: EmbeddingSpec, device: str, weights: Path | None, precision: str, track: Track) -> Embedder:
    if precision != "fp32" and models.card(spec.checkpoint).family != "passt":
        raise ValueError(f"{spec.checkpoint}: precision must be fp32, got {precision!r}")
    return models.build(spec, device=device, weights=weights, precision=precision, track=track)


def _read_known(path: Path) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """What a .npz says of itself, and the shapes of its embeddings; nothing where it is none of these files."""
    try:
        with np.load(path, allow_pickle=False) as found:
            known = {key: found[key].item() for key in found.files if found[key].ndim == 0}
            return known, {key: found[key].shape for key in EMBEDDINGS if key in found.files}
    except Exception:  # whatever else the file may be, it is not ours
        return {}, {}


def _row(source: Source, seconds: float, shapes: Sequence[tuple[int, ...]]) -> dict[str, Any]:
    steps = shapes[-1][0] if len(shapes[-1]) == 2 else 0
    return dict(zip(COLUMNS, (str(source.path), str(source.output), seconds, steps, shapes[-1][-1], ""), strict=True))


def _failed(source: Source, error: Exception) -> dict[str, Any]:
    reason = " ".join(str(error).split())
    return dict(zip(COLUMNS, (str(source.path), str(source.output), float("nan"), 0, 0, reason), strict=True))
