"""Tones and chords of additive, FM and breathy timbres, labeled with their pitches."""

from collections.abc import Callable
from itertools import chain

import torch
from torch import Tensor

from ablations.training.corpus.kinds.kind import Kind, Pattern, family, vibrato_labels
from ablations.training.corpus.synthesis.control import held, hit
from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.pitches import note_labels
from ablations.training.corpus.synthesis.sounds import Filtered, Modal, Oscillator, Sound

PARTIALS = torch.arange(1.0, 33.0)[None]
MELODY = Pattern(interval=(0.15, 0.6), count=(3, 8), chance=0.4, variants=0, melody=True)
CHORDS = {
    "major": (0, 4, 7, 12),
    "minor": (0, 3, 7, 12),
    "diminished": (0, 3, 6, 9),
    "augmented": (0, 4, 8, 12),
    "suspended": (0, 5, 7, 12),
    "seventh": (0, 4, 7, 10),
    "fifth": (0, 7, 12, 19),
    "cluster": (0, 1, 2, 3),
}
"""Chord -> its notes, in semitones above the root."""
STEPS = torch.tensor(list(CHORDS.values()), dtype=torch.float32)


def _envelope(d: Draws) -> Tensor:
    attack, release = d.log("attack", 0.004, 0.15), d.log("release", 0.02, 0.3)
    return held(d.time, d.seconds, torch.minimum(attack, d.seconds / 3), torch.minimum(release, d.seconds / 3))


def _steady(d: Draws, amplitude: Tensor) -> Modal:
    """Make harmonics that do not decay."""
    frequency = d.pitch * PARTIALS[:, : amplitude.shape[-1]]
    return Modal(frequency, amplitude, torch.zeros_like(frequency), _envelope(d))


def sine(d: Draws) -> Modal:
    return _steady(d, torch.ones(1, 1))


def bright(d: Draws) -> Modal:
    return _steady(d, PARTIALS ** -d.uniform("slope", 0.6, 1.2))


def hollow(d: Draws) -> Modal:
    return _steady(d, (PARTIALS % 2) * PARTIALS ** -d.uniform("slope", 0.8, 1.5))


def organ(d: Draws) -> Modal:
    drawn = d.many("drawbar", 8) * torch.tensor([[1.0, 1, 1, 1, 0, 1, 0, 1]])
    return _steady(d, drawn + torch.eye(8)[:1])


def additive(d: Draws) -> Modal:
    """Make sixteen harmonics of random strengths, which last or decay at different rates."""
    amplitude = (
        d.many("gains", 16).square() * PARTIALS[:, :16] ** -d.uniform("slope", 0.0, 1.5) + 0.5 * torch.eye(16)[:1]
    )
    falls = torch.from_numpy(d.has("falls", 0.6))[:, None]
    decay = falls * d.log("decay", 0.5, 6.0) * d.many("decays", 16, 0.5, 2.0)
    return Modal(d.pitch * PARTIALS[:, :16], amplitude, decay, _envelope(d))


def brass(d: Draws) -> Oscillator:
    envelope = held(d.time, d.seconds, torch.minimum(d.uniform("attack", 0.03, 0.12), d.seconds / 3), 0.05)
    frequency = d.pitch * d.vibrato()
    return Oscillator(frequency, envelope, modulator=frequency, index=envelope * d.uniform("index", 2.0, 5.0))


def electric_piano(d: Draws) -> Oscillator:
    fall = d.log("fall", 0.3, 1.5)
    index = d.uniform("index", 0.8, 2.5) * torch.exp(-d.time / (fall / 2))
    ratio = torch.tensor([1.0, 2.0, 7.0])[d.pick("ratio", 3)][:, None]
    return Oscillator(d.pitch, hit(d.time, 0.003, fall), modulator=d.pitch * ratio, index=index / ratio.sqrt())


def metallic(d: Draws) -> Oscillator:
    frequency, fall = d.log("frequency", 100, 1200), d.log("fall", 0.15, 1.5)
    index = d.uniform("index", 2.0, 6.0) * torch.exp(-d.time / fall)
    modulator = frequency * d.uniform("ratio", 1.31, 1.49) * 2.0 ** d.pick("octave", 2)[:, None]
    return Oscillator(frequency, hit(d.time, 0.003, fall), modulator=modulator, index=index)


