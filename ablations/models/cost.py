"""The one model of cost, for all families: multiply-adds of a spec's network for 10 s of sound, and its parameters.

It counts what an embedder computes: each window of a clip of 10 s, as deep as the deepest level of a spec needs, by the
products of the real network on shapes (`Family.macs`). The front end is not counted, so that a model without a network
has no known cost.
"""

import functools
import math
from collections import defaultdict
from collections.abc import Iterable

from ablations.models import registry
from ablations.models.family import Frames
from passt import EmbeddingSpec
from passt.catalog.card import Card
from passt.catalog.spec import Tap

SECONDS = 10
"""The length of the clip that is counted, which the scene embedding of PaSST takes in one window."""


def parameters(checkpoint: str) -> float:
    """How many numbers of a checkpoint's network training set; NaN if that is not known."""
    count = registry.family_of(checkpoint).parameters
    return float(count(checkpoint)) if count else math.nan


def parameters_of(spec: EmbeddingSpec) -> float:
    """How many numbers training set of the networks that a spec needs, each counted once; NaN if not known of one."""
    networks = dict.fromkeys((part.checkpoint, part.weights) for part in spec.parts)
    return sum(parameters(checkpoint) for checkpoint, _ in networks)


def unknown_of(spec: EmbeddingSpec) -> str:
    """Why the multiply-adds of a spec are not known; empty if they are."""
    return next(filter(None, (unknown(part.checkpoint) for part in spec.parts)), "")


def unknown(checkpoint: str) -> str:
    """Why the multiply-adds of a checkpoint are not known; empty if they are."""
    family = registry.family_of(checkpoint)
    return "" if family.macs else family.uncounted


def macs(spec: EmbeddingSpec, event: bool) -> float:
    """Multiply-adds for the embedding of 10 s of sound; NaN if they are not known (`unknown`).

    Args:
        spec: in canonical form; of models side by side all are counted.
        event: whether for an event task, which takes timestamp embeddings, or for a scene task.
    """
    together: dict[
        tuple[str, int | None, str, int | None], dict[Tap, None]
    ] = {}  # a network computes all its taps of a hop at once
    for part in spec.parts:
        taps = part.timestamp_taps() if event else part.scene_taps()
        hop_ms = part.timestamp_hop_ms if event else None
        key = part.checkpoint, hop_ms, part.weights, part.lookahead_ms if event else None
        together.setdefault(key, {}).update(dict.fromkeys(taps))
    return sum(macs_of_taps(checkpoint, tuple(taps), hop_ms) for (checkpoint, hop_ms, *_), taps in together.items())


@functools.cache
def macs_of_taps(checkpoint: str, taps: tuple[Tap, ...], hop_ms: int | None) -> float:
    """Multiply-adds for taps that are computed together on 10 s of sound; NaN if they are not known.

    Args:
        checkpoint: its name.
        taps: (level, window in ms).
        hop_ms: distance of timestamps; None for scene embeddings.
    """
    card = registry.card(checkpoint)
    family = registry.family_of(checkpoint)
    if family.macs is None:
        return math.nan
    total = 0
    for window_ms, levels in _by_window(taps).items():
        passes, samples = _passes(card, family.frames, window_ms, hop_ms)
        total += passes * family.macs(checkpoint, levels, samples)
    return float(total)


def _passes(card: Card, frames: Frames | None, window_ms: int | None, hop_ms: int | None) -> tuple[int, int]:
    """How many times the network computes on the clip, and on how many samples each time."""
    clip = SECONDS * card.sample_rate
    if frames is not None:
        return _steps(card, hop_ms or frames.scene_hop_ms), frames.samples
    if window_ms is None and hop_ms is not None and card.whole_clips:  # its frames are read at the timestamps
        return 1, clip
    length_ms = window_ms or card.max_window_ms or SECONDS * 1000
    window = card.sample_rate * length_ms // 1000
    if hop_ms is not None:
        return _steps(card, hop_ms), window
    return (1, clip) if window >= clip else (_steps(card, max(50, length_ms // 4)), window)


def _steps(card: Card, hop_ms: int) -> int:
    """The number of windows centered on multiples of the hop, from 0 on (`passt.windows.centered`)."""
    return SECONDS * card.sample_rate // (card.sample_rate * hop_ms // 1000) + 1


def _by_window(taps: Iterable[Tap]) -> dict[int | None, tuple[str, ...]]:
    """The levels of each window, which come from one pass; ``mel`` has an excerpt of its own, and no network."""
    by_window: dict[int | None, set[str]] = defaultdict(set)
    for level, window_ms in taps:
        if level != "mel":
            by_window[window_ms].add(level)
    return {window_ms: tuple(sorted(levels)) for window_ms, levels in by_window.items()}
