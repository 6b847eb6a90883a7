"""Sounds to be rendered: as values one by one, as draws many of a kind at a time."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ablations.training.corpus.kinds.table import KINDS
from ablations.training.corpus.synthesis.draws import Draws
from ablations.training.corpus.synthesis.pitches import note_labels


@dataclass(frozen=True)
class Item:
    """A sound to be rendered once; times in s."""

    kind: int
    event: int
    key: int
    midi: float
    seconds: float
    position: float
    dynamics: str | None


def grouped(items: Sequence[Item], by: Callable[[Item], Hashable]) -> dict[Hashable, list[int]]:
    """Indices of items by what `by` says of each, in the order of the first of each group."""
    groups = defaultdict(list)
    for index, item in enumerate(items):
        groups[by(item)].append(index)
    return groups


def draws_of(items: Sequence[Item], length: int, rate: int) -> Draws:
    """What items of one kind are made from; `length` samples each."""

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
    """The labels of each item by itself: its kind, its note, and what its drawn parameters say (vowel, chord)."""
    found: list[frozenset[str]] = [frozenset()] * len(items)
    for which, indices in grouped(items, lambda item: item.kind).items():
        kind = KINDS[which]
        chosen = [items[i] for i in indices]
        extra = kind.extra(draws_of(chosen, 0, 1)) if kind.extra else [()] * len(chosen)
        for index, item, more in zip(indices, chosen, extra, strict=True):
            note = () if kind.notes is None else note_labels(round(item.midi))
            found[index] = frozenset((*kind.labels, *note, *more))
    return found
