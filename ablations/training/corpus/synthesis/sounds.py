"""Sounds as values: the parameters of n sounds, before any sample is computed.

One class for each way of synthesis.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Modal:
    """Decaying sines of fixed frequencies: strings, bars, bells, organs, chords.

    Attributes:
        frequency: (n, partials), in Hz.
        amplitude: (n, partials), in any unit.
        decay: (n, partials), in 1/s. The amplitude falls as exp(-decay * t).
        envelope: (n, points), of the whole sound.
    """

    frequency: Tensor
    amplitude: Tensor
    decay: Tensor
    envelope: Tensor


@dataclass(frozen=True)
class Oscillator:
    """A sine of moving frequency, whose phase another sine can modulate (FM; J. Chowning 1973).

    Attributes:
        frequency: (n, points), in Hz.
        envelope: (n, points), in any unit.
        modulator: (n, points), frequency of the modulating sine in Hz. None is a plain sine.
        index: (n, points), depth of the modulation in radians.
    """

    frequency: Tensor
    envelope: Tensor
    modulator: Tensor | None = None
    index: Tensor | None = None


@dataclass(frozen=True)
class Filtered:
    """Pulses and noise, filtered by resonances that may move: voices, drums, wind, engines.

    Attributes:
        envelope: (n, points), of the filtered sound.
        tilt: (n, 1), slope of the spectrum in dB per octave.
        noise: (n, points), level of the noise. None is no noise.
        density: (n, 1), share of the noise's samples that are not 0. None is all.
        frequency: (n, points), frequency of the pulses in Hz. None is no pulses.
        pulse: (n, points), level of the pulses.
        sharpness: (n, 1), 1 for nearly a sine, thousands for the many harmonics of a buzz.
        center: (n, frames or 1, resonances), in Hz. None is a flat filter.
        width: (n, frames or 1, resonances), in Hz.
        gain: (n, frames or 1, resonances), in any unit.
    """

    envelope: Tensor
    tilt: Tensor
    noise: Tensor | None = None
    density: Tensor | None = None
    frequency: Tensor | None = None
    pulse: Tensor | None = None
    sharpness: Tensor | None = None
    center: Tensor | None = None
    width: Tensor | None = None
    gain: Tensor | None = None


Sound = Modal | Oscillator | Filtered


def form(sound: Sound) -> tuple[object, ...]:
    """Give what sounds must share to be joined.

    This is their class, and the shapes of their tensors without the first axis.
    """
    return type(sound), *(None if value is None else value.shape[1:] for value in vars(sound).values())


def changed(sound: Sound, change: Callable[[str, Tensor], Tensor]) -> Sound:
    """Apply a function of name and tensor to all tensors of a sound."""
    values: dict[str, Any] = {name: None if v is None else change(name, v) for name, v in vars(sound).items()}
    return type(sound)(**values)


def expanded(sound: Sound, count: int) -> Sound:
    """Expand the first axis of all tensors to `count`.

    Contours of one point are expanded to the length of the envelope.
    """
    points = sound.envelope.shape[-1]
    contours = {"noise", "frequency", "pulse", "modulator", "index"} if not isinstance(sound, Modal) else set()

    def expand(name: str, value: Tensor) -> Tensor:
        return value.expand(count, *value.shape[1:-1], points if name in contours else value.shape[-1])

    return changed(sound, expand)


def joined(sounds: list[Sound]) -> Sound:
    """Join sounds of one form along the first axis."""
    first = sounds[0]
    if len(sounds) == 1:
        return first
    return changed(first, lambda name, _: torch.cat([vars(sound)[name] for sound in sounds]))


def part(sound: Sound, rows: slice, device: torch.device) -> Sound:
    """Take some rows of sounds, and move them to a device."""
    return changed(sound, lambda _, value: value[rows].to(device))


def resonance(center: Tensor, envelope: Tensor, width: float, tilt: float = 0.0, **others: Tensor) -> Filtered:
    """Make noise with one resonance.

    Args:
        center: (n, frames or 1), center of the resonance in Hz.
        envelope: (n, points).
        width: width of the resonance, as a share of its center.
        tilt: slope of the spectrum in dB per octave.
        others: further fields of `Filtered`.
    """
    return Filtered(
        envelope=envelope,
        tilt=torch.full((1, 1), tilt),
        noise=torch.ones(1, 1),
        center=center[..., None],
        width=(center * width)[..., None],
        gain=torch.ones(1, 1, 1),
        **others,
    )
