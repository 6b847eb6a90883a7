"""Sounds as values: what each way of making them needs, n sounds at a time, before any sample is computed."""

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class Modal:
    """Sines of fixed frequencies that die away: strings, bars, bells, organs, chords.

    Attributes:
        frequency, amplitude, decay: (n, partials), in Hz, any unit, 1/s (amplitude falls by exp(-decay * t)).
        envelope: (n, points).
    """

    frequency: Tensor
    amplitude: Tensor
    decay: Tensor
    envelope: Tensor


@dataclass(frozen=True)
class Oscillator:
    """A sine whose frequency moves, and whose phase another one modulates (FM; J. Chowning 1973).

    Attributes:
        frequency, envelope: (n, points), in Hz, any unit.
        modulator: (n, points), the modulating sine's frequency in Hz; None: a plain sine.
        index: (n, points), its depth in radians.
    """

    frequency: Tensor
    envelope: Tensor
    modulator: Tensor | None = None
    index: Tensor | None = None


@dataclass(frozen=True)
class Filtered:
    """Pulses and noise, behind resonances that may move: voices, drums, wind, engines.

    Attributes:
        envelope: (n, points), of what comes out.
        noise: (n, points), level of the noise; None: none.
        density: (n, 1), share of the noise's samples that are not 0; None: all.
        frequency: (n, points), of the pulses in Hz; None: no pulses.
        pulse: (n, points), their level.
        sharpness: (n, 1), 1 for nearly a sine, thousands for the many harmonics of a buzz.
        center, width, gain: (n, frames or 1, resonances), in Hz, Hz, any unit; None: flat.
        tilt: (n, 1), the spectrum's slope in dB per octave.
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


def form(sound: Sound) -> tuple:
    """What sounds must share to be joined: the way they are made, and the shapes behind the first axis."""
    values = (getattr(sound, field.name) for field in fields(sound))
    return type(sound), *(None if value is None else value.shape[1:] for value in values)


def expanded(sound: Sound, count: int) -> Sound:
    """The same with every tensor's first axis `count` long, and contours of one point as long as the envelope."""
    points = sound.envelope.shape[-1]
    contours = {"noise", "frequency", "pulse", "modulator", "index"} if not isinstance(sound, Modal) else set()
    values = {}
    for field in fields(sound):
        value = getattr(sound, field.name)
        if value is not None:
            last = points if field.name in contours else value.shape[-1]
            value = value.expand(count, *value.shape[1:-1], last)
        values[field.name] = value
    return type(sound)(**values)


def joined(sounds: list[Sound]) -> Sound:
    """Sounds of one form as one."""
    first = sounds[0]
    if len(sounds) == 1:
        return first
    values = {field.name: [getattr(sound, field.name) for sound in sounds] for field in fields(first)}
    return type(first)(**{name: None if parts[0] is None else torch.cat(parts) for name, parts in values.items()})


def part(sound: Sound, rows: slice, device: torch.device) -> Sound:
    """Some rows of it, on a device."""
    values = {field.name: getattr(sound, field.name) for field in fields(sound)}
    return type(sound)(**{name: v if v is None else v[rows].to(device) for name, v in values.items()})


def resonance(center: Tensor, envelope: Tensor, width: float, tilt: float = 0.0, **others) -> Filtered:
    """Noise with one resonance at `center` (n, frames or 1), in Hz; the width is a share of it."""
    return Filtered(
        envelope=envelope,
        tilt=torch.full((1, 1), tilt),
        noise=torch.ones(1, 1),
        center=center[..., None],
        width=(center * width)[..., None],
        gain=torch.ones(1, 1, 1),
        **others,
    )
