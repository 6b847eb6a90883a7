"""Measure effective receptive fields: of levels and windows of a model, beside their nominal windows."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from ablations.receptive_field.curves import PARTS, Numbers, interval, resampled
from ablations.receptive_field.gradients import gradients, why_not
from ablations.receptive_field.layout import Extent, Layout
from ablations.receptive_field.occlusion import REPLACEMENTS, SOUND, occlusion
from ablations.receptive_field.sounds import Sounds
from downstream.disk.choices import choices
from downstream.embedder import Embedder, Tap
from downstream.progress import Track, silent

OCCLUSION, GRADIENTS = "occlusion", "gradients"
METHODS = (OCCLUSION, GRADIENTS)
STRETCHES = 32
"""Of a nominal window, if nothing else is asked for."""
MARGIN = 2
"""Stretches beyond each end of a nominal window, where nothing has an effect."""
UNKNOWN_REACH_MS = 1000
"""How far effects are measured on each side if the nominal window is not known."""


@dataclass(frozen=True)
class Choice:
    """How effects are measured.

    Attributes:
        clips: from which an excerpt is taken, at most.
        stretch_ms: of the sound that is replaced at once; None for about a 32nd of what is measured, in whole ms.
        reach_ms: how far from the timestamp effects are measured on each side, at least. The nominal window and two
            stretches beyond each end are always measured. If it is not known, None stands for 1 s.
        methods: of `METHODS`. A model without gradients is measured by occlusion alone.
        replacement: what a stretch is replaced by, of `REPLACEMENTS`.
        seed: of clips, timestamps, directions of gradients and resampled clips.
    """

    clips: int = 16
    stretch_ms: int | None = None
    reach_ms: int | None = None
    methods: tuple[str, ...] = METHODS
    replacement: str = SOUND
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (("clips", 2), ("stretch_ms", 1), ("reach_ms", 1), ("seed", 0)):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
        for method in self.methods:
            if method not in METHODS:
                raise ValueError(f"unknown method {method!r}{choices(str(method), METHODS)}")
        if not self.methods:
            raise ValueError(f"methods: expected one of {', '.join(METHODS)}, got none")
        if self.replacement not in REPLACEMENTS:
            raise ValueError(f"unknown replacement {self.replacement!r}{choices(str(self.replacement), REPLACEMENTS)}")


@dataclass(frozen=True)
class Span:
    """What is measured around the timestamps of a window, in whole ms.

    Attributes:
        nominal: the ends of the nominal window; None if it is not known.
        stretch_ms: of the sound that is replaced at once.
        before_ms, behind_ms: of an excerpt.
    """

    nominal: Extent | None
    stretch_ms: int
    before_ms: int
    behind_ms: int

    @classmethod
    def of(cls, nominal: Extent | None, choice: Choice) -> "Span":
        """Decide what is measured.

        Raises:
            ValueError: a stretch that does not fit twice into the window.
        """
        reach = choice.reach_ms or UNKNOWN_REACH_MS
        start, stop = nominal or (-reach, reach)
        stretch = choice.stretch_ms or _stretch(start, stop)
        if 2 * stretch > stop - start:
            what = "the window" if nominal else "the reach on both sides"
            raise ValueError(f"stretch_ms must be at most half of {what}, {stop - start:g} ms, got {stretch}")
        if nominal is None:  # one stretch more, so that the only timestamp beside 0 is the one in the middle
            return cls(None, stretch, reach + stretch, reach)
        before, behind = ((math.ceil(side / stretch) + MARGIN) * stretch for side in (-start, stop))
        least = choice.reach_ms or 0
        return cls(nominal, stretch, max(before, least), max(behind, least))


def _stretch(start: float, stop: float) -> int:
    """Choose the stretches of a window in whole ms: a 32nd, or somewhat less so that none lies across an end."""
    most = max(1, int(stop - start) // STRETCHES)
    common = math.gcd(round(start), round(stop))
    fitting = [size for size in range(most, most // 2, -1) if common % size == 0]
    return fitting[0] if fitting else most


@dataclass(frozen=True)
class Field:
    """The effective receptive fields of a model.

    Attributes:
        model: its spec.
        numbers: a row a level, window and method: intervals in ms relative to the timestamp, and why there are none.
        curves: a row a stretch of each of these.
        facts: of the measurement: source, clips, replacement, seed and what is not known.
    """

    model: str
    numbers: pd.DataFrame
    curves: pd.DataFrame
    facts: Mapping[str, Any] = field(default_factory=dict)

    def _repr_html_(self) -> str:
        return str(self.numbers.to_html(index=False))


def measure(
    embedder: Embedder,
    nominal: Mapping[Tap, Extent | None],
    sounds: Sounds,
    choice: Choice,
    *,
    own_hop: bool = False,
    track: Track = silent,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure the effective receptive fields of taps.

    Args:
        embedder: the model.
        nominal: tap -> its nominal window; None if that is not known.
        sounds: excerpts that reach as far as `spans` says.
        choice: how effects are measured.
        own_hop: whether the model decides its timestamps itself.
        track: shows how far the work is.

    Returns:
        Numbers and curves, as `Field` has them.

    Raises:
        ValueError: nothing has a field, such as of an embedding that is the same for every sound.
    """
    numbers: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    for span, taps in spans(nominal, choice).items():
        for method, tap, curve in _curves(embedder, span, taps, sounds, choice, own_hop, track):
            about = {"level": tap[0], "window_ms": tap[1], "method": method}
            numbers.append({**about, **curve.numbers(span, choice)})
            curves += [{**about, **row} for row in curve.rows(choice)]
    if not numbers:
        raise ValueError(f"{embedder.name}: {why_not(embedder)}; measure it by occlusion")
    table = pd.DataFrame(numbers)
    if (table["reason"] != "").all():
        first = table.iloc[0]
        raise ValueError(f"{embedder.name}: {first['level']} has no receptive field: {first['reason']}")
    order = {tap: place for place, tap in enumerate(nominal)}
    return _sorted(table, order), _sorted(pd.DataFrame(curves), order)


