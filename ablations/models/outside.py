"""Families that other packages add, by an entry point of the group `GROUP`.

The name of the entry point is the family's, and its object is a `Family`, or a function without arguments that returns
one. A package that can't be used is named in the log, and the other models stay as they are.
"""

import importlib.metadata
import logging
from collections.abc import Mapping

from ablations.models.family import Family

GROUP = "embedding_ablations.families"

logger = logging.getLogger(__name__)


def families(own: Mapping[str, Family]) -> dict[str, Family]:
    """The families of other packages by name.

    Args:
        own: the families of this package, whose names and models no other may have.
    """
    taken = dict(own)
    for entry in sorted(importlib.metadata.entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            taken[entry.name] = _checked(entry.name, entry.load(), taken)
        except Exception as error:  # of code that is not ours
            package = entry.dist.name if entry.dist else entry.value
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            logger.warning("the model family %r of the package %s is left out: %s", entry.name, package, reason)
    return {name: family for name, family in taken.items() if name not in own}


def _checked(name: str, made: object, taken: Mapping[str, Family]) -> Family:
    family = made if isinstance(made, Family) else made() if callable(made) else made
    if not isinstance(family, Family):
        raise ValueError(f"expected a Family or a function that returns one, got {type(family).__name__}")
    if name in taken:
        raise ValueError(f"there is a family {name!r} already")
    others = {known for other in taken.values() for card in other.cards for known in (card.name, *card.aliases)}
    for card in family.cards:
        if card.family != name:
            raise ValueError(f"the card of {card.name!r} has family {card.family!r}, expected {name!r}")
        if clash := others & {card.name, *card.aliases}:
            raise ValueError(f"there is a model {min(clash)!r} already")
    if family.prefix:
        raise ValueError(f"addresses ({family.prefix}...) are for families of this project; name the models in cards")
    return family
