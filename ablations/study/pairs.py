"""Read the pairs of models that a study compares."""

from collections.abc import Sequence
from typing import Any

from downstream.disk.fields import list_of, one_line, shown, text, wrong
from passt.catalog.card import choices

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


def _pair(value: Any, where: str) -> tuple[str, str]:
    if not isinstance(value, list) or len(value) != 2:
        raise wrong(value, where, "a pair [A, B] of labels of models")
    a, b = (one_line(text(label, where), where) for label in value)
    return a, b
