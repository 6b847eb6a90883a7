"""Draws: the random parameters of sounds, looked up by name."""

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
    """Random parameters of n sounds of one kind. The same name always gives the same numbers.

    All sounds of an event share a parameter, unless it is drawn with `per_sound`.

    Attributes:
        event: (n,), uint64, keys of the events. Sounds of one event, such as the notes of a melody, share a key.
        item: (n,), uint64, keys of the sounds.
        midi: (n, 1), MIDI notes of pitched kinds, with detuning; 69 is 440 Hz.
        seconds: (n, 1), durations in s.
        position: (n, 1), places in the event, from 0 for the first sound to 1 for the last.
        length: samples to render.
        rate: sample rate in Hz.
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
        """Times of the points of contours in s: (1, points)."""
        return times(self.length, self.rate)

    @functools.cached_property
    def frames(self) -> Tensor:
        """Times of the frames of filters in s: (1, frames)."""
        return frame_times(self.length, self.rate)

    @property
    def pitch(self) -> Tensor:
        """Fundamental frequencies in Hz: (n, 1)."""
        return 440.0 * 2.0 ** ((self.midi - 69.0) / 12.0)

    def uniform(self, name: str, low: float = 0.0, high: float = 1.0, *, per_sound: bool = False) -> Tensor:
        """Draw numbers between low and high, uniformly: (n, 1)."""
        return low + (high - low) * torch.from_numpy(self._numbers(name, per_sound)).float()[:, None]

    def log(self, name: str, low: float, high: float, *, per_sound: bool = False) -> Tensor:
        """Draw numbers between low and high, with all octaves equally likely: (n, 1)."""
        return low * torch.exp(self.uniform(name, 0.0, math.log(high / low), per_sound=per_sound))

    def pick(self, name: str, choices: int, *, per_sound: bool = False) -> Tensor:
        """Draw whole numbers from 0 to choices - 1: (n,), int64."""
        return torch.from_numpy((self._numbers(name, per_sound) * choices).astype(np.int64))

    def many(self, name: str, count: int, low: float = 0.0, high: float = 1.0, *, per_sound: bool = False) -> Tensor:
        """Draw several numbers between low and high for each sound: (n, count)."""
        return torch.cat([self.uniform(f"{name} {i}", low, high, per_sound=per_sound) for i in range(count)], dim=1)

    def wander(self, name: str, time: Tensor, rate: Tensor | float) -> Tensor:
        """Draw smooth paths within [-1, 1] that oscillate about `rate` times a second.

        Shape:
            time (1, points) in s -> (n, points).
        """
        total = torch.zeros(())
        for i, share in enumerate((0.5, 0.3, 0.2)):
            speed = rate * self.log(f"{name} speed {i}", 0.3 + 0.3 * i, 0.7 + 0.9 * i)
            total = total + share * torch.sin(2 * torch.pi * (speed * time + self.uniform(f"{name} phase {i}")))
        return total

    def has(self, name: str, share: float) -> np.ndarray:
        """Draw a property that a share of the events has: (n,), bool."""
        return uniforms(self.event, name) < share

    def vibrato(self) -> Tensor:
        """Draw vibratos: factors of the pitch, (n, points).

        Half of the events have one, of up to half a semitone.
        """
        depth = self.uniform("vibrato depth", 0.008, 0.03) * torch.from_numpy(self.has("vibrato", 0.5))[:, None]
        phase = self.log("vibrato rate", 4.0, 7.5) * self.time + self.uniform("vibrato phase")
        return 1 + depth * torch.sin(2 * torch.pi * phase) * (self.time / 0.15).clamp(max=1)

    def _numbers(self, name: str, per_sound: bool) -> np.ndarray:
        return uniforms(self.item if per_sound else self.event, name)
