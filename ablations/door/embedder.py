"""Embeddings in memory, by any model that a study can name."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, overload

import numpy as np
import torch
from torch import Tensor

from ablations.door.declared import Declared
from ablations.embedding.sources import find_sources
from ablations.models import registry
from ablations.models.objects.registered import registered
from ablations.system.machine import choose_device
from downstream.embedder import Embedder, Tap
from downstream.lookahead import looking_ahead
from downstream.tasks.audio import resample
from passt import EmbeddingSpec
from passt.windows.samples import batch, clips_of, equally_long

SECONDS_AT_ONCE = 600.0  # of sound that is held in memory
Times = tuple[np.ndarray, np.ndarray]
"""Embeddings (steps, dim) of a clip, and their timestamps (steps,) in ms."""


@dataclass(frozen=True, repr=False)
class SpecEmbedder:
    """A model that computes the embeddings of one spec; `ablations.embedder` makes it.

    Attributes:
        spec: the variant, in canonical form.
        model: the model behind it, which computes any taps.
    """

    spec: EmbeddingSpec
    model: Embedder

    def __repr__(self) -> str:
        return f"<embedder {self.spec}, {self.sample_rate} Hz>"

    @property
    def sample_rate(self) -> int:
        """Of the audio that it takes, in Hz."""
        return self.model.sample_rate

    @property
    def fingerprint(self) -> str:
        """16 hex digits of everything that decides the numbers of its model."""
        return self.model.fingerprint

    @torch.no_grad()
    def scene_embedding(self, audio: Any) -> Tensor:
        """Embed each clip as one vector, the levels of the spec behind one another.

        Args:
            audio: (clips, samples) at `sample_rate`, mono in [-1, 1]; or a list of clips, whose lengths may differ.

        Returns:
            (clips, dim), float32, on the CPU.
        """
        taps = self._taps(self.spec.scene_taps(), "scene")
        values = self.model.scene(clips_of(batch(audio)), taps)
        return torch.cat([values[tap] for tap in taps], dim=-1)

    @torch.no_grad()
    def timestamp_embedding(self, audio: Any) -> tuple[Tensor, Tensor]:
        """Embed clips of one length at every timestamp.

        Returns:
            (clips, steps, dim), and the timestamps (steps,) in ms, both float32, on the CPU.
        """
        per_clip = self.timestamps(equally_long(audio))
        return torch.stack([values for values, _ in per_clip]), per_clip[0][1]

    @torch.no_grad()
    def timestamps(self, clips: Sequence[Any]) -> list[tuple[Tensor, Tensor]]:
        """Embed clips of any lengths at every timestamp: for each ((steps, dim), (steps,) in ms)."""
        taps = self._taps(self.spec.timestamp_taps(), "timestamp")
        model = looking_ahead(self.model, self.spec.lookahead_ms)
        embedded = model.timestamps(clips_of(clips), taps, self.spec.timestamp_hop_ms)
        return [(torch.cat([values[tap] for tap in taps], dim=-1), times.float()) for values, times in embedded]

    def _taps(self, taps: Sequence[Tap], kind: str) -> Sequence[Tap]:
        if not taps:
            raise ValueError(f"{self.spec}: has no {kind} embedding, its only level is mel")
        if kind == "timestamp" and getattr(self.model, "timestamp_dims", None) == {}:
            raise ValueError(f"{self.spec}: has no timestamp embeddings")
        return taps


def embedder(model: Any, *, weights: str | Path | None = None, device: str | None = None) -> SpecEmbedder:
    """Make an embedder of any model that a study can name.

    Args:
        model: a name or a spec ("paper-best", "passt_demo@block6"), a HEAR module, or a Python object.
        weights: a weight file, for a spec that names no weights.
        device: "cpu" or "cuda"; None for CUDA where there is one.

    Raises:
        ValueError, FileNotFoundError: an unknown model, or weights that are not here and can't be fetched.

    >>> loudness = embedder("logmel")
    >>> loudness.scene_embedding(torch.zeros(2, 32000)).shape
    torch.Size([2, 256])
    """
    declared = Declared.of([model])
    (entry,) = declared.entries
    if isinstance(entry, dict) and not declared.objects:
        raise ValueError("an embedder is of one model; expected a name, a spec or an object, got a mapping")
    made = entry if isinstance(entry, str) else registry.resolve(entry)
    spec, file = registry.resolve_with_file(made, weights)
    spec.refuse_pooling()
    spec.refuse_beside()
    with registered(declared.objects):
        return SpecEmbedder(spec, registry.build_alone(spec, choose_device(device), file, "fp32"))


@overload
def embed(
    sounds: Any, model: Any = ..., *, sample_rate: int | None = ..., timestamps: Literal[False] = ..., **options: Any
) -> np.ndarray: ...
@overload
def embed(
    sounds: Any, model: Any = ..., *, sample_rate: int | None = ..., timestamps: Literal[True], **options: Any
) -> list[Times]: ...
def embed(
    sounds: Any, model: Any = "base", *, sample_rate: int | None = None, timestamps: bool = False, **options: Any
) -> np.ndarray | list[Times]:
    """Embed audio files or arrays, in memory; `ablations.embed_files` writes files instead.

    Args:
        sounds: a file, a folder, or a list of these; or arrays or tensors: one clip (samples,), clips (clips, samples),
            or a list of clips.
        model: what `embedder` takes, or an embedder that it made.
        sample_rate: of arrays, in Hz. Files have their own.
        timestamps: whether to embed each time step, in place of whole clips.
        options: weights and device, of `embedder`.

    Returns:
        Scene embeddings (clips, dim), float32; with `timestamps` for each clip its embeddings (steps, dim) and their
        timestamps (steps,) in ms. Files are in the order in which they were named, those of a folder by name.

    Raises:
        ValueError, FileNotFoundError: a file that can't be read, arrays without a sample rate, or an unknown model.

    >>> embed(np.zeros(8000, np.float32), "logmel", sample_rate=16000).shape
    (1, 256)
    """
    if isinstance(model, SpecEmbedder) and options:
        raise TypeError(f"an embedder is made already, got {min(options)}")
    made = model if isinstance(model, SpecEmbedder) else embedder(model, **options)
    scenes: list[np.ndarray] = []
    timed: list[Times] = []
    for clips in _batches(sounds, sample_rate, made.sample_rate):
        if timestamps:
            timed += [(values.numpy(), times.numpy()) for values, times in made.timestamps(clips)]
        else:
            scenes.append(made.scene_embedding(clips).numpy())
    return timed if timestamps else np.concatenate(scenes)


def _batches(sounds: Any, sample_rate: int | None, rate: int) -> Iterator[list[Tensor]]:
    """Clips at a rate, as many at once as make `SECONDS_AT_ONCE`."""
    chosen: list[Tensor] = []
    for clip in _clips(sounds, sample_rate, rate):
        if chosen and sum(map(len, [*chosen, clip])) > SECONDS_AT_ONCE * rate:
            yield chosen
            chosen = []
        chosen.append(clip)
    yield chosen


def _clips(sounds: Any, sample_rate: int | None, rate: int) -> Iterator[Tensor]:
    paths = [sounds] if isinstance(sounds, str | Path) else sounds
    if isinstance(paths, list | tuple) and all(isinstance(path, str | Path) for path in paths):
        if sample_rate is not None:
            raise ValueError(f"sample_rate is of arrays; files have their own, got {sample_rate}")
        for source in find_sources(paths, Path()):
            source.seconds()  # names a folder without audio
            yield source.load(rate)[0]
        return
    if sample_rate is None:
        raise ValueError("sample_rate: arrays need their rate in Hz, such as sample_rate=16000; got none")
    if isinstance(sample_rate, bool) or not isinstance(sample_rate, int) or sample_rate < 1:
        raise ValueError(f"sample_rate must be a positive whole number of Hz, got {sample_rate!r}")
    alone = isinstance(sounds, Tensor | np.ndarray) and sounds.ndim == 1
    for clip in clips_of(batch(sounds[None] if alone else sounds)):
        yield clip if sample_rate == rate else torch.from_numpy(resample(clip.cpu().numpy(), sample_rate, rate))
