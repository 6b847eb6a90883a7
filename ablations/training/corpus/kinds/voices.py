"""Voices: singing, words, whispers, babble, laughter, crying, coughs and breath."""

import torch
from torch import Tensor

from ablations.training.corpus.kinds.kind import Kind, Pattern, family, vibrato_labels
from ablations.training.corpus.kinds.tones import MELODY
from ablations.training.corpus.synthesis.control import arc, held, hit
from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.formants import (
    FORMANTS,
    SPEAKERS,
    VOWELS,
    speaker,
    syllable,
    syllable_labels,
    voiced,
    vowel,
)
from ablations.training.corpus.synthesis.sounds import Filtered

HIGHEST = torch.tensor([52.5, 65.5])  # MIDI: a man sings up to E3, a woman up to F4, above that a child


def sung(d: Draws) -> Filtered:
    size = torch.tensor([size for _, _, size in SPEAKERS.values()])[_singer(d)][:, None]
    envelope = held(d.time, d.seconds, torch.minimum(d.uniform("attack", 0.03, 0.15), d.seconds / 3), 0.08)
    return voiced(d, d.pitch * d.vibrato(), vowel(d) * size[..., None], envelope)


def _singer(d: Draws) -> Tensor:
    return torch.bucketize(d.midi[:, 0].round(), HIGHEST)


def sung_labels(d: Draws) -> list[tuple[str, ...]]:
    vowels = d.pick("vowel", len(VOWELS)).tolist()
    rows = zip(_singer(d).tolist(), vowels, vibrato_labels(d), strict=True)
    return [(f"voice: {list(SPEAKERS)[who]}", f"vowel: {list(VOWELS)[v]}", *more) for who, v, more in rows]


def _speaker_labels(d: Draws, per_sound: bool = False) -> list[tuple[str, ...]]:
    return [(f"voice: {list(SPEAKERS)[i]}",) for i in d.pick("speaker", 3, per_sound=per_sound).tolist()]


def spoken(d: Draws) -> Filtered:
    """Make a syllable of a word. The pitch usually falls from the first syllable to the last."""
    base, size = speaker(d)
    fall = d.uniform("fall", -0.1, 0.35) * (d.position + 0.3 * d.time / d.seconds)
    accent = 1 + d.uniform("accent", 0.0, 0.15, per_sound=True) * arc(d.time, d.seconds)
    return syllable(d, base * (1.1 - fall) * accent, size)


def spoken_labels(d: Draws) -> list[tuple[str, ...]]:
    return [(*speaker, *syllable) for speaker, syllable in zip(_speaker_labels(d), syllable_labels(d), strict=True)]


def whispered(d: Draws) -> Filtered:
    return syllable(d, None, speaker(d)[1])


def babble(d: Draws) -> Filtered:
    """Make a syllable; every one is of another speaker."""
    base, size = speaker(d, per_sound=True)
    return syllable(d, (base * d.uniform("melody", 0.9, 1.2, per_sound=True)).expand(-1, d.time.shape[-1]), size)


def laugh(d: Draws) -> Filtered:
    base, size = speaker(d)
    frequency = base * 1.5 * (1.2 - 0.5 * d.position) * (1 - 0.15 * d.time / d.seconds)
    breath = 0.1 + 0.8 * (1 - d.time / (0.4 * d.seconds)).clamp(min=0)
    return voiced(d, frequency, vowel(d) * size[..., None], arc(d.time, d.seconds), noise=breath)


def baby(d: Draws) -> Filtered:
    arch = arc(d.time, d.seconds)
    frequency = d.log("frequency", 340, 520) * (0.85 + d.uniform("reach", 0.15, 0.4) * arch)
    formants = (FORMANTS[0] * d.uniform("tract", 1.5, 1.75))[:, None]
    harsh = 0.05 + 0.3 * d.uniform("harsh") * arch
    return voiced(d, frequency, formants, held(d.time, d.seconds, 0.06, 0.15), noise=harsh, tilt=torch.zeros(1, 1))


def shout(d: Draws) -> Filtered:
    base, size = speaker(d)
    frequency = base * 2.5 * (0.9 + 0.2 * arc(d.time, d.seconds)) * (1 + 0.02 * d.wander("rough", d.time, 20.0))
    envelope = held(d.time, d.seconds, 0.05, 0.15)
    return voiced(d, frequency, vowel(d) * size[..., None] * 1.1, envelope, tilt=torch.full((1, 1), 1.0))


def _breathy(d: Draws, envelope: Tensor, center: Tensor, width: float) -> Filtered:
    center = (center * d.many("tract", center.shape[-1], 0.85, 1.2))[:, None]
    return Filtered(
        envelope=envelope,
        tilt=torch.full((1, 1), -1.0),
        noise=torch.ones(1, 1),
        center=center,
        width=center * width,
        gain=torch.tensor([[[1.0, 0.7, 0.5, 0.3]]]),
    )


def cough(d: Draws) -> Filtered:
    envelope = hit(d.time, 0.008, 0.04) + 0.5 * hit((d.time - 0.06).clamp(min=0), 0.03, 0.06)
    return _breathy(d, envelope, torch.tensor([[450.0, 1200, 2300, 3800]]), 0.4)


def breath(d: Draws) -> Filtered:
    return _breathy(d, arc(d.time, d.seconds).square(), torch.tensor([[900.0, 1800, 3000, 5500]]), 0.6)


WORDS = Pattern((0.17, 0.32), (1, 6), jitter=0.08, variants=0)

KINDS = family(
    "voice",
    sung=Kind((), sung, (0.3, 3.0), MELODY, notes=(40, 76), extra=sung_labels, sustained=True, weight=2.5),
    spoken=Kind((), spoken, (0.16, 0.36), WORDS, extra=spoken_labels, weight=5.0),
    whispered=Kind((), whispered, (0.16, 0.36), WORDS, extra=syllable_labels, weight=1.5),
    babble=Kind((), babble, (0.15, 0.4), Pattern((0.05, 0.12), (20, 40), jitter=0.5, variants=12)),
    laugh=Kind((), laugh, (0.1, 0.18), Pattern((0.16, 0.25), (4, 10), variants=0), extra=_speaker_labels),
    baby_cry=Kind((), baby, (0.5, 1.3), Pattern((0.8, 1.7), (2, 6), chance=0.8, jitter=0.15, variants=2)),
    shout=Kind((), shout, (0.4, 1.6), extra=_speaker_labels),
    cough=Kind((), cough, (0.2, 0.4), Pattern((0.35, 0.7), (2, 4), chance=0.7, jitter=0.2)),
    breath=Kind((), breath, (0.5, 1.4), Pattern((1.0, 2.0), (2, 5), chance=0.8, jitter=0.1, variants=2)),
)