def spans(nominal: Mapping[Tap, Extent | None], choice: Choice) -> dict[Span, list[Tap]]:
    """Group taps by what is measured of them; those of one window share forward passes."""
    groups: dict[Span, list[Tap]] = {}
    for tap, extent in nominal.items():
        groups.setdefault(Span.of(extent, choice), []).append(tap)
    return groups


@dataclass(frozen=True)
class _Curve:
    """Effects of stretches on one tap.

    Attributes:
        edges: (stretches + 1,) in ms relative to the timestamp.
        effects: (clips, stretches).
        whole: (clips,) the effect of another sound in place of all of it; None if it is not known.
    """

    edges: np.ndarray
    effects: np.ndarray
    whole: np.ndarray | None

    @property
    def reason(self) -> str:
        """Why there is no field; empty if there is one."""
        if not (np.isfinite(self.effects).all() and (self.whole is None or np.isfinite(self.whole).all())):
            return "its embeddings are not finite"
        if self.whole is not None and not self.whole.any():
            return "the embedding is the same for every sound"
        return "" if self.effects.any() else "no stretch of the sound has an effect"

    @property
    def scales(self) -> np.ndarray:
        """The weight of each clip: equal changes for occlusion; for gradients equal sums.

        A gradient is as large as the sound is quiet, so that the quietest clip would decide a plain mean.
        """
        if self.whole is not None:
            return np.ones(len(self.effects))
        sums = self.effects.sum(1)
        scales: np.ndarray = np.divide(1, sums, out=np.zeros_like(sums), where=sums > 0)
        return scales

    @property
    def shares(self) -> np.ndarray:
        """(stretches,) of the effect, whose sum is 1."""
        sums = (self.effects * self.scales[:, None]).sum(0)
        shares: np.ndarray = sums / sums.sum()
        return shares

    def numbers(self, span: Span, choice: Choice) -> dict[str, Any]:
        """A row of the table of numbers."""
        start, stop = span.nominal or (math.nan, math.nan)
        row: dict[str, Any] = {"nominal_start": start, "nominal_stop": stop, "stretch_ms": span.stretch_ms}
        row |= {"clips": len(self.effects), "reason": self.reason}
        if self.reason:
            return row
        found = Numbers.of(self.edges, self.shares, span.nominal)
        draws = [
            Numbers.of(self.edges, shares, span.nominal) for shares in resampled(self.effects, self.scales, choice.seed)
        ]
        for part in PARTS:
            begin, end = found.intervals[part]
            low, high = interval(np.array([np.diff(draw.intervals[part])[0] for draw in draws]))
            row |= {f"ms_{part}": end - begin, f"ms_{part}_low": low, f"ms_{part}_high": high}
            row |= {f"start_{part}": begin, f"stop_{part}": end}
        low, high = interval(np.array([draw.future for draw in draws]))
        row |= {"future": found.future, "future_low": low, "future_high": high, "outside": found.outside}
        row["sum"] = math.nan if self.whole is None else float(self.effects.sum() / self.whole.sum())
        return row

    def rows(self, choice: Choice) -> Iterator[dict[str, Any]]:
        """Rows of the table of curves."""
        if self.reason:
            return
        draws = resampled(self.effects, self.scales, choice.seed)
        bounds = np.array([interval(draws[:, place]) for place in range(draws.shape[1])])
        changes = np.full(len(self.shares), math.nan)
        if self.whole is not None:
            changes = np.sqrt(self.effects.mean(0) / self.whole.mean())
        for place, share in enumerate(self.shares):
            start, stop = self.edges[place : place + 2]
            yield {
                **{"start_ms": start, "stop_ms": stop, "share": share},
                **{"share_low": bounds[place, 0], "share_high": bounds[place, 1], "change": changes[place]},
            }


