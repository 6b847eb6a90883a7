"""Nested frozen dataclasses from plain mappings (JSON, YAML), every key and type checked."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from passt.catalog.card import choices

Value = TypeVar("Value")


def from_mapping(kind: type[Value], found: Any, name: str) -> Value:
    """A `kind` of the values found; a key that is absent takes its default.

    Args:
        name: of what is read, for messages.

    Raises:
        ValueError: an unknown or missing key, a value of another type or out of its range; names the key.
    """
    if not isinstance(found, Mapping):
        raise ValueError(f"{name} must be a mapping of keys, got {found!r:.60}")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in found:
        if key not in fields:
            raise ValueError(f"{name}: unknown key {key!r}{choices(str(key), fields)}")
    needed = (dataclasses.MISSING, dataclasses.MISSING)
    for key, field in fields.items():
        if key not in found and (field.default, field.default_factory) == needed:
            raise ValueError(f"{name} needs {key!r}")
    hints = typing.get_type_hints(kind)
    values = {key: _value(hints[key], value, f"{name}: {key}") for key, value in found.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _value(hint: Any, value: Any, name: str) -> Any:
    if isinstance(hint, types.UnionType):
        if value is None and type(None) in typing.get_args(hint):
            return None
        (hint,) = (option for option in typing.get_args(hint) if option is not type(None))
    if dataclasses.is_dataclass(hint):
        return from_mapping(hint, value, name)
    if hint is float and type(value) in (int, float, str):
        try:
            found = float(value)  # YAML 1.1 reads 2e-5 as text
        except OverflowError:
            found = math.inf
        except ValueError:
            found = math.nan
        if math.isfinite(found):
            return found
        value = value if isinstance(value, str) else found
        raise ValueError(f"{name} must be a number, got {value!r:.60}")
    if type(value) is not hint:
        raise ValueError(f"{name} must be {_WORDS.get(hint, hint.__name__)}, got {value!r:.60}")
    return value


_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
