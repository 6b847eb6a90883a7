"""EmbeddingSpec: one variant of a model's embeddings, as a value with a text form.

A spec is pure syntax and serves every model family, PaSST and baselines alike. What a checkpoint allows
(its levels, its shortest and longest window) is on its card (`passt.catalog.card`), which also fills in what was left
out.

Text form: ``checkpoint@levels@w<windows>@s<scene window>@t<timestamp hop>@weights``, for example
``passt_s_swa_p16_128_ap476@logits+features@w160@smax@t50@published``. At its head a name of the table of named specs
(`passt.catalog.named`) stands for that spec, of which the parts that follow replace some: ``2level-mel@untrained-0``.
"""

import re
from dataclasses import dataclass, fields
from typing import Any

from passt.catalog import named

CHECKPOINT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.=-]*|hear:[A-Za-z_][A-Za-z0-9_.]*(\?[A-Za-z0-9_.~%=&+-]+)?")
LEVEL = re.compile(r"[a-z][a-z0-9_]*(\.[a-z]+)?")
WEIGHTS = re.compile(r"published|demo|none|untrained-(0|[1-9]\d{0,17})|sha256-[0-9a-f]{12}")
WEIGHT_KINDS = {
    "published": "published",
    "demo": "demo",
    "none": "none",
    "untrained": "untrained-SEED",
    "sha256": "a file",
}
"""How the kinds of weights are called in messages, by the first word of a spec's weights."""
WEIGHTS_WANTED = "published, demo, none, untrained-SEED or sha256-<12 hex digits>"
MOST_MS = 600_000
"""The longest window and the longest hop, ten minutes: as long as the longest clips of the HEAR tasks."""
OWN_HOP = 0  # timestamps of the model's own, `town` in a spec's text

Tap = tuple[str, int | None]
"""(level, window in ms), what is computed and stored at once; a window of None is the model's own extent."""


@dataclass(frozen=True)
class EmbeddingSpec:
    """A point on the three axes: time resolution (the checkpoint's), embedding level, receptive field.

    Attributes:
        checkpoint: published weights by name; fixes STFT hop, stride and depth, and so the time resolution. Or a
            module of the HEAR common API: ``hear:module?option=value``, percent-encoded.
        levels: embedding levels, concatenated in this order; the level ``mel`` comes last.
        windows_ms: receptive fields of timestamp embeddings in ms, concatenated in this order; () for models
            whose receptive field is their own.
        scene_window_ms: receptive field of scene embeddings in ms; None is the checkpoint's maximum.
        timestamp_hop_ms: distance of timestamps in ms; 0 for a model whose timestamps are its own.
        weights: ``published``, ``demo``, ``none`` (a model that has no weights), ``untrained-SEED``, or
            ``sha256-`` and the first 12 hex digits of a weight file's hash.

    Raises:
        ValueError: where a field breaks the syntax; names field, value and what was expected.
    """

    checkpoint: str = "passt_s_swa_p16_128_ap476"
    levels: tuple[str, ...] = ("logits", "features")
    windows_ms: tuple[int, ...] = (160,)
    scene_window_ms: int | None = None
    timestamp_hop_ms: int = 50
    weights: str = "published"

    def __post_init__(self) -> None:
        for name in ("levels", "windows_ms"):
            value = getattr(self, name)
            if isinstance(value, list):
                object.__setattr__(self, name, tuple(value))
            elif not isinstance(value, tuple):
                raise ValueError(f"{name} must be a list, got {_shown(value)}")
        _check(isinstance(self.checkpoint, str) and CHECKPOINT.fullmatch(self.checkpoint), self, "checkpoint", "a name")
        _check(self.levels, self, "levels", "at least one level")
        for level in self.levels:
            _check(isinstance(level, str) and LEVEL.fullmatch(level), self, "levels", "names such as features, block6")
        plain = all(parse_fields(f"x@{level}").get("levels") for level in self.levels)
        _check(plain, self, "levels", "names that no other part of a spec can have")
        _check("mel" not in self.levels[:-1], self, "levels", "mel at the end only")
        _check(_distinct(self.levels), self, "levels", "distinct levels")
        _check(all(_positive(w) for w in self.windows_ms), self, "windows_ms", "positive whole milliseconds")
        _check(_distinct(self.windows_ms), self, "windows_ms", "distinct windows")
        _check(self.scene_window_ms is None or _positive(self.scene_window_ms), self, "scene_window_ms", "positive ms")
        own = self.timestamp_hop_ms == OWN_HOP and not isinstance(self.timestamp_hop_ms, bool)
        _check(own or _positive(self.timestamp_hop_ms), self, "timestamp_hop_ms", "a positive number of milliseconds")
        longest = {name: getattr(self, name) or 0 for name in ("scene_window_ms", "timestamp_hop_ms")}
        for name, value in {"windows_ms": max(self.windows_ms, default=0), **longest}.items():
            _check(value <= MOST_MS, self, name, f"at most {MOST_MS} ms")
        _check(isinstance(self.weights, str) and WEIGHTS.fullmatch(self.weights), self, "weights", WEIGHTS_WANTED)

    def __str__(self) -> str:
        windows = "+".join(map(str, self.windows_ms)) or "own"
        scene = self.scene_window_ms or "max"
        hop = "own" if self.timestamp_hop_ms == OWN_HOP else self.timestamp_hop_ms
        parts = (self.checkpoint, "+".join(self.levels), f"w{windows}", f"s{scene}", f"t{hop}")
        return "@".join((*parts, self.weights))

    def __lt__(self, other: "EmbeddingSpec") -> bool:
        return str(self) < str(other)

    def scene_taps(self) -> list["Tap"]:
        """The taps that make up a scene embedding, in order; ``mel`` is no scene level and left out."""
        return [(level, self.scene_window_ms) for level in self.levels if level != "mel"]

    def timestamp_taps(self) -> list["Tap"]:
        """The taps of a timestamp embedding: for each window in order each level in order, then ``mel`` once."""
        windows = self.windows_ms or (None,)
        taps: list[Tap] = [(level, window) for window in windows for level in self.levels if level != "mel"]
        return [*taps, ("mel", None)] if "mel" in self.levels else taps

    @classmethod
    def parse(cls, text: str) -> "EmbeddingSpec":
        """The spec that `text` stands for; parts left out take this class's defaults, which are PaSST's."""
        return cls(**parse_fields(text))


