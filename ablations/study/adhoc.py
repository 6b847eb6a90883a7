"""A study without a file: models x tasks, with a name made from its content."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ablations.models.short_names import short_name
from ablations.study.overrides import changed, parsed
from ablations.study.study import KEYS, Study
from downstream.disk.fields import shown
from passt.catalog.spec_text import FUSED, parse_parts

MOST_NAMES = 2
"""More models or tasks than this are counted in a study's name."""
MOST_LETTERS = 40  # of models or tasks in a study's name
AXES = {"levels": "along_level", "windows_ms": "along_window", "lookahead_ms": "along_lookahead"}
"""An axis that an ad-hoc study may vary -> the figure that shows it."""

CENTERED = "centered"
"""What a text calls windows without a look-ahead."""

Variant = str | int | Sequence[str] | Sequence[int] | Mapping[str, Any]
"""Levels or windows that are concatenated: "block6+features", ["block6", "features"], "160+640", 160; or levels with
their pooling: "block1..block12@weighted", {"weighted": ["block1", "block2"]}."""


def adhoc_study(
    models: Sequence[str | Mapping[str, Any]],
    tasks: Sequence[str],
    *,
    levels: Sequence[Variant] | None = None,
    windows_ms: Sequence[Variant] | None = None,
    lookahead_ms: Sequence[int | str | None] | None = None,
    seeds: Sequence[int] = (0,),
    protocol: str = "hear2021",
    precision: str = "fp32",
    limit: int | None = None,
    figure: str | None = None,
    overrides: Sequence[str] = (),
) -> Study:
    """Make a study of models and tasks.

    Args:
        models: texts (a name, a spec, ``hear:module``), or mappings as in YAML.
        tasks: as in YAML.
        levels: variants of every model, such as "block6", "block6+features", "block1..block12" (one for each), "*", or
            "block1..block12@weighted" (all of them pooled).
        windows_ms: variants of every model, such as 160 or "160+640".
        lookahead_ms: variants of every model, such as 0 or 80; None or "centered" centers windows.
        seeds, protocol, precision, figure: as in YAML. None draws the axis that varies, or bars.
        limit: the number of clips of each split that are used, as in YAML.
        overrides: changes of the mapping that the other arguments make, such as "models.0.timestamp_hop_ms=100".

    Raises:
        FileNotFoundError, ValueError: names the key, the value got and what was expected.
    """
    axes: dict[str, list[Any]] = {}
    for key, variants in (("levels", levels), ("windows_ms", windows_ms)):
        if variants is not None:
            axes[key] = [_parts(key, variant) for variant in variants]
    if lookahead_ms is not None:
        axes["lookahead_ms"] = [_lookahead(value) for value in lookahead_ms]
    content: dict[str, Any] = {
        "name": "adhoc",
        "models": [_entry(model, axes) for model in models],
        "tasks": list(tasks),
        "seeds": list(seeds),
        "protocol": protocol,
        "precision": precision,
        **({} if limit is None else {"limit": limit}),
        **({} if figure is None else {"figure": figure}),
    }
    content = changed(content, overrides, KEYS)
    study = Study.from_dict(content)
    name = content["name"] if any(parsed(override)[0] == ["name"] for override in overrides) else _name(study)
    if "figure" not in content:
        study = replace(study, figure=_figure(study))
    return replace(study, name=name)


def _entry(model: str | Mapping[str, Any], axes: Mapping[str, list[Any]]) -> dict[str, Any]:
    """The entry of a model, as YAML has it, with the axes that all models vary."""
    if isinstance(model, str):
        first, *_ = parse_parts(model)
        entry = {key: [list(value)] if isinstance(value, tuple) else value for key, value in first.items()}
        if beside := model.partition(FUSED.strip())[2].strip():
            entry["beside"] = beside
    elif isinstance(model, Mapping):
        entry = dict(model)
    else:
        raise ValueError(f"a model must be a text or a mapping of keys, got {shown(model)}")
    for key in axes:
        if "beside" in entry:
            raise ValueError(f"{key} are given for every model, and {shown(model)} is several; give each part its own")
        if key in entry:
            raise ValueError(f"{key} are given twice: for every model, and by {shown(model)}")
    return {**entry, **axes}


def _parts(key: str, variant: Variant) -> list[Any] | Mapping[str, Any]:
    """The levels or windows of one variant, or its levels by their pooling."""
    if isinstance(variant, Mapping):
        return variant
    if key == "levels" and isinstance(variant, str) and "@" in variant:
        levels, _, pooling = variant.rpartition("@")
        return {pooling: levels.split("+")}
    parts: list[Any] = variant.split("+") if isinstance(variant, str) else _as_list(variant)
    if key == "windows_ms":
        return [int(part) if isinstance(part, str) and part.isdecimal() and len(part) < 9 else part for part in parts]
    return parts


def _lookahead(value: int | str | None) -> Any:
    """The look-ahead of one variant, as YAML has it."""
    if value == CENTERED:
        return None
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 9 else value


def _as_list(variant: Any) -> list[Any]:
    return list(variant) if isinstance(variant, Sequence) else [variant]


def _name(study: Study) -> str:
    """A name that can be read, with the digest of the study's content behind it."""
    checkpoints = dict.fromkeys(
        FUSED.join(short_name(part.checkpoint)[0] for part in model.spec.parts) for model in study.models
    )
    tasks = [Path(task).name for task in study.tasks]
    return "-".join([*_named(list(checkpoints), "models"), *_named(tasks, "tasks"), study.digest])


def _named(names: Sequence[str], noun: str) -> list[str]:
    """Names in the letters that a study's name may have; their number where they are many."""
    plain = [re.sub(r"[^\w.-]+", "_", name).strip("_.-")[: MOST_LETTERS // len(names)] for name in names]
    if len(names) > MOST_NAMES or not all(plain):
        return [f"{len(names)}_{noun}"]
    return plain


def _figure(study: Study) -> str:
    """The figure of the only axis that varies; bars where none does, or several do."""
    specs = [model.spec for model in study.models]
    if len({spec.beside for spec in specs}) > 1:
        return "bars"
    if len({spec.pooling for spec in specs}) > 1:
        return "bars"
    varying = [figure for key, figure in AXES.items() if len({getattr(spec, key) for spec in specs}) > 1]
    return varying[0] if len(varying) == 1 and len({spec.checkpoint for spec in specs}) == 1 else "bars"
