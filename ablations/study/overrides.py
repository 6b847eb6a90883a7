"""Changes of a study's mapping: `models.0.windows_ms=[[320]]` puts a value at a dotted path."""

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ablations.inputs.yaml_values import parse_yaml
from ablations.study.variants import MODEL_KEYS
from downstream.disk.fields import shown
from passt.catalog.choices import choices

EXAMPLE = "--set models.0.windows_ms='[[320]]'"


def changed(content: Mapping[str, Any], overrides: Sequence[str], keys: Collection[str]) -> dict[str, Any]:
    """Return a copy of a study's mapping with values put at paths of it.

    >>> changed({"name": "mine", "seeds": [0]}, ["seeds.0=3"], ["name", "seeds"])
    {'name': 'mine', 'seeds': [3]}

    Args:
        content: parsed YAML.
        overrides: texts PATH=VALUE. A path has keys, and places in lists, counted from 0, with dots between them. A
            value is YAML.
        keys: those that a study may have.

    Raises:
        ValueError: names the override, and the keys at the last place of its path that is there.
    """
    new = copy.deepcopy(dict(content))
    for override in overrides:
        path, value = parsed(override)
        _put(new, path, value, keys)
    return new


def parsed(override: str) -> tuple[list[str], Any]:
    """Split a text PATH=VALUE into the steps of its path and the value."""
    path, equals, text = override.partition("=")
    if not equals or not all(path.split(".")):
        raise ValueError(f"--set must be PATH=VALUE, such as {EXAMPLE}; got {shown(override)}")
    try:
        return path.split("."), parse_yaml(text)
    except ValueError as error:
        raise ValueError(f"--set {path}: {error}") from None


def _put(content: dict[str, Any], path: Sequence[str], value: Any, keys: Collection[str]) -> None:
    """Put a value at a path; a key at its end may be new."""
    place: Any = content
    for depth, step in enumerate(path):
        before, is_last = ".".join(path[:depth]), depth == len(path) - 1
        if isinstance(place, list):
            if not step.isdecimal() or int(step) >= len(place):
                raise _no_place(path, f"{before} has the places 0 to {len(place) - 1}, got {step!r}")
            key: Any = int(step)
        elif isinstance(place, dict):
            known = keys if not depth else MODEL_KEYS if path[0] == "models" and depth == 2 else [step]
            allowed = known if is_last else place
            if step not in allowed:
                raise _no_place(path, f"no key {step!r} in {before or 'the study'}{choices(step, allowed)}")
            key = step
        else:
            raise _no_place(path, f"{before} is {shown(place)}, which has no keys")
        if is_last:
            place[key] = value
        else:
            place = place[key]


def _no_place(path: Sequence[str], reason: str) -> ValueError:
    return ValueError(f"--set {'.'.join(path)}: {reason}")
