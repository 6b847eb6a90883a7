"""Kind: a kind of sound, with its synthesis, duration, repetition and labels."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.sounds import Sound


@dataclass(frozen=True)
class Pattern:
    """How the sounds of an event follow one another.

    Attributes:
        interval: shortest and longest time between two sounds, in s.
        count: fewest and most sounds.
        chance: probability that there is more than one sound.
        jitter: how far a sound may be delayed, as a share of the interval.
        variants: number of different sounds, which alternate. 0 makes all sounds different.
        melody: whether every sound has its own pitch.
        beat: offsets of the sounds in an interval, as shares of it.
    """

    interval: tuple[float, float]
    count: tuple[int, int]
    chance: float = 1.0
    jitter: float = 0.03
    variants: int = 1
    melody: bool = False
    beat: tuple[float, ...] = (0.0,)


@dataclass(frozen=True)
class Kind:
    """A kind of sound: one row of the table.

    Attributes:
        labels: labels of every sound of the kind.
        make: makes n sounds from the draws of n sounds.
        seconds: shortest and longest duration of a sound in s.
        pattern: how sounds repeat in an event. None is a single sound.
        notes: lowest and highest MIDI note, if the kind has a clear pitch, which is then close to a note.
        extra: lists further labels of n sounds from their draws.
        sustained: whether a sound may fade, swell or tremble, which adds a label.
        texture: whether it is a background, which is quieter and does not reveal the room.
        weight: how often it is drawn, relative to most kinds.
    """

    labels: tuple[str, ...]
    make: Callable[[Draws], Sound]
    seconds: tuple[float, float]
    pattern: Pattern | None = None
    notes: tuple[int, int] | None = None
    extra: Callable[[Draws], list[tuple[str, ...]]] | None = None
    sustained: bool = False
    texture: bool = False
    weight: float = 1.0


def vibrato_labels(draws: Draws) -> list[tuple[str, ...]]:
    """List the label of vibrato, for kinds that use `Draws.vibrato`."""
    return [("vibrato",) if has else () for has in draws.has("vibrato", 0.5)]


def family(parent: str, **kinds: Kind) -> tuple[Kind, ...]:
    """Put the labels of a family before those of its kinds: `drum`, `drum: kick`.

    Args:
        parent: name of the family.
        kinds: the kinds by name.
    """
    return tuple(
        replace(kind, labels=(parent, f"{parent}: {name.replace('_', ' ')}", *kind.labels))
        for name, kind in kinds.items()
    )
