"""The variants of a study: the values of each model entry crossed, and a label for each."""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ablations.inputs import yaml_file
from ablations.models import registry as models
from ablations.models.hear_modules.address import as_checkpoint
from ablations.models.short_names import short_name
from ablations.study.levels import Pooled, expanded, is_range, together
from downstream.disk.fields import one_line, shown, text
from passt import EmbeddingSpec
from passt.catalog.poolings import SIDE_BY_SIDE
from passt.catalog.spec import field_names
from passt.catalog.spec_text import FUSED, parse_parts
from results.scores.axes import pooled

LIST_FIELDS = ("levels", "windows_ms")
HEAR_KEYS = ("hear", "options", "python")
MODEL_KEYS = (*field_names(), *HEAR_KEYS, "label")
MOST_VARIANTS = 10_000


@dataclass(frozen=True)
class Model:
    """One variant of a study.

    Attributes:
        spec: in canonical form.
        label: its name in tables.
        weights_file: the file that its spec's weights name.
        python: the interpreter that has its HEAR module; None is this one.
        beside: the models that stand beside the first one, whose file and interpreter are those above; () for those of
            its spec, without files.
    """

    spec: EmbeddingSpec
    label: str
    weights_file: Path | None = None
    python: Path | None = None
    beside: "tuple[Model, ...]" = ()

    @property
    def parts(self) -> "tuple[Model, ...]":
        """The models that stand side by side, each alone; of most models the model itself."""
        if not self.spec.beside:
            return (self,)
        first, *others = self.spec.parts
        beside = self.beside or tuple(Model(spec, "") for spec in others)
        return replace(self, spec=first, beside=()), *beside

    @property
    def family(self) -> str:
        """The family of its checkpoint, or those of all that stand side by side."""
        return FUSED.join(dict.fromkeys(models.card(part.checkpoint).family for part in self.spec.parts))

    @property
    def weights(self) -> str:
        """The weights of its spec, or those of all that stand side by side."""
        return FUSED.join(dict.fromkeys(part.weights for part in self.spec.parts))


def variants_of(entries: Sequence[Mapping[str, Any]], base: Path) -> tuple[Model, ...]:
    """Make the labelled variants of a study.

    Args:
        entries: the model entries, parsed from YAML.
        base: the folder that weight files, interpreters and folders of encoders start at.

    Raises:
        FileNotFoundError, ValueError: names the key, the value got and what was expected.
    """
    if (count := sum(map(_count, entries))) > MOST_VARIANTS:
        raise _too_many(count)
    variants = [variant for entry in entries for variant in _variants(entry, base)]
    if len(variants) > MOST_VARIANTS:
        raise _too_many(len(variants))
    return tuple(_labelled(variants))


def _too_many(count: int) -> ValueError:
    return ValueError(f"models must be at most {MOST_VARIANTS} variants, got {count}: lists are crossed")


def _count(entry: Mapping[str, Any]) -> int:
    """Count the variants of a model entry before any is made, a range of levels as one."""
    return math.prod(len(_values(key, value)) for key, value in entry.items() if key != "label")


def _variants(entry: Mapping[str, Any], base: Path) -> list[Model]:
    """Cross the values of one model entry."""
    yaml_file.check_keys(entry, MODEL_KEYS, "a model")
    label = one_line(entry["label"], "label") if "label" in entry else ""
    axes = {key: _values(key, value) for key, value in entry.items() if key != "label"}
    if "checkpoint" in axes:
        axes["checkpoint"] = [_located(name, base) for name in axes["checkpoint"]]
    variants = [_variant(fields, base) for fields in _crossed(axes)]
    if label:
        if len(variants) > 1:
            raise ValueError(f"label {label!r} is for one variant, its model has {len(variants)}")
        variants = [replace(variants[0], label=label)]
    return variants


def _located(name: Any, base: Path) -> str:
    """The checkpoint that a value names; the path of a relative folder begins at `base`."""
    if FUSED.strip() in text(name, "checkpoint"):
        raise ValueError(f"checkpoint must be one model, got {shown(name)}; the key beside names those that follow it")
    return models.located(name, base)


