"""The dimensions of a search's space, and Optuna's parameters for their values.

A dimension is a choice of one value, or a subset of values. Numbers and the values of `any_of` are scales: their order
tells the sampler which values are close.
"""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from optuna.trial import BaseTrial

from downstream.disk.fields import shown
from passt.catalog.choices import choices
from passt.catalog.poolings import POOLINGS
from passt.catalog.spec_text import MOST_MS

KEYS = ("any_of", "at_most", "low", "high", "log", "points")
DEFAULTS: Mapping[str, Any] = {"low": None, "high": None, "points": 9, "log": False}  # of a range
MOST_POINTS = 1000  # of a range


@dataclass(frozen=True)
class Choice:
    """A choice of one value.

    Attributes:
        values: what to choose from.
        scale: whether their order has a meaning; the parameter is then the place of the value.
    """

    values: tuple[Any, ...]
    scale: bool = False

    @property
    def size(self) -> int:
        """The number of values."""
        return len(self.values)

    def examples(self) -> tuple[Any, ...]:
        """Values that are valid only if all values are."""
        return self.values

    def draw(self, trial: BaseTrial, name: str) -> Any:
        """The value that a trial's parameters of this name stand for.

        The sampler chooses parameters that the trial does not have yet.
        """
        if self.size == 1:
            return self.values[0]
        if self.scale:
            return self.values[trial.suggest_int(name, 0, self.size - 1)]
        texts = [_text(value) for value in self.values]
        return self.values[texts.index(trial.suggest_categorical(name, texts))]

    def parameters(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield, for every value, the parameters that stand for it."""
        for place, value in enumerate(self.values):
            yield {} if self.size == 1 else {name: place if self.scale else _text(value)}


@dataclass(frozen=True)
class Subset:
    """A choice of one to `at_most` members, whose order is a scale."""

    members: tuple[Any, ...]
    at_most: int

    @property
    def values(self) -> tuple[tuple[Any, ...], ...]:
        """The subsets of one member."""
        return tuple((member,) for member in self.members)

    @property
    def size(self) -> int:
        """The number of subsets."""
        return sum(comb(len(self.members), count) for count in range(1, self.at_most + 1))

    def examples(self) -> tuple[tuple[Any, ...], ...]:
        """Values that are valid only if all values are."""
        return (*self.values, self.members) if self.at_most > 1 else self.values

    def draw(self, trial: BaseTrial, name: str) -> tuple[Any, ...]:
        """The subset that a trial's parameters of this name stand for.

        The parameters are places of members, two of which may be equal.
        """
        count = trial.suggest_int(f"{name}: how many", 1, self.at_most) if self.at_most > 1 else 1
        most = len(self.members) - 1
        places = {trial.suggest_int(f"{name} {number}", 0, most) for number in range(1, count + 1)} if most else {0}
        return tuple(self.members[place] for place in sorted(places))

    def parameters(self, name: str) -> Iterator[dict[str, Any]]:
        """Yield, for every value, the parameters that stand for it."""
        for count in range(1, self.at_most + 1):
            for places in itertools.combinations(range(len(self.members)), count):
                size = {f"{name}: how many": count} if self.at_most > 1 else {}
                numbered = {f"{name} {number}": place for number, place in enumerate(places, 1)}
                yield size | (numbered if len(self.members) > 1 else {})


Dimension = Choice | Subset


def dimension_of(key: str, value: Any, *, is_list: bool) -> Dimension:
    """The dimension that a value in YAML stands for.

    Args:
        key: the key of the value.
        value: parsed YAML.
        is_list: whether one value of this key is a list itself (levels, windows), so that choices are lists of lists.

    Raises:
        ValueError: names the key, the value got and what was expected.
    """
    if _is_pooled(key, value):
        return Choice((value,))
    if isinstance(value, Mapping) and key != "options":
        return _of_mapping(key, value, is_list)
    if is_list and isinstance(value, list):
        if not all(isinstance(choice, list) or _is_pooled(key, choice) for choice in value):
            raise ValueError(f"{key} must be a list of lists, or any_of: {shown(value)}; got {shown(value)}")
        return _choice(key, [tuple(choice) if isinstance(choice, list) else choice for choice in value] or [()])
    if is_list:
        return Choice(((value,),))
    return _choice(key, value if isinstance(value, list) else [value])


def _is_pooled(key: str, value: Any) -> bool:
    """Whether a value is levels with their pooling, as a study has them: ``{weighted: [block1, block2]}``."""
    return key == "levels" and isinstance(value, Mapping) and len(value) == 1 and set(value) <= set(POOLINGS)


def _of_mapping(key: str, value: Mapping[str, Any], is_list: bool) -> Dimension:
    for name in value:
        if name not in KEYS:
            raise ValueError(f"unknown key {shown(name)} in {key} of space{choices(str(name), KEYS)}")
    at_most = value.get("at_most", 1)
    if "any_of" in value:
        members = value["any_of"]
        if others := sorted(set(value) - {"any_of", "at_most"}):
            raise ValueError(f"{key}: {others[0]!r} does not go with any_of")
        if not isinstance(members, list) or not members or len(set(map(_text, members))) < len(members):
            raise ValueError(f"{key}: any_of must be a list of distinct values, got {shown(members)}")
    elif key.endswith("_ms"):
        members = _range(key, value)
    else:
        raise ValueError(f"{key} must have any_of, got {shown(dict(value))}")
    if type(at_most) is not int or not 1 <= at_most <= len(members):
        raise ValueError(f"{key}: at_most must be a whole number from 1 to {len(members)}, got {shown(at_most)}")
    if is_list:
        return Subset(tuple(members), at_most)
    if at_most > 1:
        raise ValueError(f"{key} is one value, at_most must be 1, got {at_most}")
    return Choice(tuple(members), scale=True)


def _range(key: str, value: Mapping[str, Any]) -> list[int]:
    """Whole numbers from low to high, evenly spaced, or by equal factors where `log` is true."""
    low, high, points, log = (value.get(name, DEFAULTS[name]) for name in ("low", "high", "points", "log"))
    are_whole = all(type(number) is int for number in (low, high, points))
    if not (are_whole and 0 < low < high <= MOST_MS and 2 <= points <= MOST_POINTS):
        limits = f"low and high must be whole numbers with 0 < low < high <= {MOST_MS}"
        raise ValueError(f"{key}: {limits}, points a whole number from 2 to {MOST_POINTS}; got {shown(dict(value))}")
    if type(log) is not bool:
        raise ValueError(f"{key}: log must be true or false, got {shown(log)}")
    spaced = np.geomspace(low, high, points) if log else np.linspace(low, high, points)
    return list(dict.fromkeys(int(number) for number in np.rint(spaced)))


def _choice(key: str, values: list[Any]) -> Choice:
    if not values or len(set(map(_text, values))) < len(values):
        raise ValueError(f"{key} must be a value or a list of distinct values, got {shown(values)}")
    numbers = [value[0] if isinstance(value, tuple) and len(value) == 1 else value for value in values]
    scale = all(type(number) is int for number in numbers) and numbers in (sorted(numbers), sorted(numbers)[::-1])
    return Choice(tuple(values), scale)


def _text(value: Any) -> str:
    """The name of a value among the choices of a parameter."""
    if isinstance(value, Mapping):
        return ", ".join(
            f"{key}({_text(tuple(part) if isinstance(part, list) else part)})" for key, part in value.items()
        )
    return "+".join(map(str, value)) if isinstance(value, tuple) else str(value)
