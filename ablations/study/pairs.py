"""Read the pairs of models that a study compares."""

import logging
from collections.abc import Sequence
from typing import Any

from downstream.disk.fields import list_of, one_line, shown, text, wrong
from passt.catalog.card import choices

logger = logging.getLogger(__name__)

KEY = "comparisons"


def read_pairs(content: Any, labels: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """Check the value of a study's key `comparisons`.

    Args:
        content: a list of pairs of labels, as YAML has it.
        labels: those of the study's models.

    Raises:
        ValueError: names the pair, the value got and what was expected.
    """
    pairs: list[tuple[str, str]] = []
    for a, b in list_of(_pair, content, KEY):
        for label in (a, b):
            if label not in labels:
                raise ValueError(f"{KEY}: no model has the label {label!r}{choices(label, labels)}")
        if a == b:
            raise ValueError(f"{KEY} must be pairs of two models, got {shown([a, b])}")
        if {a, b} in map(set, pairs):
            raise ValueError(f"{KEY} must be distinct pairs, got {shown([a, b])} twice")
        pairs.append((a, b))
    return tuple(pairs)


def still_there(pairs: Any, before: Any, labels: Sequence[str]) -> Any:
    """Leave out, and log, the pairs of a changed study that were its before and name a model that it lost.

    Args:
        pairs: of the changed study, as in `read_pairs`.
        before: those of the study before the change.
        labels: of the changed study's models. A label says what tells a model from the others, so that a change of one
            may change them all.
    """
    if not isinstance(pairs, list) or not isinstance(before, list):
        return pairs
    lost = [pair for pair in pairs if pair in before and isinstance(pair, list) and not set(pair) <= set(labels)]
    for pair in lost:
        logger.warning("%s: %s is left out, for no model of the changed study has that label", KEY, shown(pair))
    return [pair for pair in pairs if pair not in lost]


def _pair(value: Any, where: str) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise wrong(value, where, "a pair [A, B] of labels of models")
    a, b = (one_line(text(label, where), where) for label in value)
    return a, b