def parse_fields(text: str) -> dict[str, Any]:
    """The fields that a spec text names, and only those: {"checkpoint": ..., "levels": ..., ...}.

    Parts after the checkpoint may be left out, so that a card can fill in its own defaults. A named spec in the
    checkpoint's place gives its fields, where no part of `text` gives another value.

    Raises:
        ValueError: for a part given twice, or one that is none of levels, w, s, t and weights.
    """
    head, *parts = text.split("@")
    found: dict[str, Any] = {}
    for part in parts:
        name, value = _parse_part(part, text)
        if name in found:
            raise ValueError(f"spec {text!r}: {name} given twice")
        found[name] = value
    return {**fields_of(head), **found}


def fields_of(name: str) -> dict[str, Any]:
    """The fields that a named spec stands for; those of any other name are the checkpoint alone."""
    return parse_fields(named.table()[name].spec) if name in named.table() else {"checkpoint": name}


def _parse_part(part: str, text: str) -> tuple[str, Any]:
    if re.fullmatch(r"w(own|\d+(\+\d+)*)", part):
        return "windows_ms", () if part == "wown" else tuple(_ms(w, "windows_ms") for w in part[1:].split("+"))
    if re.fullmatch(r"s(max|\d+)", part):
        return "scene_window_ms", None if part == "smax" else _ms(part[1:], "scene_window_ms")
    if re.fullmatch(r"t(own|\d+)", part):
        return "timestamp_hop_ms", OWN_HOP if part == "town" else _ms(part[1:], "timestamp_hop_ms")
    if WEIGHTS.fullmatch(part):
        return "weights", part
    levels = tuple(part.split("+"))
    if all(LEVEL.fullmatch(level) for level in levels):
        return "levels", levels
    raise ValueError(
        f"spec {text!r}: {part!r} is not a part of a spec; expected checkpoint@levels@w160+640@smax@t50@weights"
    )


def _ms(digits: str, name: str) -> int:
    if len(digits) > 18:
        raise ValueError(f"{name} must be at most {MOST_MS} ms, got {len(digits)} digits")
    return int(digits)


def field_names() -> tuple[str, ...]:
    """The names of a spec's fields, in the order of its text form."""
    return tuple(field.name for field in fields(EmbeddingSpec))


def _positive(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _distinct(values: tuple) -> bool:
    return len(set(values)) == len(values)


def _check(holds: Any, spec: EmbeddingSpec, name: str, wanted: str) -> None:
    if not holds:
        raise ValueError(f"{name} must be {wanted}, got {_shown(getattr(spec, name))}")


def _shown(value: Any) -> str:
    """A value for a message, shortened: it may be a whole number of more digits than Python writes."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 200 else f"{text[:200]}..."
