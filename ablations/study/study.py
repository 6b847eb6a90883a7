"""A study: one ablation as data, read from YAML.

A list of values crosses with the other lists of its model. `levels` and `windows_ms` are lists themselves, so that
several of them are lists of lists: ``windows_ms: [[160], [640], [160, 640]]`` are three variants. A
HEAR module stands in a checkpoint's place: ``{hear: hearbaseline.vggish, options: {a: b}, python: vggish/bin/python}``,
all but the first as needed.
"""

import itertools
import logging
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ablations.inputs import yaml_file
from ablations.models import registry as models
from ablations.models.hear_modules.address import as_checkpoint, short_name
from downstream.disk.fields import choice, list_of, mapping, one_line, shown, text, whole, wrong
from downstream.probes.protocol import Protocol
from passt import EmbeddingSpec
from passt.catalog.spec import field_names
from passt.network.precision import PRECISIONS
from results.figures import FIGURES
from results.reference.published import published

logger = logging.getLogger(__name__)

LIST_FIELDS = ("levels", "windows_ms")
HEAR_KEYS = ("hear", "options", "python")
MOST_VARIANTS = 10_000
FOLDERS = tuple(Path(__file__).parent / name for name in ("studies", "paper"))
"""Where packaged studies are."""


@dataclass(frozen=True)
class Model:
    """One variant of a study.

    Attributes:
        label: its name in tables. weights_file: the file that its spec's weights name.
        python: the interpreter that has its HEAR module; None is this one.
    """

    spec: EmbeddingSpec
    label: str
    weights_file: Path | None = None
    python: Path | None = None

    @property
    def family(self) -> str:
        return models.card(self.spec.checkpoint).family


@dataclass(frozen=True)
class Study:
    """What to compare on what.

    Attributes:
        tasks: keys of the HEAR tasks, packaged tasks, folders or globs (of this folder or the tasks folder).
        seeds: each is a run of all probes of its own.
        precision: fp32, tf32 or bf16, of the models that have several; the others are fp32.
        reference: published scores to show beside, by names that `results.reference.published.published` knows.
        figure: what draws it, by a name of `results.figures.FIGURES`.
        folder: where its file is; task folders and weight files are relative to it.
    """

    name: str
    models: tuple[Model, ...]
    tasks: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    protocol: str = "hear2021"
    precision: str = "fp32"
    reference: tuple[str, ...] = ()
    figure: str = "bars"
    folder: Path = Path()

    @classmethod
    def load(cls, name: str | Path) -> "Study":
        """A packaged study by name, or one from a YAML file.

        Raises:
            FileNotFoundError, ValueError: name the file and the key, the value got and what was expected.
        """
        return yaml_file.load(name, "study", FOLDERS, cls.from_dict)

    @classmethod
    def from_dict(cls, found: Any, base: Path = Path()) -> "Study":
        """A study from parsed YAML; task folders and weight files are relative to `base`."""
        yaml_file.check_keys(found, [field.name for field in fields(cls) if field.name != "folder"], "a study")
        for key in ("name", "models", "tasks", "seeds"):
            if not found.get(key, key == "seeds"):
                raise ValueError(f"a study needs {key!r}")
        if not re.fullmatch(r"\w[\w.-]*", text(found["name"], "name")):
            raise wrong(found["name"], "name", "of letters, digits, '_', '-' and '.'")
        tasks, reference = (list_of(one_line, found.get(key, []), key) for key in ("tasks", "reference"))
        seeds = list_of(_seed, found.get("seeds", [0]), "seeds")
        if len(set(seeds)) < len(seeds):
            raise wrong(seeds, "seeds", "distinct")
        precision = choice(found.get("precision", "fp32"), "precision", PRECISIONS)
        figure = choice(found.get("figure", "bars"), "figure", FIGURES)
        published(reference)
        entries = list_of(mapping, found["models"], "models")
        if (count := sum(map(_count, entries))) > MOST_VARIANTS:
            raise ValueError(f"models must be at most {MOST_VARIANTS} variants, got {count}: lists are crossed")
        variants = _labelled([model for entry in entries for model in _variants(entry, base)])
        protocol = str(Protocol.parse(text(found.get("protocol", "hear2021"), "protocol")))
        places = _once("tasks", tasks), tuple(seeds), protocol, precision, _once("reference", reference), figure, base
        return cls(found["name"], tuple(variants), *places)


