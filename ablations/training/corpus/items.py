"""Items: sounds to be rendered, listed one by one, and drawn many of a kind at a time."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch

from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.pitches import note_labels
from ablations.training.corpus.vocabulary import KINDS

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Item:
    """A sound to be rendered once.

    Attributes:
        kind: index of its kind in the table `KINDS`.
        event: key of its event.
        key: key of the sound.
        midi: MIDI note with detuning; 69 for kinds without pitch.
        seconds: duration in s.
        position: place in the event, from 0 for the first sound to 1 for the last.
        dynamics: tremolo, fade in or fade out; None for neither.
    """

    kind: int
    event: int
    key: int
    midi: float
    seconds: float
    position: float
    dynamics: str | None


def grouped(items: Sequence[Item], by: Callable[[Item], Key]) -> dict[Key, list[int]]:
    """Group the indices of items by a key. Groups are ordered by their first item."""
    groups: dict[Key, list[int]] = defaultdict(list)
    for index, item in enumerate(items):
        groups[by(item)].append(index)
    return groups


def draws_of(items: Sequence[Item], length: int, rate: int) -> Draws:
    """Make the draws of items of one kind.

    Args:
        items: the items.
        length: samples to render.
        rate: sample rate in Hz.
    """

    def column(values: list[float]) -> torch.Tensor:
        return torch.tensor(values, dtype=torch.float32)[:, None]

    return Draws(
        event=np.array([item.event for item in items], dtype=np.uint64),
        item=np.array([item.key for item in items], dtype=np.uint64),
        midi=column([item.midi for item in items]),
        seconds=column([item.seconds for item in items]),
        position=column([item.position for item in items]),
        length=length,
        rate=rate,
    )


def sounding(items: Sequence[Item]) -> list[frozenset[str]]:
    """List the labels of each item alone.

    These are its kind, its note, and those of its drawn parameters, such as vowel and chord.
    """
    labels: list[frozenset[str]] = [frozenset()] * len(items)
    for which, indices in grouped(items, lambda item: item.kind).items():
        kind = KINDS[which]
        chosen = [items[i] for i in indices]
        extra = kind.extra(draws_of(chosen, 0, 1)) if kind.extra else [()] * len(chosen)
        for index, item, more in zip(indices, chosen, extra, strict=True):
            note = () if kind.notes is None else note_labels(round(item.midi))
            labels[index] = frozenset((*kind.labels, *note, *more))
    return labels
