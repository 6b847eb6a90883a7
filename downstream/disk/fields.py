"""Check types and ranges of parsed values (JSON, YAML).

Every check takes the value and `where`, which names it in messages: the file that holds it, then the key.
"""

import math
import reprlib
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from downstream.disk.choices import MOST_LISTED, choices

MOST_DIGITS = 18
"""Digits of the longest whole number of any setting, so that it fits 64 bits."""
Value = TypeVar("Value")


class _Short(reprlib.Repr):
    """A representation of bounded size, since a parsed tree can be far larger than its file."""

    def __init__(self) -> None:
        super().__init__()
        self.maxlevel, self.maxlist, self.maxtuple, self.maxdict = 2, 6, 6, 6
        self.maxstring = self.maxother = 80

    def repr_int(self, value: int, level: int) -> str:
        if abs(value) < 10**MOST_DIGITS:
            return repr(value)
        return f"a whole number of about {int(value.bit_length() * math.log10(2)) + 1} digits"


shown = _Short().repr
"""Show a value in a message: shortened, with control characters escaped."""


def wrong(value: Any, where: str, expected: str) -> ValueError:
    """The error that names a field, the expected value and the value got."""
    return ValueError(f"{where} must be {expected}, got {shown(value)}")


def text(value: Any, where: str) -> str:
    """A text that UTF-8 can hold."""
    if not isinstance(value, str):
        raise wrong(value, where, "text")
    if not is_unicode(value):
        raise wrong(value, where, "text in Unicode")
    checked: str = value
    return checked


def one_line(value: Any, where: str) -> str:
    """A text of one line, not empty, without spaces at its ends or several in a row."""
    checked = text(value, where)
    if checked != " ".join(checked.split()) or not checked:
        raise wrong(value, where, "text of one line, without spaces around it")
    return checked


def is_unicode(value: str) -> bool:
    """Whether UTF-8 can hold a text.

    Bytes of another encoding that Python smuggled into it can't be held.
    """
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def whole(value: Any, where: str, least: int | None = None, most: int | None = None) -> int:
    """A whole number; true and false are refused."""
    bounds = [f" of at least {least}"] if least is not None else []
    bounds += [f"{' and' if bounds else ' of'} at most {most}"] if most is not None else []
    low, high = -(10**MOST_DIGITS) if least is None else least, 10**MOST_DIGITS if most is None else most
    if type(value) is not int or not low <= value <= high:
        raise wrong(value, where, "a whole number" + "".join(bounds))
    return value


def number(value: Any, where: str, above: float = -math.inf, expected: str = "a number") -> float:
    """A finite number, whole or not; true and false are refused."""
    expected += "" if above == -math.inf else f" above {above:g}"
    if type(value) not in (int, float):
        raise wrong(value, where, expected)
    if not (abs(value) < 10**MOST_DIGITS and value > above):  # NaN is not less than anything
        raise wrong(value, where, expected)
    checked: float = value
    return checked


def flag(value: Any, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise wrong(value, where, "true or false")
    return value


def choice(value: Any, where: str, known: Collection[str], listed_by: str = "") -> str:
    """One of the known texts; `listed_by` is what lists them where they are many."""
    if not isinstance(value, str) or (value not in known and len(known) <= MOST_LISTED):
        raise wrong(value, where, f"one of {', '.join(known)}" if len(known) <= MOST_LISTED else "a known name")
    if value not in known:
        raise ValueError(f"unknown {where} {shown(value)}{choices(value, known, listed_by)}")
    return value


def list_of(check: Callable[[Any, str], Value], value: Any, where: str, expected: str = "a list") -> list[Value]:
    """A list whose values all pass `check`; messages count them from 1."""
    if not isinstance(value, list):
        raise wrong(value, where, expected)
    return [check(item, f"{where}, number {place},") for place, item in enumerate(value, 1)]


def mapping(value: Any, where: str, expected: str = "a mapping of keys") -> Mapping[str, Any]:
    """A mapping whose keys are texts."""
    if not isinstance(value, Mapping):
        raise wrong(value, where, expected)
    for key in value:
        if not (isinstance(key, str) and is_unicode(key)):
            raise wrong(key, f"{where}: every key", "text in Unicode")
    return value
