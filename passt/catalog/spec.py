"""EmbeddingSpec: one variant of a model's embeddings, as a value with a text form.

A spec is syntax only and serves every model family, PaSST and baselines alike. The card of a checkpoint
(`passt.catalog.card`) says which levels and windows the checkpoint allows, and completes a partial spec.

Text form: ``checkpoint@levels@w<windows>@s<scene window>@t<timestamp hop>@weights``, with all times in ms:

>>> spec = EmbeddingSpec(checkpoint="stfthop160", levels=("features", "mel"), windows_ms=(160, 640))
>>> str(spec)
'stfthop160@features+mel@w160+640@smax@t50@published'
>>> EmbeddingSpec.parse(str(spec)) == spec
True

Parts may be left out. `EmbeddingSpec.parse` takes PaSST's defaults for them, a card those of its checkpoint:

>>> str(EmbeddingSpec.parse("cnn14@w640@untrained-0"))
'cnn14@logits+features@w640@smax@t50@untrained-0'
>>> parse_fields("cnn14@w640@untrained-0")
{'checkpoint': 'cnn14', 'windows_ms': (640,), 'weights': 'untrained-0'}

Behind the levels may stand how a probe pools them, or the tokens of one level. Without it they are concatenated:

>>> spec = EmbeddingSpec.parse("passt_demo@block1+block2@weighted@demo")
>>> spec.pooling, str(spec)
('weighted', 'passt_demo@block1+block2@weighted@w160@smax@t50@demo')
>>> EmbeddingSpec.parse("passt_demo@block6.tokens@attention").levels
('block6.tokens',)

A name from the table of named specs (`passt.catalog.named`) may stand in the checkpoint's place. The parts that
follow it replace those of the named spec:

>>> str(EmbeddingSpec.parse("paper-lm@w640"))
'passt_s_swa_p16_128_ap476@features+mel@w640@smax@t50@published'
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any, TypedDict, cast
from urllib.parse import quote

from passt.catalog import named
from passt.tokens import TOKENS, keeps_tokens

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
SIDE_BY_SIDE = "concatenated"
"""The pooling of a spec whose text has none."""
OF_LEVELS = ("weighted", "weighted_normalized")
"""Poolings of levels: a probe learns a softmax weight for each."""
OF_TOKENS = ("mean", "meanmax", "attention", "attention_labels", "prototypes")
"""Poolings of the tokens of one level."""
POOLINGS = (SIDE_BY_SIDE, *OF_LEVELS, *OF_TOKENS)
LEVEL_OR_POOLING = "mean"
"""A pooling that is also a level, of log-mel statistics: in a text it is a pooling behind levels alone."""
MOST_MS = 600_000
"""The longest window and the longest hop: ten minutes, as long as the longest clips of the HEAR tasks."""
OWN_HOP = 0  # of a model that decides its timestamps itself; `town` in a spec's text

Tap = tuple[str, int | None]
"""(level, window in ms): the unit that is computed and stored. A window of None is the model's own extent."""


class SpecFields(TypedDict, total=False):
    """Some fields of an EmbeddingSpec, by name."""

    checkpoint: str
    levels: tuple[str, ...]
    windows_ms: tuple[int, ...]
    scene_window_ms: int | None
    timestamp_hop_ms: int
    weights: str
    pooling: str


