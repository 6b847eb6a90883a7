"""Nested frozen dataclasses from plain mappings, with every key and type checked."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from passt.catalog.choices import choices

Value = TypeVar("Value")


def from_mapping(kind: type[Value], content: Any, name: str) -> Value:
    """Make a dataclass from plain values. Absent keys take their defaults.

    Args:
        kind: the dataclass.
        content: mapping of keys to plain values.
        name: what the content is, for messages.

    Raises:
        ValueError: a key is unknown or missing, or a value has another type or is out of its range. The message names
            the key.
    """
    if not isinstance(content, Mapping):
        raise ValueError(f"{name} must be a mapping of keys, got {content!r:.60}")
    fields = {field.name: field for field in dataclasses.fields(typing.cast(Any, kind))}
    for key in content:
        if key not in fields:
            raise ValueError(f"{name}: unknown key {key!r}{choices(str(key), fields)}")
    no_default = (dataclasses.MISSING, dataclasses.MISSING)
    for key, field in fields.items():
        if key not in content and (field.default, field.default_factory) == no_default:
            raise ValueError(f"{name} needs {key!r}")
    hints = typing.get_type_hints(kind)
    values = {key: _value(hints[key], value, f"{name}: {key}") for key, value in content.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _value(hint: Any, value: Any, name: str) -> Any:
    """Check a value against a type hint, and convert it."""
    if isinstance(hint, types.UnionType):
        if value is None and type(None) in typing.get_args(hint):
            return None
        (hint,) = (option for option in typing.get_args(hint) if option is not type(None))
    if dataclasses.is_dataclass(hint):
        return from_mapping(typing.cast(type, hint), value, name)
    if hint is float and type(value) in (int, float, str):
        return _number(value, name)
    if type(value) is not hint:
        raise ValueError(f"{name} must be {_WORDS.get(hint, hint.__name__)}, got {value!r:.60}")
    return value


def _number(value: float | str, name: str) -> float:
    """Convert a finite number. Text is allowed, because YAML 1.1 reads 2e-5 as text."""
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    except ValueError:
        number = math.nan
    if math.isfinite(number):
        return number
    shown = value if isinstance(value, str) else number
    raise ValueError(f"{name} must be a number, got {shown!r:.60}")


_WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false"}
