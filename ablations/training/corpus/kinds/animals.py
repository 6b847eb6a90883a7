"""Animals, made of pulses, formants and gliding whistles."""

import torch
from torch import Tensor

from ablations.training.corpus.kinds.kind import Kind, Pattern, family
from ablations.training.corpus.synthesis.control import arc, held, hit
from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.formants import voiced
from ablations.training.corpus.synthesis.sounds import Filtered, Oscillator


def _throat(
    d: Draws, frequency: Tensor, formants: tuple[float, ...], envelope: Tensor, noise: float, tilt: float = -1.0
) -> Filtered:
    """Make pulses through the formants of a throat, in Hz.

    Every event has its own size of throat.
    """
    center = (torch.tensor([formants]) * d.uniform("tract", 0.8, 1.25))[:, None]
    level, slope = torch.full((1, 1), noise), torch.full((1, 1), tilt)
    return voiced(d, frequency, center, envelope, noise=level, tilt=slope, width=center * 0.18)


def dog(d: Draws) -> Filtered:
    bend = 0.75 + 0.35 * arc(d.time, d.seconds)
    envelope = hit(d.time, 0.012, d.log("fall", 0.05, 0.12))
    return _throat(d, d.log("frequency", 300, 700) * bend, (650.0, 1350, 2400, 3600), envelope, 0.5)


def cat(d: Draws) -> Filtered:
    arch = arc(d.frames, d.seconds)
    center = torch.stack([500 + 600 * arch, 1300 + 700 * arch, 2900 + 0 * arch, 4200 + 0 * arch], dim=-1)
    frequency = d.log("frequency", 400, 650) * (0.9 + 0.3 * arc(d.time, d.seconds))
    return voiced(d, frequency, center * d.uniform("tract", 0.9, 1.2)[..., None], held(d.time, d.seconds, 0.1, 0.2))


def cow(d: Draws) -> Filtered:
    frequency = d.log("frequency", 80, 160) * (0.85 + 0.25 * arc(d.time, d.seconds))
    return _throat(d, frequency, (280.0, 650, 1500, 2600), held(d.time, d.seconds, 0.15, 0.3), 0.08, -3.0)


def sheep(d: Draws) -> Filtered:
    tremor = torch.sin(2 * torch.pi * d.log("tremor", 7, 13) * d.time)
    envelope = held(d.time, d.seconds, 0.05, 0.15) * (0.65 + 0.35 * tremor)
    return _throat(d, d.log("frequency", 230, 420) * (1 + 0.04 * tremor), (750.0, 1500, 2600, 3600), envelope, 0.15)


def crow(d: Draws) -> Filtered:
    envelope = held(d.time, d.seconds, 0.03, 0.1)
    return _throat(d, d.log("frequency", 350, 550) + 0 * d.time, (1100.0, 1700, 2600, 4200), envelope, 0.8, 0.0)


def rooster(d: Draws) -> Filtered:
    """Make three rising calls and a long falling one."""
    share = (d.time / d.seconds).clamp(0, 1)
    calls = torch.sin(torch.pi * (share / 0.15)).square() * (share < 0.45) + (share >= 0.45) * (1.0 - 0.5 * share)
    height = 0.8 + 0.8 * share - 1.4 * (share - 0.6).clamp(min=0)
    return _throat(d, d.log("frequency", 450, 750) * height, (1000.0, 2000, 3000, 4500), calls, 0.2)


def duck(d: Draws) -> Filtered:
    frequency = d.log("frequency", 180, 320) * (1.15 - 0.3 * d.time / d.seconds)
    return _throat(d, frequency, (900.0, 1600, 2500, 4000), held(d.time, d.seconds, 0.015, 0.05), 0.2, 0.0)


def frog(d: Draws) -> Filtered:
    frequency = d.log("frequency", 25, 60) * (1 + 0.2 * d.time / d.seconds)
    return _throat(d, frequency, (600.0, 1200, 1900, 2900), held(d.time, d.seconds, 0.05, 0.05), 0.05)


