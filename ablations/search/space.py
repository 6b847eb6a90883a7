"""The space of a search: blocks of dimensions in the vocabulary of a study's models.

A block is a mapping of a model's keys, and `protocol`. A value is fixed and a list are choices, as in a study; beyond a
study, ``{any_of: [block6, features], at_most: 2}`` is any subset and ``{low: 80, high: 1280, log: true, points: 9}``
numbers on a scale. Several blocks are a list of mappings: models that have different levels or windows.
"""

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from optuna.trial import BaseTrial, FixedTrial

from ablations.models import registry
from ablations.models.hear_modules.address import short_name
from ablations.search.dimensions import Dimension, dimension
from ablations.study.study import HEAR_KEYS, LIST_FIELDS, Model, Study
from downstream.disk.fields import shown
from downstream.disk.files import fingerprint
from downstream.probes.protocol import Protocol
from passt.catalog.spec import field_names

KEYS = (*field_names(), *HEAR_KEYS, "protocol")
BLOCK = "space"
"""The parameter that chooses a block, where there are several."""


@dataclass(frozen=True)
class Variant:
    """A point of the space: a model, and the protocol of its probes.

    Attributes:
        key: 16 hex digits, of the values that were chosen.
    """

    key: str
    model: Model
    protocol: str


@dataclass(frozen=True)
class Space:
    """Blocks of dimensions; `base` is the folder that weight files are relative to."""

    blocks: tuple[Mapping[str, Dimension], ...]
    protocol: str
    base: Path

    @classmethod
    def of(cls, found: Any, protocol: str, base: Path) -> "Space":
        """From parsed YAML; every value is tried on the models.

        Args:
            protocol: of blocks that name none.

        Raises:
            ValueError, FileNotFoundError: name the key, the value got and what was expected.
        """
        entries = found if isinstance(found, list) else [found]
        if not entries:
            raise ValueError("space must be a mapping of keys or a list of such, got []")
        for place, entry in enumerate(entries):
            if entry in entries[:place]:
                raise ValueError(f"space must be of distinct blocks, got {entry!r:.120} twice")
        space = cls(tuple(map(_block, entries)), str(Protocol.parse(protocol)), base)
        for number, block in enumerate(space.blocks):
            first = {key: each.values[0] for key, each in block.items()}
            for key, each in block.items():
                for value in each.examples():
                    space._variant(number, first | {key: value})
        return space

    @property
    def size(self) -> int:
        """How many points there are."""
        return sum(math.prod(each.size for each in block.values()) for block in self.blocks)

    @property
    def checkpoints(self) -> list[str]:
        """The checkpoints of all blocks, HEAR modules as specs call them."""
        found = {}
        for number, block in enumerate(self.blocks):
            first = {key: each.values[0] for key, each in block.items()}
            for key in ("checkpoint", "hear"):
                for value in block[key].values if key in block else ():
                    found[self._variant(number, first | {key: value}).model.spec.checkpoint] = None
        return list(found)

    def varying(self, key: str) -> bool:
        """Whether a key has several values."""
        return any(key in block and block[key].size > 1 for block in self.blocks)

    def draw(self, trial: BaseTrial) -> Variant:
        """The variant that a trial's parameters stand for; what is not known of them yet, its sampler chooses."""
        number = trial.suggest_categorical(BLOCK, self.names) if len(self.blocks) > 1 else self.names[0]
        number = self.names.index(number)
        block = self.blocks[number]
        return self._variant(number, {key: each.draw(trial, self._name(number, key)) for key, each in block.items()})

    def points(self) -> Iterator[dict[str, Any]]:
        """The parameters of every point."""
        for number, block in enumerate(self.blocks):
            chosen = {BLOCK: self.names[number]} if len(self.blocks) > 1 else {}
            axes = [each.parameters(self._name(number, key)) for key, each in block.items()]
            for parts in itertools.product(*axes):
                yield chosen | {name: value for part in parts for name, value in part.items()}

    def variant(self, parameters: Mapping[str, Any]) -> Variant:
        """The variant of a point's parameters."""
        return self.draw(FixedTrial(dict(parameters)))

    def _variant(self, number: int, values: Mapping[str, Any]) -> Variant:
        model, protocol = self._model(json.dumps(values, sort_keys=True))
        label = self._label(model, number, values)
        return Variant(fingerprint([number, values]), replace(model, label=label), protocol)

    def _model(self, text: str) -> tuple[Model, str]:
        if text not in self._models:
            values = json.loads(text)
            protocol = str(Protocol.parse(values.pop("protocol", self.protocol)))
            entry = {key: [value] if key in LIST_FIELDS else value for key, value in values.items()}
            study = Study.from_dict({"name": BLOCK, "models": [entry], "tasks": [BLOCK]}, self.base)
            self._models[text] = study.models[0], protocol
        return self._models[text]

    @cached_property
    def _models(self) -> dict[str, tuple[Model, str]]:
        return {}

    def _label(self, model: Model, number: int, values: Mapping[str, Any]) -> str:
        """The checkpoint, and what varies in its block."""
        said = [short_name(model.spec.checkpoint)[0]]
        for key, each in self.blocks[number].items():
            if each.size > 1 and key not in ("checkpoint", "hear"):
                said.append(_said(key, values[key]))
        return " ".join(said)

    @cached_property
    def names(self) -> list[str]:
        """Of the blocks, as the parameter that chooses one has them."""
        names = []
        for number, block in enumerate(self.blocks, 1):
            heads = [value for key in ("checkpoint", "hear") if key in block for value in block[key].values]
            names.append(f"{number}: {', '.join(map(str, heads))}")
        return names

    def _name(self, number: int, key: str) -> str:
        """The name of a dimension's parameters."""
        return key if len(self.blocks) == 1 else f"{number + 1}: {key}"


def _block(entry: Any) -> dict[str, Dimension]:
    if not isinstance(entry, Mapping):
        raise ValueError(f"space must be a mapping of keys or a list of such, got {shown(entry)}")
    for key in entry:
        if key not in KEYS:
            raise ValueError(f"unknown key {shown(key)} in space{registry.choices(str(key), KEYS)}")
    if not {"checkpoint", "hear"} & set(entry):
        raise ValueError("space needs 'checkpoint' (or 'hear', for HEAR modules)")
    return {key: dimension(key, value, is_list=key in LIST_FIELDS) for key, value in entry.items()}


def _said(key: str, value: Any) -> str:
    if isinstance(value, tuple | list):
        return "+".join(map(str, value)) + (" ms" if key == "windows_ms" else "")
    words = {"scene_window_ms": "scene {} ms", "timestamp_hop_ms": "hop {} ms"}.get(key, "{}")
    if value is None:
        return words.removesuffix(" ms").format("max")
    return words.format(str(value).removeprefix("hear2021+"))
