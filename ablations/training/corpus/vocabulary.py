"""The table of all kinds of sound, and the labels of the corpus that follow from it."""

from ablations.training.corpus.kinds.animals import KINDS as ANIMALS
from ablations.training.corpus.kinds.drums import KINDS as DRUMS
from ablations.training.corpus.kinds.impulses import KINDS as IMPULSES
from ablations.training.corpus.kinds.kind import Kind
from ablations.training.corpus.kinds.machines import KINDS as MACHINES
from ablations.training.corpus.kinds.noises import KINDS as NOISES
from ablations.training.corpus.kinds.struck import KINDS as STRUCK
from ablations.training.corpus.kinds.tones import CHORDS
from ablations.training.corpus.kinds.tones import KINDS as TONES
from ablations.training.corpus.kinds.voices import KINDS as VOICES
from ablations.training.corpus.synthesis.formants import CONSONANTS, SPEAKERS, VOWELS
from ablations.training.corpus.synthesis.pitches import LABELS as PITCHES

KINDS: tuple[Kind, ...] = (
    *TONES,
    *STRUCK,
    *DRUMS,
    *NOISES,
    *MACHINES,
    *IMPULSES,
    *VOICES,
    *ANIMALS,
)

RATES = {"slow": 0.0, "medium": 1.5, "fast": 4.0, "rattling": 12.0}
"""Label of a rate -> least number of sounds a second."""
DYNAMICS = {"tremolo": 0.12, "fade in": 0.24, "fade out": 0.36}
"""Label of dynamics -> cumulative share of sustained events."""
ROOMS = (("dry", 0.36, 0.0, 0.0), ("small", 0.6, 0.15, 0.35), ("", 0.76, 0.45, 0.8), ("large", 1.0, 1.1, 2.5))
"""Label of a room, cumulative share of clips, shortest and longest reverberation time in s."""
MELODIES = (("rising", 1), ("falling", -1), ("mixed", 0), ("repeated", 0))
"""Shape of a melody, sign of its steps."""

_EXTRA = (
    *(f"chord: {name}" for name in CHORDS),
    *(f"voice: {name}" for name in SPEAKERS),
    *(f"vowel: {name}" for name in (*VOWELS, "glide")),
    *(f"consonant: {name}" for name in CONSONANTS if name != "none"),
    *PITCHES,
    *(f"rate: {name}" for name in RATES),
    *(f"melody: {name}" for name, _ in MELODIES),
    "vibrato",
    *(f"dynamics: {name}" for name in DYNAMICS),
    *(f"room: {name}" for name, *_ in ROOMS if name),
)

LABELS: tuple[str, ...] = tuple(dict.fromkeys([*(label for kind in KINDS for label in kind.labels), *_EXTRA]))
"""Every label, in the order of a batch's columns."""


def rate_of(per_second: float) -> str:
    """Choose the label of a rate, in sounds a second."""
    return [name for name, least in RATES.items() if per_second >= least][-1]
