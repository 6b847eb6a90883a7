"""A kind of sound as a value: how it is made, how long it lasts, how it repeats, what it is called."""

from collections.abc import Callable
from dataclasses import dataclass

from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.sounds import Sound


@dataclass(frozen=True)
class Pattern:
    """How the sounds of an event follow one another.

    Attributes:
        interval: shortest and longest time between two of them, in s.
        count: fewest and most of them.
        chance: of there being more than one.
        jitter: how far each may be from its place, as a share of the interval.
        variants: how many different sounds are made; they take turns. 0: each is another.
        melody: each has another pitch.
        beat: offsets within an interval, as shares of it; one sound at each.
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
    """One row of the table of sounds.

    Attributes:
        labels: of every sound of the kind.
        make: n draws -> n sounds.
        seconds: shortest and longest duration of one sound.
        pattern: None: one sound is the event.
        notes: lowest and highest MIDI note where it has one clear pitch, which is then near that of a note.
        extra: n draws -> further labels of each.
        sustained: may fade, swell or tremble, which are labels.
        texture: a background, of lower level, which says nothing of the room.
        weight: how often it is drawn, against 1 of most kinds.
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
    """For kinds that use `Draws.vibrato`."""
    return [("vibrato",) if has else () for has in draws.has("vibrato", 0.5)]


def family(parent: str, **kinds: Kind) -> tuple[Kind, ...]:
    """Kinds with the labels of their parent and their own name, before those they have: drum, drum: kick."""
    named = []
    for name, kind in kinds.items():
        labels = (parent, f"{parent}: {name.replace('_', ' ')}", *kind.labels)
        named.append(Kind(**{**vars(kind), "labels": labels}))
    return tuple(named)