def _seed(value: Any, where: str) -> int:
    return whole(value, where, 0, 2**32 - 1)


def _count(entry: Mapping[str, Any]) -> int:
    """How many variants a model entry stands for, before any is made."""
    return math.prod(len(_values(key, value)) for key, value in entry.items() if key != "label")


def _once(key: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names without repetitions, which change nothing and are logged."""
    for name in dict.fromkeys(name for name in names if list(names).count(name) > 1):
        logger.warning("%s: %r is given more than once, and used once", key, name)
    return tuple(dict.fromkeys(names))


def _variants(entry: Mapping[str, Any], base: Path) -> list[Model]:
    """Every combination of the values of one model entry."""
    yaml_file.check_keys(entry, [*field_names(), *HEAR_KEYS, "label"], "a model")
    label = one_line(entry["label"], "label") if "label" in entry else ""
    axes = {key: _values(key, value) for key, value in entry.items() if key != "label"}
    found = []
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        file = None
        for key in ("checkpoint", "hear", "weights"):
            if key in chosen:
                text(chosen[key], key)
        if "weights" in chosen:
            chosen["weights"], file = models.resolve_weights(chosen["weights"], base)
        python = chosen.pop("python", None)
        spec = models.resolve(as_checkpoint(chosen))
        found.append(Model(spec, "", file, models.interpreter_for(spec, python, base)))
    if label:
        if len(found) > 1:
            raise ValueError(f"label {label!r} is for one variant, its model has {len(found)}")
        found = [replace(found[0], label=label)]
    return found


def _values(key: str, value: Any) -> list[Any]:
    """The values that a key crosses."""
    if key not in LIST_FIELDS:
        if value == []:
            raise ValueError(f"{key} must be a value or a list of values, got []")
        return value if isinstance(value, list) else [value]
    if not isinstance(value, list):
        return [(value,)]
    if not value:
        return [()]
    if not all(isinstance(variant, list) for variant in value):
        several = f", {shown([[v] for v in value])} are several" if len(value) > 1 else ""
        raise ValueError(f"{key} must be a list of lists, got {shown(value)}: {shown([value])} is one variant{several}")
    return [tuple(variant) for variant in value]


def _labelled(variants: list[Model]) -> list[Model]:
    """Short names: the checkpoint, and what differs among its variants in the study; usual weights go unsaid."""
    parts = [(short_name(model.spec.checkpoint)[0], _parts(model.spec)) for model in variants]
    values: dict[str, list[set[str]]] = {}
    for name, own in parts:
        for known, part in zip(values.setdefault(name, [set() for _ in own]), own, strict=True):
            known.add(part)
    found = []
    for model, (name, own) in zip(variants, parts, strict=True):
        differing = [part for part, known in zip(own, values[name], strict=True) if len(known) > 1]
        found.append(replace(model, label=model.label or " ".join(filter(None, [name, *differing]))))
    for what, names in (("spec", [str(m.spec) for m in found]), ("label", [m.label for m in found])):
        name, count = Counter(names).most_common(1)[0]
        if count > 1:
            raise ValueError(f"two models have the same {what} {name!r}")
    return found


def _parts(spec: EmbeddingSpec) -> tuple[str, ...]:
    return (
        short_name(spec.checkpoint)[1],
        "+".join(spec.levels),
        "+".join(map(str, spec.windows_ms)) + " ms" if spec.windows_ms else "",
        f"scene {spec.scene_window_ms or 'max'}",
        f"hop {spec.timestamp_hop_ms} ms",
        "" if spec.weights == models.card(spec.checkpoint).default_weights else spec.weights,
    )
