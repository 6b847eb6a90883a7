"""The outputs of `ablations.embedding.files`: what a .npz holds, and when it may be written over.

A .npz (`numpy.load`, no pickles) holds:

- ``scene`` (dim,), and ``timestamp_embeddings`` (steps, dim) with ``timestamps`` (steps,) in ms, all float32;
- ``scene_levels``, ``timestamp_levels``: the concatenated taps, as ``level@<window in ms>`` or ``level@own``, and
  ``scene_offsets``, ``timestamp_offsets``: level i is columns offsets[i] to offsets[i + 1];
- ``labels``: what each of the level ``logits`` stands for, if a weight file of the user's own names it;
- ``spec``, ``weights``, ``embedder`` (its fingerprint), ``precision``, ``sample_rate`` in Hz (of the embedder),
  ``resampler``, ``source`` (the audio file), ``audio_sha256`` (of its bytes), ``seconds``, ``format``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ablations.embedding.sources import Source
from ablations.system.errors import one_line
from downstream.disk.arrays import load_arrays
from downstream.disk.files import absolute, write_atomically
from downstream.embedder import Embedder, Tap, optional, widths
from downstream.extract import check_steps, clips_at_once, seconds_at_once
from downstream.lookahead import looking_ahead
from downstream.tasks.audio import RESAMPLER
from passt import EmbeddingSpec

FORMAT = 1  # of the .npz files
EMBEDDINGS = ("scene", "timestamp_embeddings")


@dataclass(frozen=True)
class OutputRow:
    """What became of an audio file.

    Attributes:
        file: its path.
        output: the path of its .npz.
        seconds: its length.
        steps: the number of timestamps; 0 without timestamp embeddings.
        dim: the width of timestamp embeddings, or else of the scene embedding.
        error: why it was not embedded; empty if it was.
    """

    file: str
    output: str
    seconds: float
    steps: int
    dim: int
    error: str


COLUMNS = tuple(field.name for field in fields(OutputRow))


@dataclass(frozen=True)
class Work:
    """What to embed of every file.

    Attributes:
        embedder: computes the taps.
        spec: what the embedder was built of.
        precision: of its numbers.
        scene_taps: are concatenated to a scene embedding; empty for none.
        timestamp_taps: are concatenated to timestamp embeddings; empty for none.
    """

    embedder: Embedder
    spec: EmbeddingSpec
    precision: str
    scene_taps: tuple[Tap, ...]
    timestamp_taps: tuple[Tap, ...]

    @property
    def seconds_at_once(self) -> float:
        """How many seconds of sound may go into a batch, so that its embeddings are bounded too."""
        hop_ms = self.spec.timestamp_hop_ms if self.timestamp_taps else None
        dims = widths(self.embedder, self.timestamp_taps or self.scene_taps, hop_ms)
        return seconds_at_once(self.embedder, dims, hop_ms)

    @property
    def clips_at_once(self) -> int:
        """How many files may go into a batch, so that tokens of scenes are bounded."""
        return clips_at_once(self.embedder, widths(self.embedder, self.scene_taps, None), None)

    def identity(self) -> dict[str, Any]:
        """Everything that decides the numbers, except the sound."""
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
        layout: dict[str, Any] = {}
        hop_ms = self.spec.timestamp_hop_ms
        for kind, taps, hop in (("scene", self.scene_taps, None), ("timestamp", self.timestamp_taps, hop_ms)):
            if taps:
                layout[f"{kind}_levels"] = [f"{level}@{'own' if window is None else window}" for level, window in taps]
                layout[f"{kind}_offsets"] = np.cumsum([0, *widths(self.embedder, taps, hop).values()])
        own_weights = self.spec.weights.startswith("sha256-") and "logits" in self.spec.levels
        if own_weights and (labels := optional(self.embedder).labels):
            layout["labels"] = list(labels)
        return layout

    def finished(self, source: Source) -> "OutputRow | None":
        """The row of a file whose output exists; None if it has to be computed.

        Raises:
            ValueError: the output is of something else, and must not be written over.
        """
        if not source.output.exists():
            return None
        known, shapes = _read_known(source.output)
        same_sound = known.get("audio_sha256") == source.digest()
        origin = None
        names = {str(absolute(source.path)), str(source.path.resolve())}  # earlier versions wrote the latter
        if not same_sound and known.get("source") not in names:
            origin = known.get("source", "something else")
        elif any(known.get(key) != self.identity()[key] for key in ("spec", "precision")):
            origin = f"{known.get('spec')} in {known.get('precision')}"
        if origin:
            raise ValueError(f"{source.path}: {source.output} is there, of {origin}; expected a place of its own (out)")
        same = same_sound and all(known.get(key) == value for key, value in self.identity().items())
        kinds = [key for key, taps in zip(EMBEDDINGS, (self.scene_taps, self.timestamp_taps), strict=True) if taps]
        if not same or any(key not in shapes for key in kinds):
            return None
        return row_of(source, known["seconds"], [shapes[key] for key in kinds])

    def load(self, source: Source) -> tuple[Tensor, float, str] | ValueError | OSError:
        """Read a file: the clip (samples,) at the embedder's rate, its length in seconds and its hash; or the error."""
        try:
            return *source.load(self.embedder.sample_rate), source.digest()
        except (ValueError, OSError) as error:
            return error

    def write(self, sources: Sequence[Source], loaded: Sequence[Any]) -> "dict[Source, OutputRow]":
        """Embed and write a batch.

        Args:
            sources: the files.
            loaded: what `load` returned for each.
        """
        pairs = list(zip(sources, loaded, strict=True))
        rows = {source: failed(source, read) for source, read in pairs if isinstance(read, Exception)}
        good = [(source, *read) for source, read in pairs if source not in rows]
        for (source, _, seconds, digest), arrays in zip(good, self.embed_all([c for _, c, *_ in good]), strict=True):
            if isinstance(arrays, Exception):
                rows[source] = failed(source, ValueError(f"{source.path}: {type(arrays).__name__}: {arrays}"))
                continue
            if not all(np.isfinite(value).all() for value in arrays.values()):
                rows[source] = failed(source, ValueError(f"{source.path}: its embedding is not finite"))
                continue
            origin = {"source": str(absolute(source.path)), "audio_sha256": digest, "seconds": seconds}
            content = {**self.kept(source, digest), **arrays, **self.layout(), **self.identity(), **origin}
            write_atomically(source.output, lambda file, content=content: np.savez(file, **content))
            rows[source] = row_of(source, seconds, [arrays[key].shape for key in EMBEDDINGS if key in arrays])
        return rows

    def kept(self, source: Source, digest: str) -> dict[str, np.ndarray]:
        """The arrays that an earlier run wrote of the same sound and spec; a kind computed now replaces them."""
        try:
            with load_arrays(source.output, allow_pickle=False) as known:
                identity = {**self.identity(), "audio_sha256": digest}
                same = all(key in known.files and known[key].item() == value for key, value in identity.items())
                return {key: known[key] for key in known.files} if same else {}
        except (OSError, ValueError):
            return {}

    def embed_all(self, clips: Sequence[Tensor]) -> list[dict[str, np.ndarray] | Exception]:
        """Embed clips together; if that fails, one by one, so that one clip does not stop the others."""
        try:
            return list(self.embed(clips))
        except Exception as error:
            return [error] if len(clips) == 1 else [self.embed_all([clip])[0] for clip in clips]

    @torch.no_grad()
    def embed(self, clips: Sequence[Tensor]) -> list[dict[str, np.ndarray]]:
        """Embed clips, each (samples,): per clip the arrays of each kind, taps concatenated in the spec's order."""
        per_clip: list[dict[str, np.ndarray]] = [{} for _ in clips]
        if clips and self.scene_taps:
            values = self.embedder.scene(clips, self.scene_taps)
            for arrays, *parts in zip(per_clip, *(values[tap] for tap in self.scene_taps), strict=True):
                arrays["scene"] = torch.cat(parts).numpy()
        if clips and self.timestamp_taps:
            check_steps(self.embedder, clips, self.timestamp_taps, self.spec.timestamp_hop_ms)
            seeing = looking_ahead(self.embedder, self.spec.lookahead_ms)
            embedded = seeing.timestamps(clips, self.timestamp_taps, self.spec.timestamp_hop_ms)
            for arrays, (values, times) in zip(per_clip, embedded, strict=True):
                parts = [values[tap] for tap in self.timestamp_taps]
                arrays |= {
                    "timestamp_embeddings": torch.cat(parts, dim=-1).numpy(),
                    "timestamps": times.float().numpy(),
                }
        return per_clip


def _read_known(path: Path) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """The scalars of a .npz, and the shapes of its embeddings; empty for any other file."""
    try:
        with load_arrays(path, allow_pickle=False) as arrays:
            known = {key: arrays[key].item() for key in arrays.files if arrays[key].ndim == 0}
            return known, {key: arrays[key].shape for key in EMBEDDINGS if key in arrays.files}
    except Exception:  # the file may be anything
        return {}, {}


def row_of(source: Source, seconds: float, shapes: Sequence[tuple[int, ...]]) -> OutputRow:
    """The row of a file that was embedded.

    Args:
        source: the file.
        seconds: its length.
        shapes: of its embeddings, timestamps last.
    """
    steps = shapes[-1][0] if len(shapes[-1]) == 2 else 0
    return OutputRow(str(source.path), str(source.output), seconds, steps, shapes[-1][-1], "")


def failed(source: Source, error: Exception) -> OutputRow:
    """The row of a file that was not embedded."""
    return OutputRow(str(source.path), str(source.output), math.nan, 0, 0, one_line(error))
