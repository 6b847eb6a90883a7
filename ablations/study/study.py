"""A study: one ablation as data, read from YAML.

The lists of values of a model are crossed. `levels` and `windows_ms` are lists themselves, so that several of them are
a list of lists: ``windows_ms: [[160], [640], [160, 640]]`` are three variants. A HEAR module stands in the place of a
checkpoint: ``{hear: hearbaseline.vggish, options: {a: b}, python: vggish/bin/python}``, where `options` and `python`
may be left out.
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
from ablations.study.pairs import read_pairs
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
"""The folders of packaged studies."""


@dataclass(frozen=True)
class Model:
    """One variant of a study.

    Attributes:
        spec: in canonical form.
        label: its name in tables.
        weights_file: the file that its spec's weights name.
        python: the interpreter that has its HEAR module; None is this one.
    """

    spec: EmbeddingSpec
    label: str
    weights_file: Path | None = None
    python: Path | None = None

    @property
    def family(self) -> str:
        """The family of its checkpoint."""
        return models.card(self.spec.checkpoint).family


@dataclass(frozen=True)
class Study:
    """Which models to compare, and on which tasks.

    Attributes:
        name: of the study, and of the folder of its runs.
        models: the variants.
        tasks: HEAR keys, packaged tasks, folders or globs (below the study's folder or the folder of tasks).
        seeds: all probes are trained once for each.
        protocol: how probes are trained.
        precision: fp32, tf32 or bf16, of the models that have several; the others have fp32.
        reference: published scores to show beside, by names of `results.reference.published.published`.
        figure: a name of `results.figures.FIGURES`.
        comparisons: pairs of models, by label, whose differences the study asks for.
        folder: where the study's file is, which relative task folders and weight files start at.
    """

    name: str
    models: tuple[Model, ...]
    tasks: tuple[str, ...]
    seeds: tuple[int, ...] = (0,)
    protocol: str = "hear2021"
    precision: str = "fp32"
    reference: tuple[str, ...] = ()
    figure: str = "bars"
    comparisons: tuple[tuple[str, str], ...] = ()
    folder: Path = Path()

    @classmethod
    def load(cls, name: str | Path) -> "Study":
        """Load a study.

        Args:
            name: of a packaged study, or the path of a YAML file.

        Raises:
            FileNotFoundError, ValueError: names the file and the key, the value got and what was expected.
        """
        return yaml_file.load(name, "study", FOLDERS, cls.from_dict)

    @classmethod
    def from_dict(cls, content: Any, base: Path = Path()) -> "Study":
        """Make a study of parsed YAML.

        Args:
            content: a mapping of the study's keys.
            base: the folder that relative task folders and weight files start at.

        Raises:
            FileNotFoundError, ValueError: names the key, the value got and what was expected.
        """
        yaml_file.check_keys(content, [field.name for field in fields(cls) if field.name != "folder"], "a study")
        for key in ("name", "models", "tasks", "seeds"):
            if not content.get(key, key == "seeds"):
                raise ValueError(f"a study needs {key!r}")
        if not re.fullmatch(r"\w[\w.-]*", text(content["name"], "name")):
            raise wrong(content["name"], "name", "of letters, digits, '_', '-' and '.'")
        tasks, reference = (list_of(one_line, content.get(key, []), key) for key in ("tasks", "reference"))
        seeds = list_of(_seed, content.get("seeds", [0]), "seeds")
        if len(set(seeds)) < len(seeds):
            raise wrong(seeds, "seeds", "distinct")
        precision = choice(content.get("precision", "fp32"), "precision", PRECISIONS)
        figure = choice(content.get("figure", "bars"), "figure", FIGURES)
        published(reference)
        entries = list_of(mapping, content["models"], "models")
        if (count := sum(map(_count, entries))) > MOST_VARIANTS:
            raise ValueError(f"models must be at most {MOST_VARIANTS} variants, got {count}: lists are crossed")
        variants = _labelled([model for entry in entries for model in _variants(entry, base)])
        protocol = str(Protocol.parse(text(content.get("protocol", "hear2021"), "protocol")))
        return cls(
            name=content["name"],
            models=tuple(variants),
            tasks=_once("tasks", tasks),
            seeds=tuple(seeds),
            protocol=protocol,
            precision=precision,
            reference=_once("reference", reference),
            figure=figure,
            comparisons=read_pairs(content.get("comparisons", []), [model.label for model in variants]),
            folder=base,
        )


def _seed(value: Any, where: str) -> int:
    return whole(value, where, 0, 2**32 - 1)


def _count(entry: Mapping[str, Any]) -> int:
    """Count the variants of a model entry before any is made."""
    return math.prod(len(_values(key, value)) for key, value in entry.items() if key != "label")


def _once(key: str, names: Sequence[str]) -> tuple[str, ...]:
    """Remove repeated names, which change nothing, and log them."""
    for name in dict.fromkeys(name for name in names if list(names).count(name) > 1):
        logger.warning("%s: %r is given more than once, and used once", key, name)
    return tuple(dict.fromkeys(names))


def _variants(entry: Mapping[str, Any], base: Path) -> list[Model]:
    """Cross the values of one model entry."""
    yaml_file.check_keys(entry, [*field_names(), *HEAR_KEYS, "label"], "a model")
    label = one_line(entry["label"], "label") if "label" in entry else ""
    axes = {key: _values(key, value) for key, value in entry.items() if key != "label"}
    variants = []
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
        variants.append(Model(spec, "", file, models.interpreter_for(spec, python, base)))
    if label:
        if len(variants) > 1:
            raise ValueError(f"label {label!r} is for one variant, its model has {len(variants)}")
        variants = [replace(variants[0], label=label)]
    return variants


def _values(key: str, value: Any) -> list[Any]:
    """The values of a key that are crossed."""
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
    """Label variants by their checkpoint and by what differs among its variants; default weights are left out."""
    parts = [(short_name(model.spec.checkpoint)[0], _parts(model.spec)) for model in variants]
    values: dict[str, list[set[str]]] = {}
    for name, axes in parts:
        for known, part in zip(values.setdefault(name, [set() for _ in axes]), axes, strict=True):
            known.add(part)
    labelled = []
    for model, (name, axes) in zip(variants, parts, strict=True):
        differing = [part for part, known in zip(axes, values[name], strict=True) if len(known) > 1]
        labelled.append(replace(model, label=model.label or " ".join(filter(None, [name, *differing]))))
    for kind, names in (("spec", [str(m.spec) for m in labelled]), ("label", [m.label for m in labelled])):
        name, count = Counter(names).most_common(1)[0]
        if count > 1:
            raise ValueError(f"two models have the same {kind} {name!r}")
    return labelled


def _parts(spec: EmbeddingSpec) -> tuple[str, ...]:
    """What a label may say of a spec beside its checkpoint, an axis each."""
    return (
        short_name(spec.checkpoint)[1],
        "+".join(spec.levels),
        "+".join(map(str, spec.windows_ms)) + " ms" if spec.windows_ms else "",
        f"scene {spec.scene_window_ms or 'max'}",
        f"hop {spec.timestamp_hop_ms} ms",
        "" if spec.weights == models.card(spec.checkpoint).default_weights else spec.weights,
    )
