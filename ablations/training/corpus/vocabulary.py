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
ROOMS = ("dry", "small", "large")

_EXTRA = (
    *(f"chord: {name}" for name in CHORDS),
    *(f"voice: {name}" for name in SPEAKERS),
    *(f"vowel: {name}" for name in (*VOWELS, "glide")),
    *(f"consonant: {name}" for name in CONSONANTS if name != "none"),
    *PITCHES,
    *(f"rate: {name}" for name in RATES),
    *(f"melody: {name}" for name in ("rising", "falling", "mixed", "repeated")),
    "vibrato",
    *(f"dynamics: {name}" for name in ("tremolo", "fade in", "fade out")),
    *(f"room: {name}" for name in ROOMS),
)

LABELS: tuple[str, ...] = tuple(dict.fromkeys([*(label for kind in KINDS for label in kind.labels), *_EXTRA]))
"""Every label, in the order of a batch's columns."""


def rate_of(per_second: float) -> str:
    """Choose the label of a rate, in sounds a second."""
    return [name for name, least in RATES.items() if per_second >= least][-1]
