"""Strings, bars, bells and glasses: struck and plucked bodies, by modal synthesis.

Source: Fletcher and Rossing, The Physics of Musical Instruments. Ratios of partials are k sqrt(1 + B k^2) for a stiff
string, 1 : 2.76 : 5.40 : 8.93 : 13.3 for a free bar, and 1 : 4 : 10 for a tuned wooden bar. A church bell has its hum
an octave below, and its minor third.
"""

import torch
from torch import Tensor

from ablations.training.corpus.kinds.kind import Kind, Pattern, family
from ablations.training.corpus.kinds.tones import MELODY, PARTIALS
from ablations.training.corpus.synthesis.control import held
from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.sounds import Modal

FREE_BAR = torch.tensor([[1, 2.756, 5.404, 8.933, 13.34, 18.64]])
TUNED_BAR = torch.tensor([[1, 3.98, 9.6, 15.8]])
BELL = torch.tensor([[0.5, 1, 1.2, 1.5, 2, 2.51, 2.66, 3.01, 4.17, 5.43]])
GLASS = torch.tensor([[1, 2.32, 4.25, 6.63, 9.38]])


def struck_body(d: Draws, frequency: Tensor, amplitude: Tensor, decay: Tensor, attack: Tensor | float = 0.002) -> Modal:
    """Make decaying partials, (n or 1, partials), that are excited at once or within `attack` s."""
    frequency, amplitude, decay = torch.broadcast_tensors(frequency, amplitude, decay)
    return Modal(frequency, amplitude, decay, held(d.time, d.seconds, attack, 0.02))


def _string(d: Draws, amplitude: Tensor, decay: Tensor, stiffness: Tensor) -> Modal:
    frequency = d.pitch * PARTIALS * (1 + stiffness * PARTIALS.square()).sqrt()
    return struck_body(d, frequency, amplitude, decay * (d.pitch / 220).sqrt())


def plucked(d: Draws) -> Modal:
    place = d.uniform("place", 0.08, 0.45)
    amplitude = torch.sin(torch.pi * place * PARTIALS).abs() / PARTIALS
    decay = d.log("decay", 0.7, 3.0) * (1 + d.log("damping", 0.02, 0.2) * PARTIALS.square())
    return _string(d, amplitude, decay, torch.full((1, 1), 5e-5))


def hammered(d: Draws) -> Modal:
    amplitude = torch.exp(-PARTIALS / d.log("hardness", 2.0, 8.0)) * (torch.sin(torch.pi * PARTIALS / 8).abs() + 0.05)
    decay = d.log("decay", 0.5, 2.0) * (1 + 0.25 * PARTIALS)
    return _string(d, amplitude, decay, d.log("stiffness", 2e-4, 1e-3))


def muted(d: Draws) -> Modal:
    amplitude = 1 / PARTIALS
    return _string(d, amplitude, d.log("decay", 9.0, 25.0) * (1 + 0.1 * PARTIALS), torch.full((1, 1), 5e-5))


def metal_bar(d: Draws) -> Modal:
    amplitude = d.log("hardness", 0.2, 0.7) ** torch.arange(6)
    return struck_body(d, d.pitch * FREE_BAR, amplitude, d.log("decay", 0.6, 3.0) * FREE_BAR.sqrt())


def wood_bar(d: Draws) -> Modal:
    amplitude = d.log("hardness", 0.15, 0.5) ** torch.arange(4)
    return struck_body(d, d.pitch * TUNED_BAR, amplitude, d.log("decay", 6.0, 20.0) * TUNED_BAR.sqrt())


def bell(d: Draws) -> Modal:
    frequency = d.log("frequency", 150, 1500) * BELL * d.many("tuning", 10, 0.99, 1.01)
    return struck_body(d, frequency, d.many("gains", 10, 0.2, 1.0), d.log("decay", 0.4, 2.0) * BELL.sqrt())


def glass(d: Draws) -> Modal:
    frequency = d.log("frequency", 700, 3000, per_sound=True) * GLASS
    return struck_body(d, frequency, d.many("gains", 5, 0.2, 1.0), d.log("decay", 3.0, 12.0) * GLASS.sqrt())


def gong(d: Draws) -> Modal:
    frequency = d.log("frequency", 60, 150) * 2.0 ** d.many("spread", 32, 0.0, 5.0)
    decay = d.log("decay", 0.4, 1.2) * (frequency / 300).sqrt().clamp(min=0.5)
    return struck_body(d, frequency, d.many("gains", 32, 0.1, 1.0), decay, d.uniform("bloom", 0.005, 0.08))


def knock(d: Draws) -> Modal:
    frequency = d.log("frequency", 120, 400) * 2.0 ** d.many("spread", 8, 0.0, 2.5)
    return struck_body(
        d, frequency, d.many("gains", 8, 0.2, 1.0), d.log("decay", 30.0, 90.0) * (frequency / 400).sqrt()
    )


def jingle(d: Draws) -> Modal:
    frequency = d.log("frequency", 2500, 5000) * 2.0 ** d.many("spread", 8, 0.0, 1.5, per_sound=True)
    return struck_body(d, frequency, d.many("gains", 8, 0.1, 1.0, per_sound=True), d.log("decay", 10.0, 35.0))


_AGAIN = Pattern((0.3, 1.5), (2, 5), chance=0.4)

KINDS = (
    *family(
        "string",
        plucked=Kind((), plucked, (0.4, 2.0), MELODY, notes=(40, 84)),
        hammered=Kind((), hammered, (0.4, 2.5), MELODY, notes=(33, 96)),
        muted=Kind((), muted, (0.2, 0.4), MELODY, notes=(36, 72)),
    ),
    *family(
        "struck",
        metal_bar=Kind((), metal_bar, (0.4, 2.5), MELODY, notes=(60, 96)),
        wood_bar=Kind((), wood_bar, (0.2, 0.5), MELODY, notes=(48, 86)),
        bell=Kind((), bell, (0.8, 4.0), _AGAIN),
        glass=Kind((), glass, (0.2, 1.0), Pattern((0.1, 0.8), (2, 6), chance=0.5, jitter=0.3, variants=3)),
        gong=Kind((), gong, (1.0, 4.0), _AGAIN),
        knock=Kind((), knock, (0.08, 0.2), Pattern((0.12, 0.45), (2, 8), chance=0.9)),
        jingle=Kind((), jingle, (0.1, 0.4), Pattern((0.04, 0.15), (6, 30), jitter=0.4, variants=4)),
    ),
)
