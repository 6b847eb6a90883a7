"""The outputs of `ablations.embed.files`: one .npz a file, complete or absent, and what may be written where one is.

What a .npz holds (`numpy.load`, no pickles):

- ``scene`` (dim,), and ``timestamp_embeddings`` (steps, dim) with ``timestamps`` (steps,) in ms, all float32;
- ``scene_levels``, ``timestamp_levels``: what was concatenated, as ``level@<window in ms>`` or ``level@own``, and
  ``scene_offsets``, ``timestamp_offsets``: level i is columns offsets[i] to offsets[i + 1];
- ``labels``: what each of the level ``logits`` stands for, where a weight file of one's own names it;
- ``spec``, ``weights``, ``embedder`` (its fingerprint), ``precision``, ``sample_rate`` in Hz (of what the embedder
  heard), ``resampler``, ``source`` (the audio file), ``audio_sha256`` (of its bytes), ``seconds``, ``format``.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ablations.embed.sources import Source
from ablations.system.errors import one_line
from downstream.disk.arrays import load_arrays
from downstream.disk.files import absolute, write_atomically
from downstream.embedder import Embedder, Tap, distance_ms, widths
from downstream.extract import check_steps, seconds_at_once
from downstream.tasks.audio import RESAMPLER
from passt import EmbeddingSpec

FORMAT = 1  # of the .npz files
COLUMNS = ("file", "output", "seconds", "steps", "dim", "error")
EMBEDDINGS = ("scene", "timestamp_embeddings")


@dataclass(frozen=True)
class Work:
    """What is asked of every file: the taps to concatenate; none of a kind where it is not wanted."""

    embedder: Embedder
    spec: EmbeddingSpec
    precision: str
    scene_taps: tuple[Tap, ...]
    timestamp_taps: tuple[Tap, ...]

    @property
    def seconds_at_once(self) -> float:
        """How much sound may go into a batch, for its embeddings to be bounded too."""
        hop_ms = self.spec.timestamp_hop_ms if self.timestamp_taps else None
        dims = widths(self.embedder, self.timestamp_taps, hop_ms)
        return seconds_at_once(dims, distance_ms(self.embedder, hop_ms))

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
        hop_ms = self.spec.timestamp_hop_ms
        for kind, taps, hop in (("scene", self.scene_taps, None), ("timestamp", self.timestamp_taps, hop_ms)):
            if taps:
                found[f"{kind}_levels"] = [f"{level}@{'own' if window is None else window}" for level, window in taps]
                found[f"{kind}_offsets"] = np.cumsum([0, *widths(self.embedder, taps, hop).values()])
        own = self.spec.weights.startswith("sha256-") and "logits" in self.spec.levels
        if own and (labels := getattr(self.embedder, "labels", ())):
            found["labels"] = list(labels)
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
        names = {str(absolute(source.path)), str(source.path.resolve())}  # the latter is of older outputs
        if not same_sound and known.get("source") not in names:
            origin = known.get("source", "something else")
        elif any(known.get(key) != self.identity()[key] for key in ("spec", "precision")):
            origin = f"{known.get('spec')} in {known.get('precision')}"
        if origin:
            raise ValueError(f"{source.path}: {source.output} is there, of {origin}; expected a place of its own (out)")
        same = same_sound and all(known.get(key) == value for key, value in self.identity().items())
        asked = [key for key, taps in zip(EMBEDDINGS, (self.scene_taps, self.timestamp_taps), strict=True) if taps]
        if not same or any(key not in shapes for key in asked):
            return None
        return row_of(source, known["seconds"], [shapes[key] for key in asked])

    def load(self, source: Source) -> tuple[Tensor, float, str] | ValueError | OSError:
        """The clip at the embedder's rate, its length in seconds and its hash; or why there is none."""
        try:
            return *source.load(self.embedder.sample_rate), source.digest()
        except (ValueError, OSError) as error:
            return error

    def write(self, sources: Sequence[Source], loaded: Sequence[Any]) -> dict[Source, dict[str, Any]]:
        """Embed and write a batch of what `load` gave; a row for each of its files."""
        pairs = list(zip(sources, loaded, strict=True))
        rows = {source: failed(source, read) for source, read in pairs if isinstance(read, Exception)}
        good = [(source, *read) for source, read in pairs if source not in rows]
        for (source, _, seconds, digest), found in zip(good, self.embed_all([c for _, c, *_ in good]), strict=True):
            if isinstance(found, Exception):
                rows[source] = failed(source, ValueError(f"{source.path}: {type(found).__name__}: {found}"))
                continue
            if not all(np.isfinite(value).all() for value in found.values()):
                rows[source] = failed(source, ValueError(f"{source.path}: its embedding is not finite"))
                continue
            about = {"source": str(absolute(source.path)), "audio_sha256": digest, "seconds": seconds}
            content = {**self.kept(source, digest), **found, **self.layout(), **self.identity(), **about}
            write_atomically(source.output, lambda file, content=content: np.savez(file, **content))
            rows[source] = row_of(source, seconds, [found[key].shape for key in EMBEDDINGS if key in found])
        return rows

    def kept(self, source: Source, digest: str) -> dict[str, np.ndarray]:
        """What an earlier run wrote of the same sound and spec; a kind that is asked for now replaces it."""
        try:
            with load_arrays(source.output, allow_pickle=False) as known:
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

    @torch.no_grad()
    def embed(self, clips: Sequence[Tensor]) -> list[dict[str, np.ndarray]]:
        """Per clip the arrays asked for, concatenated in the spec's order."""
        found: list[dict[str, np.ndarray]] = [{} for _ in clips]
        if clips and self.scene_taps:
            values = self.embedder.scene(clips, self.scene_taps)
            for arrays, *parts in zip(found, *(values[tap] for tap in self.scene_taps), strict=True):
                arrays["scene"] = torch.cat(parts).numpy()
        if clips and self.timestamp_taps:
            check_steps(self.embedder, clips, self.timestamp_taps, self.spec.timestamp_hop_ms)
            per_clip = self.embedder.timestamps(clips, self.timestamp_taps, self.spec.timestamp_hop_ms)
            for arrays, (values, times) in zip(found, per_clip, strict=True):
                parts = [values[tap] for tap in self.timestamp_taps]
                arrays |= {
                    "timestamp_embeddings": torch.cat(parts, dim=-1).numpy(),
                    "timestamps": times.float().numpy(),
                }
        return found


def _read_known(path: Path) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """What a .npz says of itself, and the shapes of its embeddings; nothing where it is none of these files."""
    try:
        with load_arrays(path, allow_pickle=False) as found:
            known = {key: found[key].item() for key in found.files if found[key].ndim == 0}
            return known, {key: found[key].shape for key in EMBEDDINGS if key in found.files}
    except Exception:  # whatever else the file may be, it is not ours
        return {}, {}


def row_of(source: Source, seconds: float, shapes: Sequence[tuple[int, ...]]) -> dict[str, Any]:
    steps = shapes[-1][0] if len(shapes[-1]) == 2 else 0
    return dict(zip(COLUMNS, (str(source.path), str(source.output), seconds, steps, shapes[-1][-1], ""), strict=True))


def failed(source: Source, error: Exception) -> dict[str, Any]:
    reason = one_line(error)
    return dict(zip(COLUMNS, (str(source.path), str(source.output), float("nan"), 0, 0, reason), strict=True))