def _curves(
    embedder: Embedder,
    span: Span,
    taps: Sequence[Tap],
    sounds: Sounds,
    choice: Choice,
    own_hop: bool,
    track: Track,
) -> Iterator[tuple[str, Tap, _Curve]]:
    """Measure taps of one span by each method."""
    alone = span.nominal is None or own_hop
    layout = Layout.of(embedder, taps, span.before_ms, span.behind_ms, own_hop=own_hop, end_to_end=not alone)
    excerpts = sounds.around(layout.before, layout.behind)
    rate = embedder.sample_rate
    cuts = layout.stretches(max(1, rate * span.stretch_ms // 1000))
    edges = (np.array([cut.start for cut in cuts] + [cuts[-1].stop]) - layout.anchor) * 1000 / rate
    if OCCLUSION in choice.methods:
        with track(f"{OCCLUSION} of {_named(taps)}", len(excerpts) * (len(cuts) + 1)) as advance:
            found = occlusion(layout, excerpts, cuts, choice.replacement, advance)
        for tap in taps:
            yield OCCLUSION, tap, _Curve(edges, *found[tap])
    if GRADIENTS in choice.methods and not why_not(embedder):
        with track(f"{GRADIENTS} of {_named(taps)}", len(excerpts)) as advance:
            squares = gradients(layout, excerpts, cuts, choice.seed, advance)
        for tap in taps:
            yield GRADIENTS, tap, _Curve(edges, squares[tap], None)


def _named(taps: Sequence[Tap]) -> str:
    levels = list(dict.fromkeys(level for level, _ in taps))
    text = levels[0] if len(levels) == 1 else f"{len(levels)} levels"
    window = taps[0][1]
    return text if window is None else f"{text}, {window} ms"


def _sorted(table: pd.DataFrame, order: Mapping[Tap, int]) -> pd.DataFrame:
    """Rows in the order of the taps, then of the methods."""
    if table.empty:
        return table
    windows = [None if pd.isna(window) else int(window) for window in table["window_ms"]]
    taps = zip(table["level"], windows, strict=True)
    keys = [(order[tap], METHODS.index(method)) for tap, method in zip(taps, table["method"], strict=True)]
    ranked = sorted(range(len(table)), key=keys.__getitem__)
    return table.iloc[ranked].reset_index(drop=True)