def flute(d: Draws) -> Filtered:
    frequency = d.pitch * d.vibrato()
    ones = torch.ones(1, 1)
    return Filtered(
        envelope=_envelope(d),
        tilt=torch.zeros(1, 1),
        noise=d.uniform("breath", 0.1, 0.35),
        frequency=frequency,
        pulse=ones,
        sharpness=d.uniform("sharpness", 0.5, 4.0),
        center=(d.pitch * 1.5)[..., None],
        width=(d.pitch * 5)[..., None],
        gain=ones[..., None],
    )


def bowed(d: Draws) -> Filtered:
    return Filtered(
        envelope=held(d.time, d.seconds, torch.minimum(d.uniform("attack", 0.04, 0.2), d.seconds / 3), 0.08),
        tilt=d.uniform("tilt", -5.0, -2.0),
        noise=d.uniform("scratch", 0.01, 0.05),
        frequency=d.pitch * d.vibrato(),
        pulse=torch.ones(1, 1),
        sharpness=torch.full((1, 1), 1e4),
        center=(torch.tensor([[280.0, 480, 1100, 2800]]) * d.many("body", 4, 0.8, 1.25))[:, None],
        width=torch.tensor([[[200.0, 250, 700, 2500]]]),
        gain=d.many("gains", 4, 0.4, 1.0)[:, None],
    )


def chord(d: Draws) -> Modal:
    """Make four notes of eight partials, sustained like an organ or decaying like strings."""
    steps = STEPS[d.pick("chord", len(CHORDS))]
    frequency = (d.pitch * 2.0 ** (steps / 12))[..., None] * PARTIALS[:, :8]
    amplitude = (PARTIALS[:, :8] ** -d.uniform("slope", 0.8, 2.0))[:, None].expand_as(frequency)
    falls = torch.from_numpy(d.has("falls", 0.5))[:, None]
    decay = falls * d.log("decay", 0.7, 4.0) * (1 + 0.3 * PARTIALS[:, :8])
    decay = decay[:, None].expand_as(frequency)
    return Modal(frequency.flatten(1), amplitude.flatten(1), decay.flatten(1), _envelope(d))


def chord_labels(d: Draws) -> list[tuple[str, ...]]:
    """List the labels of chords: their types and notes."""
    names = list(CHORDS)
    labels: list[tuple[str, ...]] = []
    for which, midi in zip(d.pick("chord", len(CHORDS)).tolist(), d.midi[:, 0].tolist(), strict=True):
        notes = (note_labels(round(midi) + step) for step in CHORDS[names[which]])
        labels.append((f"chord: {names[which]}", *chain.from_iterable(notes)))
    return labels


def _tone(
    make: Callable[[Draws], Sound],
    low: int = 36,
    high: int = 88,
    *,
    extra: Callable[[Draws], list[tuple[str, ...]]] | None = None,
    sustained: bool = False,
    weight: float = 1.0,
) -> Kind:
    """Declare a kind of tone with MIDI notes from `low` to `high`; see `Kind` for the others."""
    return Kind((), make, (0.2, 2.5), MELODY, notes=(low, high), extra=extra, sustained=sustained, weight=weight)


KINDS = (
    *family(
        "tone",
        sine=_tone(sine, 45, 100, sustained=True),
        bright=_tone(bright, sustained=True),
        hollow=_tone(hollow, sustained=True),
        organ=_tone(organ, sustained=True),
        additive=_tone(additive, 33, 96, weight=2.0),
        brass=_tone(brass, 40, 79, extra=vibrato_labels),
        electric_piano=_tone(electric_piano),
        metallic=Kind((), metallic, (0.3, 2.5), Pattern((0.2, 0.8), (2, 6), chance=0.3)),
        flute=_tone(flute, 57, 93, extra=vibrato_labels, sustained=True),
    ),
    Kind(
        ("string", "string: bowed"),
        bowed,
        (0.3, 3.0),
        MELODY,
        notes=(38, 84),
        extra=vibrato_labels,
        sustained=True,
    ),
    Kind(
        ("chord",),
        chord,
        (0.5, 3.0),
        Pattern((0.5, 1.2), (2, 4), chance=0.2),
        notes=(40, 72),
        extra=chord_labels,
        weight=8.0,
    ),
)
