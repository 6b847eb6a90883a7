"""EmbeddingSpec: one variant of a model's embeddings, as a value with a text form.

A spec is syntax only and serves every model family, PaSST and baselines alike. The card of a checkpoint
(`passt.catalog.card`) says which levels and windows the checkpoint allows, and completes a partial spec.

Text form: ``checkpoint@levels@w<windows>@s<scene window>@t<timestamp hop>@weights``, with all times in ms (see
`passt.catalog.spec_text`):

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

Windows are centered on the timestamp, unless the text says how far they reach beyond it:

>>> spec = EmbeddingSpec.parse("passt_demo@block6@w320@ahead0@demo")
>>> spec.lookahead_ms, str(spec)
(0, 'passt_demo@block6@w320@smax@t50@ahead0@demo')

Models may stand side by side. All fields of the spec are then those of the first one, and `beside` has the others:

>>> spec = EmbeddingSpec.parse("passt_demo@block6@demo ++ crepe_full@activation@wown@t10")
>>> spec.levels, [part.checkpoint for part in spec.parts]
(('block6',), ['passt_demo', 'crepe_full'])
>>> str(spec)
'passt_demo@block6@w160@smax@t50@demo ++ crepe_full@activation@wown@smax@t10@published'

A name from the table of named specs (`passt.catalog.named`) may stand in the checkpoint's place. The parts that
follow it replace those of the named spec:

>>> str(EmbeddingSpec.parse("paper-lm@w640"))
'passt_s_swa_p16_128_ap476@features+mel@w640@smax@t50@published'
"""

from dataclasses import dataclass, fields, replace
from typing import Any, TypeGuard

from passt.catalog.poolings import POOLINGS, SIDE_BY_SIDE, broken_rule
from passt.catalog.spec_text import (
    CHECKPOINT,
    FUSED,
    LEVEL,
    MOST_MS,
    OWN_HOP,
    WEIGHTS,
    WEIGHTS_SYNTAX,
    SpecFields,
    parse_fields,
)

Tap = tuple[str, int | None]
"""(level, window in ms): the unit that is computed and stored. A window of None is the model's own extent."""


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
        lookahead_ms: how far the windows of timestamp embeddings reach beyond their timestamp, in ms. None centers
            them, and reflects the clip at its edges. Of a window of w ms, a number a takes the sound from w - a before
            the timestamp to a behind it, with zeros beyond the clip; 0 is causal. Scene embeddings have none.
        beside: models whose embeddings lie behind those of this one, each at its own sample rate. Timestamps are those
            that all of them have.

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
    lookahead_ms: int | None = None
    beside: "tuple[EmbeddingSpec, ...]" = ()

    def __post_init__(self) -> None:
        for name in ("levels", "windows_ms", "beside"):
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
        if broken := broken_rule(self.pooling, self.levels, self.windows_ms):
            _check(False, self, *broken)
        self._check_lookahead()
        self._check_beside()

    def _check_lookahead(self) -> None:
        """Raise ValueError where the look-ahead is no time, or where there is no window that it could be a part of."""
        ahead, name = self.lookahead_ms, "lookahead_ms"
        if ahead is None:
            return
        _check(_is_whole(ahead) and ahead >= 0, self, name, "whole milliseconds from 0, or None for centered windows")
        _check(self.windows_ms, self, name, "None where a spec names no windows (wown)")
        _check("mel" not in self.levels, self, name, "None with the level mel, whose excerpt is always centered")
        shortest = min(self.windows_ms)
        _check(ahead <= shortest, self, name, f"at most the shortest window, {shortest} ms")

    def _check_beside(self) -> None:
        """Raise ValueError where models can't stand side by side."""
        if not self.beside:
            return
        flat = all(isinstance(part, EmbeddingSpec) and not part.beside for part in self.beside)
        _check(flat, self, "beside", "specs of one model each")
        for part in self.parts:
            if part.pooling != SIDE_BY_SIDE:
                raise ValueError(f"{part}: a model beside others has no pooling, got {part.pooling!r}")
        for place, part in enumerate(self.parts):
            if part in self.parts[:place]:
                raise ValueError(f"{part}: stands beside itself; expected distinct models")

    @property
    def parts(self) -> "tuple[EmbeddingSpec, ...]":
        """The specs of the models that stand side by side, each of one model; of most specs the spec itself."""
        return (replace(self, beside=()), *self.beside) if self.beside else (self,)

    def __str__(self) -> str:
        if self.beside:
            return FUSED.join(map(str, self.parts))
        windows = "+".join(map(str, self.windows_ms)) or "own"
        scene = self.scene_window_ms or "max"
        hop = "own" if self.timestamp_hop_ms == OWN_HOP else self.timestamp_hop_ms
        pooling = () if self.pooling == SIDE_BY_SIDE else (self.pooling,)
        parts = (self.checkpoint, "+".join(self.levels), *pooling, f"w{windows}", f"s{scene}", f"t{hop}")
        ahead = () if self.lookahead_ms is None else (f"ahead{self.lookahead_ms}",)
        return "@".join((*parts, *ahead, self.weights))

    def __lt__(self, other: "EmbeddingSpec") -> bool:
        return str(self) < str(other)

    def scene_taps(self) -> list[Tap]:
        """List the taps that make up a scene embedding, in order.

        ``mel`` is not a scene level and is left out.

        Raises:
            ValueError: several models stand side by side: `parts` have taps.
        """
        self.refuse_beside()
        return [(level, self.scene_window_ms) for level in self.levels if level != "mel"]

    def timestamp_taps(self) -> list[Tap]:
        """List the taps of a timestamp embedding, in order.

        For each window these are all levels, then ``mel`` once.

        >>> EmbeddingSpec(levels=("features", "mel"), windows_ms=(160, 640)).timestamp_taps()
        [('features', 160), ('features', 640), ('mel', None)]

        Raises:
            ValueError: several models stand side by side: `parts` have taps.
        """
        self.refuse_beside()
        windows = self.windows_ms or (None,)
        taps: list[Tap] = [(level, window) for window in windows for level in self.levels if level != "mel"]
        return [*taps, ("mel", None)] if "mel" in self.levels else taps

    def refuse_pooling(self) -> None:
        """Raise ValueError for a pooling, which probes have, where embeddings alone are asked for."""
        if self.pooling != SIDE_BY_SIDE:
            raise ValueError(f"{self}: pooling {self.pooling!r} is a part of probes; expected a spec without it")

    def refuse_beside(self) -> None:
        """Raise ValueError for models side by side, where one model is asked for."""
        if self.beside:
            raise ValueError(f"{self}: expected one model, got {len(self.parts)} side by side")

    @classmethod
    def parse(cls, text: str) -> "EmbeddingSpec":
        """Read a spec from its text form.

        Parts left out take the defaults of this class, which are PaSST's.

        Raises:
            ValueError: the text is not a spec. The message names the part.
        """
        return cls._of(parse_fields(text))

    @classmethod
    def _of(cls, fields: SpecFields) -> "EmbeddingSpec":
        """Make a spec, and those of the models beside it."""
        values: dict[str, Any] = {**fields, "beside": tuple(map(cls._of, fields.get("beside", ())))}
        return cls(**values)


def field_names() -> tuple[str, ...]:
    """List the names of a spec's fields."""
    return tuple(field.name for field in fields(EmbeddingSpec))


def _positive(value: object) -> bool:
    return _is_whole(value) and value > 0


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


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
