"""Clicks, ticks, steps and bangs: very short sounds, and their rhythms."""

import torch

from ablations.training.corpus.kinds.drums import burst
from ablations.training.corpus.kinds.kind import Kind, Pattern, family
from ablations.training.corpus.kinds.struck import struck_body
from ablations.training.corpus.synthesis.control import hit
from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.sounds import Filtered, Modal, Oscillator


def click(d: Draws) -> Filtered:
    return Filtered(
        envelope=hit(d.time, 0.002, d.log("fall", 0.001, 0.004)), tilt=d.uniform("tilt", -4, 3), noise=torch.ones(1, 1)
    )


def tick(d: Draws) -> Modal:
    frequency = d.log("frequency", 1500, 3500, per_sound=True) * 2.0 ** d.many("spread", 8, 0.0, 1.6)
    return struck_body(d, frequency, d.many("gains", 8, 0.1, 1.0), d.log("decay", 120.0, 350.0))


def thump(d: Draws) -> Oscillator:
    return Oscillator(d.log("frequency", 40, 75, per_sound=True), hit(d.time, 0.02, d.log("fall", 0.03, 0.07)))


def typing(d: Draws) -> Filtered:
    return burst(d, hit(d.time, 0.002, d.log("fall", 0.004, 0.015, per_sound=True)), 1500, 4500, 1.2)


def step(d: Draws) -> Filtered:
    return burst(d, hit(d.time, 0.008, d.log("fall", 0.02, 0.06)), 180, 600, 1.0, -1.0)


def hoof(d: Draws) -> Modal:
    frequency = d.log("frequency", 500, 1100, per_sound=True) * 2.0 ** d.many("spread", 8, 0.0, 1.2)
    return struck_body(d, frequency, d.many("gains", 8, 0.2, 1.0), d.log("decay", 50.0, 110.0))


def hands(d: Draws) -> Filtered:
    center = d.log("center", 800, 2500, per_sound=True)
    return Filtered(
        envelope=hit(d.time, 0.002, d.log("fall", 0.005, 0.02, per_sound=True)),
        tilt=torch.zeros(1, 1),
        noise=torch.ones(1, 1),
        center=center[..., None],
        width=center[..., None],
        gain=torch.ones(1, 1, 1),
    )


def bang(d: Draws) -> Filtered:
    fall = d.log("fall", 0.04, 0.3)
    return Filtered(
        envelope=hit(d.time, 0.002, 0.01) + 0.4 * hit(d.time, 0.002, fall),
        tilt=d.uniform("tilt", -5, -2),
        noise=torch.ones(1, 1),
    )


def scrape(d: Draws) -> Filtered:
    """Make the stroke of a rough object: noise with fast amplitude modulation."""
    teeth = 0.3 + torch.cos(torch.pi * d.log("teeth", 25, 90) * d.time).square()
    rise = torch.sin((d.time / d.seconds).clamp(0, 1) * torch.pi)
    return burst(d, teeth * rise, 1800, 5500, 0.8)


KINDS = family(
    "impulse",
    click=Kind((), click, (0.02, 0.03), Pattern((0.04, 1.2), (3, 40), chance=0.85, jitter=0.01)),
    ratchet=Kind((), click, (0.02, 0.03), Pattern((0.015, 0.05), (15, 40), jitter=0.03)),
    geiger=Kind((), click, (0.02, 0.03), Pattern((0.08, 0.3), (10, 40), jitter=1.0)),
    clock=Kind((), tick, (0.04, 0.08), Pattern((0.25, 1.0), (6, 30), jitter=0.0, variants=2)),
    heartbeat=Kind((), thump, (0.15, 0.25), Pattern((0.5, 1.1), (3, 10), beat=(0.0, 0.3), variants=2)),
    typing=Kind((), typing, (0.03, 0.06), Pattern((0.08, 0.25), (8, 40), jitter=0.5, variants=4)),
    footsteps=Kind((), step, (0.1, 0.2), Pattern((0.3, 0.75), (4, 14), jitter=0.05, variants=2)),
    gallop=Kind((), hoof, (0.06, 0.12), Pattern((0.35, 0.6), (3, 12), beat=(0.0, 0.2, 0.42), variants=3)),
    applause=Kind((), hands, (0.04, 0.08), Pattern((0.02, 0.08), (30, 60), jitter=1.0, variants=8)),
    bang=Kind((), bang, (0.3, 1.2), Pattern((0.15, 1.0), (2, 6), chance=0.5, jitter=0.2)),
    scrape=Kind((), scrape, (0.15, 0.5), Pattern((0.25, 0.7), (3, 10), chance=0.8, jitter=0.1)),
)
