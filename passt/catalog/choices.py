"""The tail of an error about an unknown name: the closest known names, and where all are listed."""

import difflib
from collections.abc import Iterable

MOST_LISTED = 12
"""More known names than this are not repeated in a message."""


def choices(got: str, known: Iterable[str], also: Iterable[str] = (), listed_by: str = "") -> str:
    """Write the tail of an error message about an unknown name.

    It suggests the closest known names, if there are any. A short list of the known names follows, or what lists them.

    >>> choices("seed", ["seeds", "tasks"])
    " (did you mean 'seeds'?); expected one of seeds, tasks"

    Args:
        got: the unknown name.
        known: the known names.
        also: further known names, which are suggested but not listed.
        listed_by: what lists the known names where they are many, such as a command.
    """
    known = list(known)
    is_short = len(known) <= MOST_LISTED
    near = closest(got, [*known, *also], 1 if is_short else 3)
    hint = f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""
    if is_short:
        return f"{hint}; expected one of {', '.join(known)}"
    return f"{hint}; {listed_by} lists all {len(known)}" if listed_by else hint or f", none of {len(known)}"


def closest(got: str, known: Iterable[str], count: int) -> list[str]:
    """The known names that begin with a text, else those that look most like it."""
    key, names = _key(got), {_key(name): name for name in known}
    longer = [name for name in names if len(key) > 2 and name.startswith(key)]
    return [names[name] for name in longer[:count] or difflib.get_close_matches(key, names, n=count)]


def _key(name: str) -> str:
    """A name as it is compared: case and the kind of dash do not count."""
    return name.lower().replace("-", "_")
