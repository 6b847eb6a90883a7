"""A study: one ablation as data, read from YAML.

A list of values crosses with the other lists of its model. `levels` and `windows_ms` are lists themselves, so that
several of them are lists of lists: ``windows_ms: [[160], [640], [160, 640]]`` are three variants. A
HEAR module stands in a checkpoint's place: ``{hear: hearbaseline.vggish, options: {a: b}, python: vggish/bin/python}``,
all but the first as needed.
"""

import itertools
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from ablations import models, yaml_file
from ablations.hear_modules.address import as_checkpoint, short_name
from downstream.protocol import Protocol
from passt import EmbeddingSpec
from passt.precision import PRECISIONS
from passt.spec import field_names
from results.figures import FIGURES
from results.reference import published

logger = logging.getLogger(__name__)

LIST_FIELDS = ("levels", "windows_ms")
HEAR_KEYS = ("hear", "options", "python")
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
        reference: published scores to show beside, by names that `results.reference.published` knows.
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
        for key, kind in (("models", dict), ("tasks", str), ("reference", str)):
            if key in found and not (isinstance(found[key], list) and all(isinstance(v, kind) for v in found[key])):
                raise ValueError(f"{key} must be a list of {kind.__name__}, got {found[key]!r}")
        if not all(map(str.strip, found["tasks"])):
            raise ValueError(f"tasks must be a list of names, none of them empty, got {found['tasks']!r}")
        if not isinstance(found["name"], str) or not re.fullmatch(r"\w[\w.-]*", found["name"]):
            raise ValueError(f"name must be of letters, digits, '_', '-' and '.', got {found['name']!r}")
        for key, known in (("precision", PRECISIONS), ("figure", FIGURES)):
            if key in found and found[key] not in list(known):
                raise ValueError(f"{key} must be one of {', '.join(known)}, got {found[key]!r}")
        published(found.get("reference", ()))
        variants = _labelled([model for entry in found["models"] for model in _variants(entry, base)])
        return cls(
            found["name"],
            tuple(variants),
            _once("tasks", found["tasks"]),
            _seeds(found.get("seeds", [0])),
            str(Protocol.parse(found.get("protocol", "hear2021"))),
            found.get("precision", "fp32"),
            _once("reference", found.get("reference", ())),
            found.get("figure", "bars"),
            base,
        )


def _seeds(found: Any) -> tuple[int, ...]:
    """The seeds; ValueError unless they are integers from 0 on, each given once."""
    if not isinstance(found, list) or not all(type(seed) is int and 0 <= seed < 2**63 for seed in found):
        raise ValueError(f"seeds must be a list of integers from 0 on, got {found!r}")
    if len(set(found)) < len(found):
        raise ValueError(f"seeds must be distinct: a seed given twice is the same run twice, got {found!r}")
    return tuple(found)


def _once(key: str, names: Sequence[str]) -> tuple[str, ...]:
    """The names without repetitions, which change nothing and are logged."""
    for name in dict.fromkeys(name for name in names if list(names).count(name) > 1):
        logger.warning("%s: %r is given more than once, and used once", key, name)
    return tuple(dict.fromkeys(names))


def _variants(entry: Mapping[str, Any], base: Path) -> list[Model]:
    """Every combination of the values of one model entry."""
    yaml_file.check_keys(entry, [*field_names(), *HEAR_KEYS, "label"], "a model")
    axes = {key: _values(key, value) for key, value in entry.items() if key != "label"}
    found = []
    for values in itertools.product(*axes.values()):
        chosen = dict(zip(axes, values, strict=True))
        file = None
        if "weights" in chosen:
            chosen["weights"], file = models.resolve_weights(str(chosen["weights"]), base)
        python = chosen.pop("python", None)
        spec = models.resolve(as_checkpoint(chosen))
        found.append(Model(spec, "", file, models.interpreter_for(spec, python, base)))
    if "label" in entry:
        if not isinstance(entry["label"], str) or entry["label"] != " ".join(entry["label"].split()):
            wanted = "a text of one line (in quotes where YAML reads another type)"
            raise ValueError(f"label must be {wanted}, got {entry['label']!r}")
        if len(found) > 1:
            raise ValueError(f"label {entry['label']!r} is for one variant, its model has {len(found)}")
        found = [replace(found[0], label=entry["label"])]
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
        several = f", {[[v] for v in value]} are several" if len(value) > 1 else ""
        raise ValueError(f"{key} must be a list of lists, got {value}: [{value}] is one variant{several}")
    return [tuple(variant) for variant in value]


def _labelled(variants: list[Model]) -> list[Model]:
    """Short names: the checkpoint, and what differs among its variants in the study; usual weights go unsaid."""
    found = []
    for model in variants:
        name, _ = short_name(model.spec.checkpoint)
        siblings = [_parts(other.spec) for other in variants if short_name(other.spec.checkpoint)[0] == name]
        differing = [part for part, *others in zip(_parts(model.spec), *siblings, strict=True) if len(set(others)) > 1]
        found.append(replace(model, label=model.label or " ".join(filter(None, [name, *differing]))))
    for what, names in (("spec", [str(m.spec) for m in found]), ("label", [m.label for m in found])):
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two models have the same {what} {twice[0]!r}")
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
