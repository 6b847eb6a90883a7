"""Seeded changes of good inputs: of bytes, of text, and of the values in YAML and JSON."""

import copy
import random
from collections.abc import Iterator
from typing import Any

ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2**31, 2**63, 10**400, -0.0, 1e308, float("inf"), float("nan"), 0.5),
    *("", " ", "nan", "1", "0640", "yes", "x" * 5000, "\x00", "\x1b[31m", "é\u202e"),
    *("../..", "/etc/passwd", "~nosuchuser", "a|b"),
    *([], [[]], [None], ["a", "a"], {}, {"": 1}, {"a": {"b": []}}, [1, "a", None], list(range(2000))),
)
ODD_TEXTS = (
    *('"', "'", ",", ";", ",,", "|", "#", "-", "{", "}", "[", "]", "\\", "\t", "\r", "\n", "\n\n", "\x00", "\ufeff"),
    *("\u00a0", "\x1b]0;x\x07", "é", "🐕", "1e999", "=cmd()", "%s", "99999999999999999999"),
    *("&a [*a,*a]", "!!python/object:os.system"),
)


def changed_bytes(data: bytes, draw: random.Random) -> bytes:
    """Flip, cut, remove, repeat, zero or set a few bytes to extremes, mostly in the header."""
    content = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 4, 16))):
        if not content:
            break
        reach = min(len(content), draw.choice((16, 64, 256, len(content))))
        at, size = draw.randrange(reach), draw.choice((1, 2, 4, 8, 64))
        way = draw.randrange(7)
        if way == 0:
            content[at] ^= 1 << draw.randrange(8)
        elif way == 1:
            content[at : at + size] = draw.choice((b"\x00", b"\xff", b"\x7f")) * size
        elif way == 2:
            del content[at : at + size]
        elif way == 3:
            content[at:at] = content[at : at + size]
        elif way == 4:
            del content[draw.randrange(len(content)) :]
        elif way == 5:
            content[at : at + size] = draw.randbytes(size)
        else:
            content += draw.randbytes(size)
    return bytes(content)


def changed_text(text: str, draw: random.Random) -> str:
    """Insert odd characters, remove some, repeat or remove lines, replace separators and words."""
    for _ in range(draw.choice((1, 1, 2, 4))):
        at = draw.randrange(len(text) + 1)
        lines = text.split("\n")
        line = draw.randrange(len(lines))
        way = draw.randrange(6)
        if way == 0:
            text = text[:at] + draw.choice(ODD_TEXTS) + text[at:]
        elif way == 1:
            text = text[:at] + text[at + draw.choice((1, 2, 10)) :]
        elif way == 2:
            text = "\n".join([*lines[:line], lines[line], *lines[line:]])
        elif way == 3:
            text = "\n".join([*lines[:line], *lines[line + 1 :]])
        elif way == 4:
            text = text.replace(draw.choice((",", "\n", " ", "1", ":")), draw.choice(ODD_TEXTS), draw.choice((1, -1)))
        else:
            words = text.split(" ")
            words[draw.randrange(len(words))] = draw.choice(ODD_TEXTS)
            text = " ".join(words)
    return text


def changed_value(value: Any, draw: random.Random) -> Any:
    """Replace, remove, repeat or nest one place of nested lists and mappings."""
    whole = [copy.deepcopy(value)]
    places = list(_places(whole))
    holder, key = draw.choice(places)
    way = draw.randrange(5)
    if way == 0 and holder is not whole:
        del holder[key]
    elif way == 1 and isinstance(holder, list) and holder is not whole:
        holder.append(copy.deepcopy(holder[key]))
    elif way == 2 and isinstance(holder, dict):
        holder[draw.choice(("extra", "", "name", str(key).upper()))] = draw.choice(ODD_VALUES)
    elif way == 3:
        deep = holder[key]
        for _ in range(draw.choice((1, 2, 60))):
            deep = [deep] if draw.random() < 0.5 else {"a": deep}
        holder[key] = deep
    else:
        holder[key] = draw.choice(ODD_VALUES)
    return whole[0]


def _places(holder: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every (list or mapping, key) in a nested value."""
    for key in range(len(holder)) if isinstance(holder, list) else list(holder):
        yield holder, key
        if isinstance(holder[key], list | dict):
            yield from _places(holder[key])