@dataclass(frozen=True)
class EmbeddingSpec:
    """A point on the three axes: time resolution, embedding level, receptive field.

    The defaults are the base model of Koutini et al. 2022 (PMLR 166): logits and features, hop 10 ms, window 160 ms.

    Attributes:
        checkpoint: name of published weights. It fixes STFT hop, patch stride and depth, and so the time resolution.
            ``hear:module?option=value`` (percent-encoded) is a module of the HEAR common API instead,
            ``hf:ORG/NAME?revision=<commit>`` an encoder of the library transformers, and ``python:name?code=<hash>`` an
            object of the process.
        levels: embedding levels, concatenated in this order. The level ``mel`` must come last.
        windows_ms: receptive fields of timestamp embeddings in ms, concatenated in this order. () is for models
            whose receptive field is fixed.
        scene_window_ms: receptive field of scene embeddings in ms. None is the checkpoint's maximum.
        timestamp_hop_ms: time between timestamps in ms. 0 is for models that decide their timestamps themselves.
        weights: ``published``, ``demo``, ``none`` (the model has no weights), ``untrained-SEED``, or ``sha256-``
            with the first 12 hex digits of a weight file's SHA-256.
        pooling: what a probe does with levels, or with the tokens of one level, before anything else.
            ``concatenated`` takes them side by side, as embedders give them. ``weighted`` and ``weighted_normalized``
            learn a weight for each of two or more levels, of one window. ``mean``, ``meanmax``, ``attention``,
            ``attention_labels`` and ``prototypes`` pool the tokens of one level, such as ``block6.tokens``, of one
            window.

    Raises:
        ValueError: a field breaks the syntax. The message names the field, the value and what is expected.
    """

    checkpoint: str = "passt_s_swa_p16_128_ap476"
    levels: tuple[str, ...] = ("logits", "features")
    windows_ms: tuple[int, ...] = (160,)
    scene_window_ms: int | None = None
    timestamp_hop_ms: int = 50
    weights: str = "published"
    pooling: str = SIDE_BY_SIDE

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
        own_hop = self.timestamp_hop_ms == OWN_HOP and not isinstance(self.timestamp_hop_ms, bool)
        _check(
            own_hop or _positive(self.timestamp_hop_ms), self, "timestamp_hop_ms", "a positive number of milliseconds"
        )
        for name, value in (
            ("windows_ms", max(self.windows_ms, default=0)),
            ("scene_window_ms", self.scene_window_ms or 0),
            ("timestamp_hop_ms", self.timestamp_hop_ms),
        ):
            _check(value <= MOST_MS, self, name, f"at most {MOST_MS} ms")
        _check(isinstance(self.weights, str) and WEIGHTS.fullmatch(self.weights), self, "weights", WEIGHTS_SYNTAX)
        known = isinstance(self.pooling, str) and self.pooling in POOLINGS
        _check(known, self, "pooling", f"one of {', '.join(POOLINGS)}")
        self._check_pooling()

    def _check_pooling(self) -> None:
        """Raise ValueError where the pooling does not fit the levels or windows."""
        if self.pooling == SIDE_BY_SIDE:
            return
        tokens = [level for level in self.levels if keeps_tokens(level)]
        if self.pooling in OF_LEVELS:
            expected = f"two levels or more for pooling {self.pooling}, none of them mel or of tokens"
            _check(len(self.levels) > 1 and not tokens and "mel" not in self.levels, self, "levels", expected)
        else:
            expected = f"one level that keeps its tokens, such as block6{TOKENS}, for pooling {self.pooling}"
            _check(len(self.levels) == len(tokens) == 1, self, "levels", expected)
        _check(len(self.windows_ms) < 2, self, "windows_ms", f"at most one window for pooling {self.pooling}")

    def __str__(self) -> str:
        windows = "+".join(map(str, self.windows_ms)) or "own"
        scene = self.scene_window_ms or "max"
        hop = "own" if self.timestamp_hop_ms == OWN_HOP else self.timestamp_hop_ms
        pooling = () if self.pooling == SIDE_BY_SIDE else (self.pooling,)
        parts = (self.checkpoint, "+".join(self.levels), *pooling, f"w{windows}", f"s{scene}", f"t{hop}")
        return "@".join((*parts, self.weights))

    def __lt__(self, other: "EmbeddingSpec") -> bool:
        return str(self) < str(other)

    def scene_taps(self) -> list[Tap]:
        """List the taps that make up a scene embedding, in order.

        ``mel`` is not a scene level and is left out.
        """
        return [(level, self.scene_window_ms) for level in self.levels if level != "mel"]

    def timestamp_taps(self) -> list[Tap]:
        """List the taps of a timestamp embedding, in order.

        For each window these are all levels, then ``mel`` once.

        >>> EmbeddingSpec(levels=("features", "mel"), windows_ms=(160, 640)).timestamp_taps()
        [('features', 160), ('features', 640), ('mel', None)]
        """
        windows = self.windows_ms or (None,)
        taps: list[Tap] = [(level, window) for window in windows for level in self.levels if level != "mel"]
        return [*taps, ("mel", None)] if "mel" in self.levels else taps

    def refuse_pooling(self) -> None:
        """Raise ValueError for a pooling, which probes have, where embeddings alone are asked for."""
        if self.pooling != SIDE_BY_SIDE:
            raise ValueError(f"{self}: pooling {self.pooling!r} is a part of probes; expected a spec without it")

    @classmethod
    def parse(cls, text: str) -> "EmbeddingSpec":
        """Read a spec from its text form.

        Parts left out take the defaults of this class, which are PaSST's.

        Raises:
            ValueError: the text is not a spec. The message names the part.
        """
        return cls(**parse_fields(text))


def parse_fields(text: str) -> SpecFields:
    """Read the fields that a spec text names, and no others. A card can then fill in its defaults.

    If a named spec stands in the checkpoint's place, its fields are taken too, except where `text` gives another value.
    Behind a repository of the hub, a commit, or a revision that no other part can be, belongs to its address:

    >>> parse_fields("hf:openai/whisper-tiny@v1.1@block2")
    {'checkpoint': 'hf:openai/whisper-tiny?revision=v1.1', 'levels': ('block2',)}

    Raises:
        ValueError: a part is given twice, or is none of levels, w, s, t and weights.
    """
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


def _timestamp_hop(text: str) -> int:
    return OWN_HOP if text == "own" else _ms(text, "timestamp_hop_ms")


_PARTS: tuple[tuple[re.Pattern[str], str, Callable[[str], Any]], ...] = (
    (re.compile(r"w(?P<value>own|\d+(\+\d+)*)"), "windows_ms", _windows),
    (re.compile(r"s(?P<value>max|\d+)"), "scene_window_ms", _scene_window),
    (re.compile(r"t(?P<value>own|\d+)"), "timestamp_hop_ms", _timestamp_hop),
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


def field_names() -> tuple[str, ...]:
    """List the names of a spec's fields, in the order of its text form."""
    return tuple(field.name for field in fields(EmbeddingSpec))


def _positive(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _distinct(values: tuple[object, ...]) -> bool:
    return len(set(values)) == len(values)


def _check(holds: object, spec: EmbeddingSpec, name: str, expected: str) -> None:
    if not holds:
        raise ValueError(f"{name} must be {expected}, got {_shown(getattr(spec, name))}")


def _shown(value: object) -> str:
    """Shorten a value for a message. Python does not write numbers of thousands of digits."""
    try:
        text = repr(value)
    except ValueError:
        return "a number of thousands of digits"
    return text if len(text) <= 200 else f"{text[:200]}..."
