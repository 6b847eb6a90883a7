"""Divide fits into packs by their sizes.

Every pack takes the time of its launches, however small its probes. So fits of one kind share a pack even if their
features or labels are padded for it, as long as padding takes less time than the launches of one more pack. Fits of
equal sizes come together first, as they lose nothing.
"""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from downstream.probes.packing.shape import LAUNCHES_S, Shape

LIVE = 0.5  # of a pack's probes, on average over its epochs: the others have stopped early; an estimate
NEARLY = 0.1  # more time by padding, relative: sizes as of folds of one task count as equal
ROUNDING = 1e-9  # relative


@dataclass(frozen=True)
class _Members:
    """The fits of a pack.

    Attributes:
        numbers: of the fits; those of one source follow each other.
        sources: how many there are.
        shape: the sizes of each fit, with its padding.
    """

    numbers: tuple[int, ...]
    sources: int
    shape: Shape

    def joined(self, other: "_Members") -> "_Members":
        """Both in one pack."""
        return _Members(self.numbers + other.numbers, self.sources + other.sources, self.shape.padded(other.shape))

    def seconds(self, launches_s: float) -> float:
        """Of a training step on average, whose launches alone take `launches_s`."""
        return max(launches_s, LIVE * len(self.numbers) * self.shape.seconds)

    def fits(self, budget: int) -> bool:
        """Whether the probes fit into so many bytes, and the prepared features into as many."""
        needed = len(self.numbers) * self.shape.probe_bytes, self.sources * self.shape.feature_bytes
        return max(needed) <= budget


def packs_of(shapes: Sequence[Shape], budget: int) -> list[list[int]]:
    """Divide fits into packs of one kind.

    All fits of a source share a pack if the memory allows. Fits of a pack are sorted by source and learning rate.

    Args:
        shapes: of the fits.
        budget: bytes for the probes of a pack, and as many for its features.

    Returns:
        The numbers of the fits in each pack.
    """
    kinds: dict[Hashable, list[int]] = defaultdict(list)
    for number, shape in enumerate(shapes):
        kinds[shape.kind].append(number)
    packs: list[_Members] = []
    for numbers in kinds.values():
        alike = _joined(_by_source(shapes, numbers, budget), budget, 0.0, NEARLY)
        packs += _joined(alike, budget, LAUNCHES_S, ROUNDING)
    return [list(pack.numbers) for pack in packs]


def _by_source(shapes: Sequence[Shape], numbers: Sequence[int], budget: int) -> list[_Members]:
    """The fits of each source, by learning rate, in parts that fit the memory."""
    sources: dict[Hashable, list[int]] = defaultdict(list)
    for number in numbers:
        sources[shapes[number].source].append(number)
    parts = []
    for fits in sources.values():
        fits.sort(key=lambda number: shapes[number].lr)
        most = max(1, budget // shapes[fits[0]].probe_bytes)
        parts += [
            _Members(tuple(fits[start : start + most]), 1, shapes[fits[0]]) for start in range(0, len(fits), most)
        ]
    return parts


def _joined(parts: Sequence[_Members], budget: int, launches_s: float, loss: float) -> list[_Members]:
    """Join parts of one kind to packs, the most costly first, each to the pack that it adds the least time to.

    Args:
        parts: to join.
        budget: bytes for the probes of a pack, and as many for its features.
        launches_s: what the launches of a step take.
        loss: what a part may add to a pack beyond its own time, relative.
    """
    packs: list[_Members] = []
    for part in sorted(parts, key=lambda part: -part.seconds(0)):
        joined = {place: both for place, pack in enumerate(packs) if (both := pack.joined(part)).fits(budget)}
        added = {place: both.seconds(launches_s) - packs[place].seconds(launches_s) for place, both in joined.items()}
        best = min(added, key=added.__getitem__, default=-1)  # the first of several
        if best >= 0 and added[best] <= (1 + loss) * part.seconds(launches_s):
            packs[best] = joined[best]
        else:
            packs.append(part)
    return packs
