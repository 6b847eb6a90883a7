"""The space of a search: blocks of dimensions in the vocabulary of a study's models.

A block is a mapping of the keys of a model, and `protocol`. As in a study, a value is fixed and a list is a choice.
Beyond a study, ``{any_of: [block6, features], at_most: 2}`` is any subset, and ``{low: 80, high: 1280, log: true,
points: 9}`` are numbers on a scale. A list of mappings are several blocks, for models with different levels or windows.
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

from ablations.models.short_names import short_name
from ablations.search.dimensions import Dimension, dimension_of
from ablations.study.study import Study
from ablations.study.variants import HEAR_KEYS, LIST_FIELDS, Model
from downstream.disk.fields import shown
from downstream.disk.files import fingerprint
from downstream.probes.protocol import Protocol
from passt.catalog.choices import choices
from passt.catalog.spec import field_names

KEYS = (*field_names(), *HEAR_KEYS, "protocol")
MODEL_KEYS = ("checkpoint", "hear")
"""The keys that name a model; a block has one of them at least."""
BLOCK = "space"
"""The parameter that chooses the block, if there are several."""


@dataclass(frozen=True)
class Variant:
    """A point of the space.

    Attributes:
        key: 16 hex digits, from the values that were chosen.
        model: the model.
        protocol: the protocol of its probes.
    """

    key: str
    model: Model
    protocol: str


@dataclass(frozen=True)
class Space:
    """The variants of a search.

    Attributes:
        blocks: key -> its dimension, for every block.
        protocol: the protocol of blocks that name none.
        base: the folder that weight files are relative to.
    """

    blocks: tuple[Mapping[str, Dimension], ...]
    protocol: str
    base: Path

    @classmethod
    def of(cls, declaration: Any, protocol: str, base: Path) -> "Space":
        """Make a space of parsed YAML, and try every value on the models.

        Args:
            declaration: parsed YAML.
            protocol: the protocol of blocks that name none.
            base: the folder that weight files are relative to.

        Raises:
            FileNotFoundError, ValueError: names the key, the value got and what was expected.
        """
        entries = declaration if isinstance(declaration, list) else [declaration]
        if not entries:
            raise ValueError("space must be a mapping of keys or a list of such, got []")
        for place, entry in enumerate(entries):
            if entry in entries[:place]:
                raise ValueError(f"space must be of distinct blocks, got {entry!r:.120} twice")
        space = cls(tuple(map(_block, entries)), str(Protocol.parse(protocol)), base)
        for number, block in enumerate(space.blocks):
            for key, dimension in block.items():
                for value in dimension.examples():
                    space._variant(number, _first_values(block) | {key: value})
        return space

    @property
    def size(self) -> int:
        """The number of variants."""
        return sum(math.prod(dimension.size for dimension in block.values()) for block in self.blocks)

    @property
    def checkpoints(self) -> list[str]:
        """The checkpoints of all blocks; HEAR modules by their names in specs."""
        variants = [
            self._variant(number, _first_values(block) | {key: value})
            for number, block in enumerate(self.blocks)
            for key in MODEL_KEYS
            for value in (block[key].values if key in block else ())
        ]
        return list(dict.fromkeys(variant.model.spec.checkpoint for variant in variants))

    def varying(self, key: str) -> bool:
        """Whether a key has several values."""
        return any(key in block and block[key].size > 1 for block in self.blocks)

    def draw(self, trial: BaseTrial) -> Variant:
        """The variant that a trial's parameters stand for; the sampler chooses unknown ones."""
        name = trial.suggest_categorical(BLOCK, self.names) if len(self.blocks) > 1 else self.names[0]
        number = self.names.index(name)
        dimensions = self.blocks[number].items()
        return self._variant(number, {key: dim.draw(trial, self._name(number, key)) for key, dim in dimensions})

    def points(self) -> Iterator[dict[str, Any]]:
        """Yield the parameters of every variant."""
        for number, block in enumerate(self.blocks):
            chosen = {BLOCK: self.names[number]} if len(self.blocks) > 1 else {}
            axes = [dimension.parameters(self._name(number, key)) for key, dimension in block.items()]
            for parts in itertools.product(*axes):
                yield chosen | {name: value for part in parts for name, value in part.items()}

    def variant(self, parameters: Mapping[str, Any]) -> Variant:
        """The variant that parameters stand for."""
        return self.draw(FixedTrial(dict(parameters)))

    def _variant(self, number: int, values: Mapping[str, Any]) -> Variant:
        model, protocol = self._model(json.dumps(values, sort_keys=True))
        label = self._label(model, number, values)
        return Variant(fingerprint([number, values]), replace(model, label=label), protocol)

    def _model(self, text: str) -> tuple[Model, str]:
        """The model and the protocol of values, which are given as JSON."""
        if text not in self._models:
            values = json.loads(text)
            protocol = str(Protocol.parse(values.pop("protocol", self.protocol)))
            entry = {key: [value] if key in LIST_FIELDS else value for key, value in values.items()}
            study = Study.from_dict({"name": BLOCK, "models": [entry], "tasks": [BLOCK]}, self.base)
            if len(study.models) > 1:
                raise ValueError(f"levels must be written out in a search, got {shown(values['levels'])}")
            self._models[text] = study.models[0], protocol
        return self._models[text]

    @cached_property
    def _models(self) -> dict[str, tuple[Model, str]]:
        return {}

    def _label(self, model: Model, number: int, values: Mapping[str, Any]) -> str:
        """The checkpoint, and the values of what varies in its block."""
        words = [short_name(model.spec.checkpoint)[0]]
        for key, dimension in self.blocks[number].items():
            if dimension.size > 1 and key not in MODEL_KEYS:
                words.append(_words(key, values[key]))
        return " ".join(words)

    @cached_property
    def names(self) -> list[str]:
        """The names of the blocks, which are the choices of the parameter `BLOCK`."""
        names = []
        for number, block in enumerate(self.blocks, 1):
            heads = [value for key in MODEL_KEYS if key in block for value in block[key].values]
            names.append(f"{number}: {', '.join(map(str, heads))}")
        return names

    def _name(self, number: int, key: str) -> str:
        """The name of a dimension's parameters."""
        return key if len(self.blocks) == 1 else f"{number + 1}: {key}"


