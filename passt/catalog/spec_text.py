"""The text form of a spec: its parts, and how they are read.

``checkpoint@levels@pooling@w<windows>@s<scene window>@t<timestamp hop>@ahead<look-ahead>@weights``, with all times in
ms. Every part but the checkpoint may be left out. `EmbeddingSpec.parse` takes PaSST's defaults for what is missing, a
card those of its checkpoint. Between the texts of models side by side stands ``++``.
"""

import re
from collections.abc import Callable
from typing import Any, TypedDict, cast
from urllib.parse import quote

from passt.catalog import named
from passt.catalog.poolings import POOLINGS

CHECKPOINT = re.compile(
    r"[A-Za-z0-9_][A-Za-z0-9_.=-]*|hear:[A-Za-z_][A-Za-z0-9_.]*(\?[A-Za-z0-9_.~%=&+-]+)?"
    r"|python:[A-Za-z0-9_][A-Za-z0-9_.-]*\?[a-z]+=[A-Za-z0-9_.-]+"
    r"|hf:[A-Za-z0-9_.~%/-]+(\?[A-Za-z0-9_.~%=&+-]+)?"
)
REPOSITORY = "hf:"
COMMIT = re.compile("[0-9a-f]{40}")
LEVEL = re.compile(r"[a-z][a-z0-9_]*(\.[a-z]+)?")
WEIGHTS = re.compile(r"published|demo|none|untrained-(0|[1-9]\d{0,17})|sha256-[0-9a-f]{12}")
WEIGHT_KINDS = {
    "published": "published",
    "demo": "demo",
    "none": "none",
    "untrained": "untrained-SEED",
    "sha256": "a file",
}
"""First word of a spec's weights -> what messages call that kind of weights."""
WEIGHTS_SYNTAX = "published, demo, none, untrained-SEED or sha256-<12 hex digits>"
LEVEL_OR_POOLING = "mean"
"""A pooling that is also a level, of log-mel statistics: in a text it is a pooling behind levels alone."""
MOST_MS = 600_000
"""The longest window and the longest hop: ten minutes, as long as the longest clips of the HEAR tasks."""
FUSED = " ++ "
"""Between the texts of models whose embeddings lie side by side; the blanks may be left out when it is read."""
OWN_HOP = 0  # of a model that decides its timestamps itself; `town` in a spec's text


class SpecFields(TypedDict, total=False):
    """Some fields of an EmbeddingSpec, by name."""

    checkpoint: str
    levels: tuple[str, ...]
    windows_ms: tuple[int, ...]
    scene_window_ms: int | None
    timestamp_hop_ms: int
    weights: str
    pooling: str
    lookahead_ms: int | None
    beside: "tuple[SpecFields, ...]"


def parse_fields(text: str) -> SpecFields:
    """Read the fields that a spec text names, and no others. A card can then fill in its defaults.

    If a named spec stands in the checkpoint's place, its fields are taken too, except where `text` gives another value.
    Behind a repository of the hub, a commit, or a revision that no other part can be, belongs to its address:

    >>> parse_fields("hf:openai/whisper-tiny@v1.1@block2")
    {'checkpoint': 'hf:openai/whisper-tiny?revision=v1.1', 'levels': ('block2',)}

    The models that stand beside the first one have their fields in `beside`:

    >>> parse_fields("passt_demo@block6 ++ crepe_full@t100")["beside"]
    ({'checkpoint': 'crepe_full', 'timestamp_hop_ms': 100},)

    Raises:
        ValueError: a part is given twice, or is none of levels, pooling, w, s, t, ahead and weights.
    """
    first, *beside = parse_parts(text)
    return {**first, "beside": tuple(beside)} if beside else first


def parse_parts(text: str) -> list[SpecFields]:
    """Read the fields of each model that a spec text names.

    Raises:
        ValueError: as `parse_fields`, or a model is missing before or behind ``++``.
    """
    if FUSED.strip() not in text:
        return [_fields_of_one(text)]
    parts = [part.strip() for part in text.split(FUSED.strip())]
    if not all(parts):
        raise ValueError(f"spec {text!r}: expected a model before and behind each {FUSED.strip()}")
    return list(map(_fields_of_one, parts))


def _fields_of_one(text: str) -> SpecFields:
    """Read the fields that the text of one model names."""
    head, *parts = text.split("@")
    if head.startswith(REPOSITORY) and parts and _is_revision(parts[0]):
        head += f"{'&' if '?' in head else '?'}revision={quote(parts.pop(0), safe='')}"
    values: dict[str, Any] = {}
    for part in parts:
        name, value = _parse_part(part, text)
        if part == LEVEL_OR_POOLING and "levels" not in values:
            name, value = "levels", (part,)
        if name in values:
            raise ValueError(f"spec {text!r}: {name} given twice")
        values[name] = value
    return cast(SpecFields, {**fields_of(head), **values})


def fields_of(name: str) -> SpecFields:
    """Look up the fields of a named spec. Any other name is taken as a checkpoint's."""
    return parse_fields(named.table()[name].spec) if name in named.table() else {"checkpoint": name}


def _windows(text: str) -> tuple[int, ...]:
    return () if text == "own" else tuple(_ms(digits, "windows_ms") for digits in text.split("+"))


def _scene_window(text: str) -> int | None:
    return None if text == "max" else _ms(text, "scene_window_ms")


def _lookahead(text: str) -> int:
    return _ms(text, "lookahead_ms")


def _timestamp_hop(text: str) -> int:
    return OWN_HOP if text == "own" else _ms(text, "timestamp_hop_ms")


_PARTS: tuple[tuple[re.Pattern[str], str, Callable[[str], Any]], ...] = (
    (re.compile(r"w(?P<value>own|\d+(\+\d+)*)"), "windows_ms", _windows),
    (re.compile(r"s(?P<value>max|\d+)"), "scene_window_ms", _scene_window),
    (re.compile(r"t(?P<value>own|\d+)"), "timestamp_hop_ms", _timestamp_hop),
    (re.compile(r"ahead(?P<value>\d+)"), "lookahead_ms", _lookahead),
    (re.compile(rf"(?P<value>{WEIGHTS.pattern})"), "weights", str),
    (re.compile(f"(?P<value>{'|'.join(POOLINGS)})"), "pooling", str),
    (re.compile(rf"(?P<value>{LEVEL.pattern}(\+{LEVEL.pattern})*)"), "levels", lambda text: tuple(text.split("+"))),
)
"""The parts that follow the checkpoint: pattern, field, how its value is read. The first pattern that fits decides."""


def _is_revision(part: str) -> bool:
    return bool(COMMIT.fullmatch(part)) or not any(pattern.fullmatch(part) for pattern, _, _ in _PARTS)


def _parse_part(part: str, text: str) -> tuple[str, Any]:
    for pattern, name, read in _PARTS:
        if match := pattern.fullmatch(part):
            return name, read(match["value"])
    raise ValueError(
        f"spec {text!r}: {part!r} is not a part of a spec; expected checkpoint@levels@w160+640@smax@t50@weights"
    )


def _ms(digits: str, name: str) -> int:
    if len(digits) > 18:
        raise ValueError(f"{name} must be at most {MOST_MS} ms, got {len(digits)} digits")
    return int(digits)