def fly(d: Draws) -> Filtered:
    frequency = d.log("frequency", 150, 550) * (1 + 0.12 * d.wander("flight", d.time, 1.5))
    level = (0.5 + 0.5 * d.wander("near", d.time, 0.7)).square() + 0.1
    return _throat(d, frequency, (700.0, 1500, 3000, 5500), level, 0.05, -2.0)


def owl(d: Draws) -> Oscillator:
    frequency = d.log("frequency", 280, 520) * (0.95 + 0.1 * arc(d.time, d.seconds))
    return Oscillator(frequency, held(d.time, d.seconds, 0.05, 0.1))


def chirp(d: Draws) -> Oscillator:
    """Make a quick glide of a bird, up, down or both."""
    share = (d.time / d.seconds).clamp(0, 1)
    bend = d.uniform("bend", -0.5, 0.5) * share + d.uniform("arch", -0.4, 0.4) * arc(d.time, d.seconds)
    frequency = d.log("frequency", 2200, 6000) * (1 + bend)
    return Oscillator(frequency, arc(d.time, d.seconds))


def trill(d: Draws) -> Oscillator:
    turn = 2 * torch.pi * d.log("rate", 14, 45) * d.time
    frequency = d.log("frequency", 2500, 6000) * (1 + d.uniform("depth", 0.05, 0.2) * torch.sin(turn))
    return Oscillator(frequency, held(d.time, d.seconds, 0.05, 0.1) * (0.6 + 0.4 * torch.cos(turn)))


def song(d: Draws) -> Oscillator:
    """Make a whistled note of a bird, slower than a chirp."""
    frequency = d.log("base", 1500, 3500) * 2.0 ** d.uniform("step", -0.5, 0.5, per_sound=True)
    bend = 1 + d.uniform("bend", -0.2, 0.2, per_sound=True) * d.time / d.seconds
    return Oscillator(frequency * bend, held(d.time, d.seconds, 0.03, 0.05))


def cricket(d: Draws) -> Oscillator:
    pulses = torch.sin(torch.pi * d.log("pulse", 25, 60) * d.time).square()
    chirps = torch.sin(torch.pi * d.log("chirps", 1.5, 4.5) * d.time).square() > d.uniform("pause", 0.1, 0.6)
    frequency = d.log("frequency", 3200, 6500) + 0 * d.time
    return Oscillator(frequency, pulses * chirps * held(d.time, d.seconds, 0.05, 0.05))


def _calls(low: float, high: float, most: int, chance: float = 0.8, variants: int = 1) -> Pattern:
    return Pattern((low, high), (2, most), chance=chance, jitter=0.12, variants=variants)


KINDS = family(
    "animal",
    dog=Kind((), dog, (0.15, 0.35), _calls(0.25, 0.8, 8)),
    cat=Kind((), cat, (0.5, 1.4), _calls(1.0, 2.5, 3, 0.4)),
    cow=Kind((), cow, (0.8, 2.2), _calls(2.0, 3.5, 3, 0.3)),
    sheep=Kind((), sheep, (0.5, 1.3), _calls(1.0, 2.5, 3, 0.5)),
    crow=Kind((), crow, (0.2, 0.45), _calls(0.4, 0.9, 6)),
    rooster=Kind((), rooster, (1.3, 2.4)),
    duck=Kind((), duck, (0.1, 0.25), _calls(0.2, 0.5, 8)),
    frog=Kind((), frog, (0.25, 0.8), _calls(0.4, 1.2, 6)),
    fly=Kind((), fly, (1.5, 8.0)),
    owl=Kind((), owl, (0.2, 0.6), _calls(0.4, 0.9, 5)),
    chirp=Kind((), chirp, (0.04, 0.15), _calls(0.08, 0.4, 20, 0.95)),
    trill=Kind((), trill, (0.4, 2.0), _calls(0.8, 2.5, 3, 0.5)),
    song=Kind((), song, (0.12, 0.4), _calls(0.2, 0.55, 10, 1.0, variants=0)),
    cricket=Kind((), cricket, (2.0, 9.0)),
)
