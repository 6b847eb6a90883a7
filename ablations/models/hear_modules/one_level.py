"""Embedders of one level, which choose their own receptive field and timestamps: HEAR modules, Python objects."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from downstream.embedder import Tap
from passt.catalog.choices import choices
from passt.catalog.spec_text import OWN_HOP
from passt.windows.samples import clips_of

LEVEL = "embedding"
SECONDS_AT_ONCE = 30.0  # of sound in one call, because nobody knows how much a model's memory bears


class Answering(Protocol):
    """What answers with embeddings of clips of one length."""

    def scene(self, audio: np.ndarray) -> np.ndarray:
        """(clips, samples) float32 -> (clips, scene width) float32."""
        ...

    def timestamps(self, audio: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(clips, samples) float32 -> (clips, steps, timestamp width) float32, (steps,) float64 in ms."""
        ...


class OneLevelEmbedder(ABC):
    """Base of embedders whose one level is ``embedding``.

    Clips of equal length go to the model together, others in other calls, so that nothing is padded.

    Attributes:
        name: for people.
        sample_rate: in Hz.
        dims, timestamp_dims: the width of scene and of timestamp embeddings.
    """

    name: str
    sample_rate: int
    dims: Mapping[str, int]
    timestamp_dims: Mapping[str, int]
    _module: Answering

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}, {self.sample_rate} Hz>"

    @abstractmethod
    def _at_work(self) -> AbstractContextManager[None]:
        """What surrounds each call of the model."""

    def scene(self, clips: Sequence[Tensor], taps: Sequence[Tap]) -> dict[Tap, Tensor]:
        """Scene embeddings: per tap (clips, scene width), float32, on the CPU."""
        self._check(taps)
        scenes = torch.empty(len(clips), self.dims[LEVEL], dtype=torch.float32)
        for places, audio in _batches(clips, self.sample_rate):
            with self._at_work():
                values = self._module.scene(audio)
            scenes[places] = torch.from_numpy(values)
        return dict.fromkeys(taps, scenes)

    def timestamps(
        self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int
    ) -> list[tuple[dict[Tap, Tensor], Tensor]]:
        """Per clip ({tap: (steps, timestamp width)}, (steps,) in ms, float64 as the module gives them)."""
        self._check(taps)
        if hop_ms != OWN_HOP:
            raise ValueError(f"{self.name}: its timestamps are its own (town), got a hop of {hop_ms} ms")
        by_place: dict[int, tuple[dict[Tap, Tensor], Tensor]] = {}
        for places, audio in _batches(clips, self.sample_rate):
            with self._at_work():
                values, times = map(torch.from_numpy, self._module.timestamps(audio))
            by_place |= {place: (dict.fromkeys(taps, rows), times) for place, rows in zip(places, values, strict=True)}
        return [by_place[place] for place in range(len(clips))]

    def _check(self, taps: Sequence[Tap]) -> None:
        for level, window in taps:
            if level not in self.dims or window is not None:
                raise ValueError(f"{self.name}: unknown tap {(level, window)}{choices(level, self.dims)}, of its own")


def _batches(clips: Sequence[Tensor], sample_rate: int) -> Iterator[tuple[list[int], np.ndarray]]:
    """Batches of clips of equal length, as many clips as `SECONDS_AT_ONCE` allows.

    Yields:
        The places of the clips in `clips`, and their samples (clips, samples).
    """
    clips = clips_of(clips)
    by_length: dict[int, list[int]] = {}
    for place, clip in enumerate(clips):
        by_length.setdefault(len(clip), []).append(place)
    for samples, places in by_length.items():
        size = max(1, int(SECONDS_AT_ONCE * sample_rate / samples))
        for start in range(0, len(places), size):
            chosen = places[start : start + size]
            yield chosen, torch.stack([clips[place] for place in chosen]).cpu().numpy()