def _crossed(axes: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    """The fields of every variant, in the order that they have where ranges are written out."""
    placed = []
    for values in itertools.product(*(enumerate(axis) for axis in axes.values())):
        places = {key: (place, 0) for key, (place, _) in zip(axes, values, strict=True)}
        fields = {key: value for key, (_, value) in zip(axes, values, strict=True)}
        for number, variant in enumerate(_written_out(fields)):
            place = places | ({"levels": (places["levels"][0], number)} if "levels" in places else {})
            placed.append((tuple(place.values()), variant))
    return [fields for _, fields in sorted(placed, key=lambda pair: pair[0])]


def _written_out(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The fields of one variant, or those of several where its levels have a range."""
    for key in ("checkpoint", "hear", "weights"):
        if key in values:
            text(values[key], key)
    fields = as_checkpoint(values)
    if isinstance(levels := fields.get("levels"), Pooled):
        return [_pooled(fields, levels)]
    if not any(map(is_range, fields.get("levels", ()))) or "checkpoint" not in fields:
        return [fields]
    return [fields | {"levels": levels} for levels in expanded(fields["levels"], models.card_of(fields["checkpoint"]))]


def _pooled(fields: dict[str, Any], levels: Pooled) -> dict[str, Any]:
    """The fields of one variant whose levels are given with their pooling."""
    if "pooling" in fields:
        raise ValueError(f"pooling is given twice: {fields['pooling']!r}, and {levels.pooling!r} with the levels")
    written = levels.levels
    if any(map(is_range, written)) and "checkpoint" in fields:
        written = together(written, models.card_of(fields["checkpoint"]))
    return fields | {"levels": written, "pooling": levels.pooling}


def _variant(fields: dict[str, Any], base: Path) -> Model:
    file = None
    if "weights" in fields:
        fields["weights"], file = models.resolve_weights(fields["weights"], base)
    python = fields.pop("python", None)
    beside = tuple(_beside(fields.pop("beside"), base)) if "beside" in fields else ()
    spec = models.resolve(fields)
    model = Model(spec, "", file, models.interpreter_for(spec, python, base))
    return replace(model, spec=replace(spec, beside=tuple(part.spec for part in beside)), beside=beside)


def _beside(value: Any, base: Path) -> list[Model]:
    """The models that stand beside the first one of a variant.

    Args:
        value: a text, where ++ stands between several; a mapping of one model's keys; or a list of such.
        base: the folder that weight files, interpreters and folders of encoders start at.
    """
    if isinstance(value, list):
        return [model for part in value for model in _beside(part, base)]
    if isinstance(value, Mapping):
        variants = _variants(value, base)
        if len(variants) != 1 or variants[0].beside or variants[0].label:
            raise ValueError(f"beside must be one model without a label, got {shown(dict(value))}")
        return variants
    parts = parse_parts(text(value, "beside"))
    return [_variant({**part, "checkpoint": _located(part["checkpoint"], base)}, base) for part in parts]


def _values(key: str, value: Any) -> list[Any]:
    """The values of a key that are crossed."""
    if key not in LIST_FIELDS:
        if value == []:
            raise ValueError(f"{key} must be a value or a list of values, got []")
        return value if isinstance(value, list) else [value]
    if not isinstance(value, list):
        return [_single(key, value)]
    if not value:
        return [()]
    if not all(isinstance(variant, list) or _stands_alone(key, variant) for variant in value):
        several = f", {shown([[v] for v in value])} are several" if len(value) > 1 else ""
        raise ValueError(f"{key} must be a list of lists, got {shown(value)}: {shown([value])} is one variant{several}")
    return [tuple(variant) if isinstance(variant, list) else _single(key, variant) for variant in value]


def _stands_alone(key: str, variant: Any) -> bool:
    """Whether a variant in a list needs no list of its own: a range of levels, or levels with their pooling."""
    return key == "levels" and (is_range(variant) or isinstance(variant, Mapping))


def _single(key: str, value: Any) -> Pooled | tuple[Any, ...]:
    """The levels or windows of a variant that is no list."""
    return Pooled.of(value) if key == "levels" and isinstance(value, Mapping) else (value,)


def _labelled(variants: list[Model]) -> list[Model]:
    """Label variants by their checkpoints and by what differs among the variants of each.

    Default weights are left out.
    """
    parts = [[(short_name(spec.checkpoint)[0], _parts(spec)) for spec in model.spec.parts] for model in variants]
    values: dict[str, list[set[str]]] = {}
    for name, axes in itertools.chain.from_iterable(parts):
        for known, part in zip(values.setdefault(name, [set() for _ in axes]), axes, strict=True):
            known.add(part)
    labelled = []
    for model, of_model in zip(variants, parts, strict=True):
        names = []
        for name, axes in of_model:
            differing = [part for part, known in zip(axes, values[name], strict=True) if len(known) > 1]
            names.append(" ".join(filter(None, [name, *differing])))
        labelled.append(replace(model, label=model.label or FUSED.join(names)))
    for kind, names in (("spec", [str(m.spec) for m in labelled]), ("label", [m.label for m in labelled])):
        name, count = Counter(names).most_common(1)[0]
        if count > 1:
            raise ValueError(f"two models have the same {kind} {name!r}")
    return labelled


def _parts(spec: EmbeddingSpec) -> tuple[str, ...]:
    """What a label may say of a spec beside its checkpoint, an axis each."""
    return (
        short_name(spec.checkpoint)[1],
        pooled("+".join(spec.levels), "" if spec.pooling == SIDE_BY_SIDE else spec.pooling),
        "+".join(map(str, spec.windows_ms)) + " ms" if spec.windows_ms else "",
        f"scene {spec.scene_window_ms or 'max'}",
        f"hop {spec.timestamp_hop_ms} ms",
        "centered" if spec.lookahead_ms is None else f"look-ahead {spec.lookahead_ms} ms",
        "" if spec.weights == models.card(spec.checkpoint).default_weights else spec.weights,
    )
