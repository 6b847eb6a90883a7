"""The vocal tract: vowels, consonants and speakers as numbers, and the syllables they make.

Source: Peterson and Barney, "Control Methods Used in a Study of the Vowels", JASA 24 (1952). Formants are their
averages over men, with a fourth formant at 3500 Hz. Vocal tracts of other sizes scale all of them.
"""

import numpy as np
import torch
from torch import Tensor

from ablations.training.corpus.synthesis.control import held
from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.sounds import Filtered

VOWELS = {
    "a": (730.0, 1090, 2440, 3500),
    "e": (530.0, 1840, 2480, 3500),
    "i": (270.0, 2290, 3010, 3500),
    "o": (570.0, 840, 2410, 3500),
    "u": (300.0, 870, 2240, 3500),
}
FORMANTS = torch.tensor(list(VOWELS.values()))
WIDTHS = torch.tensor([80.0, 100, 140, 250])  # Hz
GAINS = torch.tensor([1.0, 0.63, 0.35, 0.2])
SPEAKERS = {"male": (85.0, 150.0, 1.0), "female": (165.0, 250.0, 1.17), "child": (260.0, 380.0, 1.38)}
"""Speaker -> lowest and highest fundamental in Hz, factor of the formants."""
CONSONANTS = {  # four resonances and their width in Hz, level of noise, level of voice, share of the syllable
    "none": (700.0, 1200, 2500, 3500, 150, 0.0, 1.0, 0.001),
    "s": (6500.0, 7500, 5500, 8500, 2500, 0.4, 0.0, 0.35),
    "sh": (2600.0, 3500, 4500, 5500, 1500, 0.4, 0.0, 0.35),
    "f": (8000.0, 5000, 10000, 2500, 6000, 0.2, 0.0, 0.35),
    "plosive": (1800.0, 3000, 700, 4500, 1500, 0.9, 0.0, 0.12),
    "nasal": (250.0, 1000, 2200, 3300, 150, 0.0, 0.4, 0.35),
}
_CONSONANTS = torch.tensor(list(CONSONANTS.values()))
GLIDES = 0.35  # share of syllables whose vowel glides to another one


def speaker(d: Draws, per_sound: bool = False) -> tuple[Tensor, Tensor]:
    """Draw speakers: fundamental in Hz (n, 1), and factor of the formants (n, 1)."""
    low, high, size = torch.tensor(list(SPEAKERS.values()))[d.pick("speaker", 3, per_sound=per_sound)].T[..., None]
    fundamental = low * (high / low) ** d.uniform("height", per_sound=per_sound)
    return fundamental, size * d.uniform("tract", 0.96, 1.04, per_sound=per_sound)


def vowel(d: Draws, per_sound: bool = False) -> Tensor:
    """Draw vowels: formants in Hz (n, 1, 4)."""
    return FORMANTS[d.pick("vowel", len(VOWELS), per_sound=per_sound)][:, None]


def voiced(d: Draws, frequency: Tensor, formants: Tensor, envelope: Tensor, **others: Tensor) -> Filtered:
    """Make a voice: pulses and a little breath, filtered by formants.

    Args:
        d: the draws of the sounds.
        frequency: (n, points), fundamental in Hz.
        formants: (n, frames or 1, 4), in Hz.
        envelope: (n, points).
        others: further fields of `Filtered`.
    """
    values = {
        "tilt": torch.full((1, 1), -2.0),
        "noise": torch.full((1, 1), 0.05),
        "pulse": torch.ones(1, 1),
        "width": WIDTHS.expand(1, 1, 4),
        "gain": GAINS.expand(1, 1, 4),
        **others,
    }
    return Filtered(
        envelope=envelope, frequency=frequency, center=formants, sharpness=torch.full((1, 1), 1e5), **values
    )


def syllable(d: Draws, frequency: Tensor | None, size: Tensor) -> Filtered:
    """Make a consonant and a vowel.

    In about a third of the syllables the vowel glides to another one.

    Args:
        d: the draws of the sounds.
        frequency: (n, points), fundamental in Hz. None is whispering.
        size: (n, 1), factor of the formants.
    """
    consonant = _CONSONANTS[d.pick("consonant", len(CONSONANTS), per_sound=True)]
    hiss, voice, part = consonant[:, 5:6], consonant[:, 6:7], consonant[:, 7:8]
    start = part * d.seconds
    opened, shape = (((t - start) / 0.03 + 0.5).clamp(0, 1) for t in (d.time, d.frames))
    shape = torch.where(part < 0.01, torch.ones(()), shape)[..., None]  # (n, frames, 1): 0 consonant, 1 vowel
    share = ((d.frames - start) / (d.seconds - start)).clamp(0, 1) * torch.from_numpy(glides(d))[:, None]
    last = FORMANTS[d.pick("glide to", len(VOWELS), per_sound=True)][:, None]
    formants = torch.lerp(vowel(d, True), last, share[..., None]) * size[..., None]
    breath = torch.full((), 1.0 if frequency is None else 0.05)
    sounding = torch.lerp(voice, torch.ones(()), opened)
    return Filtered(
        envelope=held(d.time, d.seconds, 0.008, d.seconds / 4),
        tilt=torch.full((1, 1), -2.0),
        noise=torch.lerp(hiss + breath * voice, breath, opened),
        frequency=frequency,
        pulse=None if frequency is None else sounding,
        sharpness=None if frequency is None else torch.full((1, 1), 1e5),
        center=torch.lerp(consonant[:, None, :4].expand_as(formants), formants, shape),
        width=torch.lerp(consonant[:, None, 4:5].expand(-1, 1, 4), WIDTHS, shape),
        gain=torch.lerp(torch.full((4,), 0.5), GAINS, shape),
    )


def glides(d: Draws) -> np.ndarray:
    """Draw the syllables whose vowel glides to another one: (n,), bool."""
    same = d.pick("vowel", len(VOWELS), per_sound=True) == d.pick("glide to", len(VOWELS), per_sound=True)
    return (d.uniform("glides", per_sound=True)[:, 0] < GLIDES).numpy() & ~same.numpy()


def syllable_labels(d: Draws) -> list[tuple[str, ...]]:
    """List the labels of syllables: the vowel or a glide, and the consonant if there is one."""
    vowels, consonants = list(VOWELS), list(CONSONANTS)
    labels: list[tuple[str, ...]] = []
    for v, c, g in zip(
        d.pick("vowel", len(VOWELS), per_sound=True).tolist(),
        d.pick("consonant", len(CONSONANTS), per_sound=True).tolist(),
        glides(d).tolist(),
        strict=True,
    ):
        consonant = (f"consonant: {consonants[c]}",) if c else ()
        labels.append(("vowel: glide" if g else f"vowel: {vowels[v]}", *consonant))
    return labels