def _first_values(block: Mapping[str, Dimension]) -> dict[str, Any]:
    return {key: dimension.values[0] for key, dimension in block.items()}


def _block(entry: Any) -> dict[str, Dimension]:
    """Make a block of parsed YAML."""
    if not isinstance(entry, Mapping):
        raise ValueError(f"space must be a mapping of keys or a list of such, got {shown(entry)}")
    for key in entry:
        if key == "beside":
            raise ValueError(
                "space must be of one model at a time, got the key beside; a study compares models side by side"
            )
        if key not in KEYS:
            raise ValueError(f"unknown key {shown(key)} in space{choices(str(key), KEYS)}")
    if not set(MODEL_KEYS) & set(entry):
        raise ValueError("space needs 'checkpoint' (or 'hear', for HEAR modules)")
    return {key: dimension_of(key, value, is_list=key in LIST_FIELDS) for key, value in entry.items()}


def _words(key: str, value: Any) -> str:
    """A value as labels show it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{pooling}({_words(key, levels)})" for pooling, levels in value.items())
    if isinstance(value, tuple | list):
        return "+".join(map(str, value)) + (" ms" if key == "windows_ms" else "")
    if key == "lookahead_ms":
        return "centered" if value is None else f"look-ahead {value} ms"
    pattern = {"scene_window_ms": "scene {} ms", "timestamp_hop_ms": "hop {} ms"}.get(key, "{}")
    if value is None:
        return pattern.removesuffix(" ms").format("max")
    return pattern.format(str(value).removeprefix("hear2021+"))
