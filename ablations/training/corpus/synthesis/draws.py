"""What a kind of sound gets to draw its parameters from."""

import functools
import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ablations.training.corpus.synthesis.control import frame_times, times
from ablations.training.corpus.synthesis.randomness import uniforms


@dataclass(frozen=True)
class Draws:
    """Random parameters of n sounds of one kind, by name: the same name is the same number.

    Attributes:
        event: (n,), uint64: keys that all sounds of an event (the notes of a melody) share.
        item: (n,), uint64: keys of the sounds themselves.
        midi: (n, 1): MIDI note of pitched kinds, with its detuning; 69 is 440 Hz.
        seconds: (n, 1): how long each sounds.
        position: (n, 1): where in the event each lies, 0 for the first, 1 for the last.
        length: samples that are rendered, `rate` of them a second.
    """

    event: np.ndarray
    item: np.ndarray
    midi: Tensor
    seconds: Tensor
    position: Tensor
    length: int
    rate: int

    @functools.cached_property
    def time(self) -> Tensor:
        """(1, points) of contours, in s."""
        return times(self.length, self.rate)

    @functools.cached_property
    def frames(self) -> Tensor:
        """(1, frames) of filters, in s."""
        return frame_times(self.length, self.rate)

    @property
    def pitch(self) -> Tensor:
        """(n, 1) in Hz."""
        return 440.0 * 2.0 ** ((self.midi - 69.0) / 12.0)

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0, *, own: bool = False) -> Tensor:
        """(n, 1) between low and high; with `own`, each sound of an event has another."""
        return low + (high - low) * torch.from_numpy(self._of(name, own)).float()[:, None]

    def log(self, name: str, low: float, high: float, *, own: bool = False) -> Tensor:
        """(n, 1) between low and high, each octave as likely."""
        return low * torch.exp(self.uniform(name, 0.0, math.log(high / low), own=own))

    def pick(self, name: str, choices: int, *, own: bool = False) -> Tensor:
        """(n,), int64: one of 0 ... choices - 1."""
        return torch.from_numpy((self._of(name, own) * choices).astype(np.int64))

    def many(self, name: str, count: int, low: float = 0.0, high: float = 1.0, *, own: bool = False) -> Tensor:
        """(n, count) between low and high."""
        return torch.cat([self.uniform(f"{name} {i}", low, high, own=own) for i in range(count)], dim=1)

    def wander(self, name: str, time: Tensor, rate: float) -> Tensor:
        """A smooth path within [-1, 1] that turns about `rate` times a second: time (1, points) -> (n, points)."""
        total = torch.zeros(())
        for i, share in enumerate((0.5, 0.3, 0.2)):
            speed = rate * self.log(f"{name} speed {i}", 0.3 + 0.3 * i, 0.7 + 0.9 * i)
            total = total + share * torch.sin(2 * torch.pi * (speed * time + self.uniform(f"{name} phase {i}")))
        return total

    def has(self, name: str, share: float) -> np.ndarray:
        """(n,), bool: true for this share of events."""
        return uniforms(self.event, name) < share

    def vibrato(self) -> Tensor:
        """(n, points) around 1: the pitch sways by up to half a semitone in half of the events, else not at all."""
        depth = self.uniform("vibrato depth", 0.008, 0.03) * torch.from_numpy(self.has("vibrato", 0.5))[:, None]
        phase = self.log("vibrato rate", 4.0, 7.5) * self.time + self.uniform("vibrato phase")
        return 1 + depth * torch.sin(2 * torch.pi * phase) * (self.time / 0.15).clamp(max=1)

    def _of(self, name: str, own: bool) -> np.ndarray:
        return uniforms(self.item if own else self.event, name)
