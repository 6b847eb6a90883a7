"""Drums: skins whose pitch falls, decaying noise, and the beats that they play."""

import torch
from torch import Tensor

from ablations.training.corpus.kinds.kind import Kind, Pattern, family
from ablations.training.corpus.kinds.struck import struck_body
from ablations.training.corpus.synthesis.control import hit
from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.sounds import Filtered, Modal, Oscillator, resonance

SKIN = torch.tensor([[1.0, 2.0, 3.0, 4.0, 5.0, 1.59, 2.14, 2.3]])  # harmonics of a loaded skin, modes of a bare one
BEAT = Pattern((0.12, 0.8), (3, 16), chance=0.65, jitter=0.02)


def _skin(d: Draws, low: float, high: float, drop: float) -> Oscillator:
    rest = d.log("frequency", low, high)
    frequency = rest * (1 + drop * d.uniform("drop", 0.6, 1.4) * torch.exp(-d.time / d.log("bend", 0.015, 0.06)))
    return Oscillator(frequency, hit(d.time, 0.002, d.log("fall", 0.06, 0.25)))


def kick(d: Draws) -> Oscillator:
    return _skin(d, 42, 70, 2.5)


def tom(d: Draws) -> Oscillator:
    return _skin(d, 85, 230, 0.45)


def hand_drum(d: Draws) -> Modal:
    rings = torch.from_numpy(d.has("rings", 0.5))[:, None]
    gains = d.many("gains", 8, 0.1, 1.0) * torch.where(rings, torch.tensor([1.0] * 5 + [0.0] * 3), 1.0)
    decay = d.log("decay", 6.0, 25.0) * (0.7 + 0.3 * SKIN)
    return struck_body(d, d.log("frequency", 120, 400) * SKIN, gains, decay)


def rim(d: Draws) -> Modal:
    frequency = d.log("frequency", 400, 900) * 2.0 ** d.many("spread", 8, 0.0, 2.0)
    return struck_body(d, frequency, d.many("gains", 8, 0.2, 1.0), d.log("decay", 60.0, 150.0))


def snare(d: Draws) -> Filtered:
    return Filtered(
        envelope=hit(d.time, 0.002, d.log("fall", 0.05, 0.16)),
        tilt=d.uniform("tilt", -2.0, 1.0),
        noise=torch.ones(1, 1),
        frequency=d.log("frequency", 160, 260) * (1 + 0.3 * torch.exp(-d.time / 0.02)),
        pulse=d.uniform("body", 0.5, 2.0) * torch.exp(-d.time / 0.05),
        sharpness=torch.ones(1, 1),
    )


def burst(d: Draws, envelope: Tensor, low: float, high: float, width: float, tilt: float = 0.0) -> Filtered:
    """Make noise around a center from `low` to `high` Hz. The width is a share of the center."""
    return resonance(d.log("center", low, high), envelope, width, tilt)


def closed_hat(d: Draws) -> Filtered:
    return burst(d, hit(d.time, 0.002, d.log("fall", 0.012, 0.04)), 7500, 11000, 0.7, 3.0)


def open_hat(d: Draws) -> Filtered:
    return burst(d, hit(d.time, 0.002, d.log("fall", 0.12, 0.35)), 7500, 11000, 0.7, 3.0)


def cymbal(d: Draws) -> Filtered:
    return burst(d, hit(d.time, d.log("attack", 0.002, 0.03), d.log("fall", 0.4, 1.2)), 4500, 9000, 1.6)


def clap(d: Draws) -> Filtered:
    """Make three short bursts about 10 ms apart, and a tail."""
    gap = d.uniform("gap", 0.007, 0.014)
    envelope = 0.5 * hit((d.time - 2 * gap).clamp(min=0), 0.002, d.log("tail", 0.03, 0.12))
    for number in range(3):
        envelope = envelope + hit((d.time - number * gap).clamp(min=0), 0.002, 0.004)
    return burst(d, envelope, 900, 1900, 1.0)


def shaker(d: Draws) -> Filtered:
    rise = d.uniform("rise", 0.015, 0.04)
    return burst(d, torch.exp(-((d.time - 2 * rise) / rise).square()), 4500, 8500, 0.8)


KINDS = family(
    "drum",
    kick=Kind((), kick, (0.25, 0.5), BEAT),
    tom=Kind((), tom, (0.25, 0.6), BEAT),
    hand_drum=Kind((), hand_drum, (0.25, 0.6), BEAT),
    rim=Kind((), rim, (0.06, 0.12), BEAT),
    snare=Kind((), snare, (0.2, 0.5), BEAT),
    closed_hat=Kind((), closed_hat, (0.06, 0.15), BEAT),
    open_hat=Kind((), open_hat, (0.4, 1.0), BEAT),
    cymbal=Kind((), cymbal, (1.0, 3.0), Pattern((0.5, 1.5), (2, 4), chance=0.3)),
    clap=Kind((), clap, (0.12, 0.4), BEAT),
    shaker=Kind((), shaker, (0.1, 0.2), Pattern((0.09, 0.3), (6, 30), jitter=0.02)),
)
