"""Levels of a study's variant: ranges such as `block1..block12`, `*` for all that make sense alone, and poolings."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from downstream.disk.fields import shown
from passt.catalog.card import Card
from passt.catalog.choices import choices
from passt.catalog.poolings import POOLINGS

ALL = "*"
NUMBERED = re.compile(r"(\D+)(\d+)(\D*)")
BESIDE_OTHERS = "mel"  # a tap of timestamps that stands behind other levels


@dataclass(frozen=True)
class Pooled:
    """Levels of one variant, with the pooling of its spec: ``{weighted: [block1, block2]}`` in YAML.

    Attributes:
        pooling: of `passt.catalog.poolings.POOLINGS`.
        levels: a range among them stands for all its levels together.
    """

    pooling: str
    levels: tuple[Any, ...]

    @classmethod
    def of(cls, value: Mapping[Any, Any]) -> "Pooled":
        """Read a mapping of YAML.

        Raises:
            ValueError: several poolings, or an unknown one.
        """
        if len(value) != 1:
            raise ValueError(f"levels must be a list, or a mapping of one pooling to levels; got {shown(dict(value))}")
        ((pooling, levels),) = value.items()
        if pooling not in POOLINGS:
            raise ValueError(f"levels: unknown pooling {shown(pooling)}{choices(str(pooling), POOLINGS)}")
        return cls(pooling, tuple(levels) if isinstance(levels, list) else (levels,))


def is_range(level: object) -> bool:
    """Whether a text stands for several levels."""
    return isinstance(level, str) and (level == ALL or ".." in level)


def expanded(levels: Sequence[str], card: Card) -> list[tuple[str, ...]]:
    """Write out the range among the levels of a variant: a variant for each of its levels.

    >>> from ablations.models.registry import card
    >>> expanded(["block1..block3", "mel"], card("passt_demo"))
    [('block1', 'mel'), ('block2', 'mel'), ('block3', 'mel')]

    Args:
        levels: of one variant, where at most one is a range. Levels without a range are one variant as they are.
        card: the levels that the checkpoint has.

    Raises:
        ValueError: two ranges, or a range that is empty or names a level that the checkpoint does not have.
    """
    places = [place for place, level in enumerate(levels) if is_range(level)]
    if not places:
        return [tuple(levels)]
    if len(places) > 1:
        raise ValueError(f"{card.name}: levels must have at most one range, got {' and '.join(levels)}")
    (place,) = places
    return [(*levels[:place], level, *levels[place + 1 :]) for level in _levels_of(levels[place], card)]


def together(levels: Sequence[str], card: Card) -> tuple[str, ...]:
    """Write out the ranges among levels that are pooled together.

    >>> from ablations.models.registry import card
    >>> together(["block1..block3", "logits"], card("passt_demo"))
    ('block1', 'block2', 'block3', 'logits')

    Raises:
        ValueError: a range that is empty or names a level that the checkpoint does not have.
    """
    written = [_levels_of(level, card) if is_range(level) else [level] for level in levels]
    return tuple(level for part in written for level in part)


def _levels_of(text: str, card: Card) -> list[str]:
    if text == ALL:
        return [level for level in card.levels if level != BESIDE_OTHERS]
    ends = text.split("..", 1)
    for end in ends:
        card.check_level(end)
    first, last = (NUMBERED.fullmatch(end) for end in ends)
    if not (first and last) or first.group(1, 3) != last.group(1, 3):
        raise ValueError(f"{card.name}: the ends of a range of levels must differ by their number alone, got {text!r}")
    before, start, after = first.groups()
    names = [f"{before}{number}{after}" for number in range(int(start), int(last[2]) + 1)]
    if not names:
        raise ValueError(f"{card.name}: the range of levels {text!r} is empty; write {ends[1]}..{ends[0]}")
    return [name for name in names if name in (*card.levels, *card.token_levels)]
