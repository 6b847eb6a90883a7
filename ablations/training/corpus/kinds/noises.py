"""Noises: colors, bands, textures, weather and water."""

from collections.abc import Callable

import torch
from torch import Tensor

from ablations.training.corpus.kinds.kind import Kind, Pattern, family
from ablations.training.corpus.synthesis.control import arc, held, hit
from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.sounds import Filtered, Oscillator, Sound, resonance


def _steady(d: Draws) -> Tensor:
    return held(d.time, d.seconds, torch.minimum(d.log("attack", 0.005, 0.5), d.seconds / 3), 0.05)


def colored(tilt: float) -> Callable[[Draws], Filtered]:
    """Make noise whose spectrum has a slope of `tilt` dB per octave; -3 is pink."""

    def make(d: Draws) -> Filtered:
        slope = d.uniform("slope", tilt - 0.4, tilt + 0.4)
        return Filtered(envelope=_steady(d), tilt=slope, noise=torch.ones(1, 1))

    return make


def band(
    low: float,
    high: float,
    *,
    narrow: float = 0.15,
    wide: float = 0.6,
    density: tuple[float, float] | None = None,
    tilt: float = 0.0,
) -> Callable[[Draws], Filtered]:
    """Make noise around a center from `low` to `high` Hz.

    Args:
        low: lowest center in Hz.
        high: highest center in Hz.
        narrow: least width, as a share of the center.
        wide: greatest width, as a share of the center.
        density: least and greatest share of the noise's samples that are not 0. None is all.
        tilt: slope of the spectrum in dB per octave.
    """

    def make(d: Draws) -> Filtered:
        center = d.log("center", low, high)
        return Filtered(
            envelope=_steady(d),
            tilt=torch.full((1, 1), tilt),
            noise=torch.ones(1, 1),
            density=None if density is None else d.log("density", *density),
            center=center[..., None],
            width=(center * d.log("width", narrow, wide))[..., None],
            gain=torch.ones(1, 1, 1),
        )

    return make


def crackle(d: Draws) -> Filtered:
    """Make single clicks of all frequencies, at random times."""
    return Filtered(
        envelope=_steady(d), tilt=torch.zeros(1, 1), noise=torch.ones(1, 1), density=d.log("density", 4e-4, 3e-3)
    )


def static(d: Draws) -> Filtered:
    """Make white noise that drops out at random times."""
    gate = (d.wander("gate", d.time, d.log("rate", 3.0, 15.0)) > d.uniform("threshold", -0.2, 0.3)).float()
    return Filtered(envelope=_steady(d) * gate, tilt=d.uniform("tilt", -1, 1), noise=torch.ones(1, 1))


def whoosh(d: Draws) -> Filtered:
    center = d.log("low", 200, 600) * d.log("reach", 3, 8) ** arc(d.frames, d.seconds)
    return resonance(center, arc(d.time, d.seconds).square(), 0.5)


def wind(d: Draws) -> Filtered:
    path = d.wander("gusts", d.frames, 0.5)
    level = (1 + d.wander("gusts", d.time, 0.5)).square() + 0.1
    return resonance(d.log("center", 250, 800) * 2.0 ** (0.8 * path), level * _steady(d), 0.35, -2.0)


def waves(d: Draws) -> Filtered:
    period = d.log("period", 2.5, 7.0)
    phase = d.uniform("phase")
    level = [(0.5 - 0.5 * torch.cos(2 * torch.pi * (t / period + phase))).square() for t in (d.time, d.frames)]
    return resonance(500 + d.uniform("reach", 500, 2000) * level[1], (0.08 + level[0]) * _steady(d), 2.0, -2.0)


def rain(d: Draws) -> Filtered:
    return band(2500, 7000, narrow=1.0, wide=2.5, density=(0.01, 0.08), tilt=1.0)(d)


def fire(d: Draws) -> Filtered:
    """Make bursts of crackles of middle frequencies."""
    level = (0.3 + d.wander("bursts", d.time, 2.0).clamp(min=0)) * _steady(d)
    center = d.log("center", 900, 2500).expand(-1, 1)
    return resonance(center, level, 1.2, -1.0, density=d.log("density", 5e-4, 3e-3))


def thunder(d: Draws) -> Filtered:
    rumble = hit(d.time, d.log("attack", 0.01, 0.3), d.seconds / 3) * (1 + 0.8 * d.wander("roll", d.time, 2.5))
    return Filtered(envelope=rumble, tilt=d.uniform("tilt", -8, -5), noise=torch.ones(1, 1))


def _drop(d: Draws, rise: float) -> Oscillator:
    """Make a bubble: a decaying sine of rising frequency."""
    frequency = d.log("frequency", 400, 1600, per_sound=True) * (1 + rise * d.time / d.seconds)
    return Oscillator(frequency, hit(d.time, 0.003, d.seconds / 4))


def bubbles(d: Draws) -> Oscillator:
    return _drop(d, 0.5)


def drip(d: Draws) -> Oscillator:
    return _drop(d, 1.5)


def _texture(make: Callable[[Draws], Sound], seconds: tuple[float, float] = (2.0, 10.0)) -> Kind:
    return Kind((), make, seconds, sustained=True, texture=True)


KINDS = (
    *family(
        "noise",
        white=_texture(colored(0.0)),
        pink=_texture(colored(-3.0)),
        brown=_texture(colored(-6.0)),
        blue=_texture(colored(3.0)),
        low_band=_texture(band(120, 500)),
        middle_band=_texture(band(900, 2500)),
        high_band=_texture(band(4500, 10000)),
        crackle=_texture(crackle),
        static=_texture(static, (1.0, 6.0)),
        whoosh=Kind((), whoosh, (0.4, 2.0), Pattern((0.6, 2.0), (2, 4), chance=0.4, jitter=0.1)),
    ),
    *family(
        "weather",
        wind=Kind((), wind, (3.0, 10.0), texture=True),
        rain=_texture(rain),
        thunder=Kind((), thunder, (1.5, 6.0)),
        fire=Kind((), fire, (2.0, 10.0), texture=True),
    ),
    *family(
        "water",
        waves=Kind((), waves, (4.0, 10.0), texture=True),
        bubbles=Kind((), bubbles, (0.03, 0.08), Pattern((0.04, 0.12), (20, 40), jitter=0.5, variants=8)),
        drip=Kind((), drip, (0.04, 0.1), Pattern((0.3, 1.2), (2, 10), jitter=0.15, variants=2)),
    ),
)
