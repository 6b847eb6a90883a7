"""The one model of cost: multiply-adds of a spec's network for 10 s of sound, by kind of task, and its parameters.

It counts what an embedder computes: each window that a clip of 10 s has, as deep as the deepest level asked for, by the
products of the real network on shapes (`passt.complexity`, `ablations.models.baselines.cost`). The front end is not
counted, so that a model without a network has no known cost.
"""

import functools
import math
from collections import defaultdict
from collections.abc import Iterable

from ablations.models import registry
from passt import EmbeddingSpec
from passt.catalog.card import Card
from passt.catalog.spec import Tap

SECONDS = 10
"""Of the clip that is counted: the scene embedding of PaSST takes it in one window."""
UNKNOWN = {
    "hear": "what a HEAR module computes is not known",
    "logmel": "it has no network, and its front end is not counted",
    "melproj": "it has no network but one random projection, and its front end is not counted",
}
"""Why the multiply-adds of a family are not known."""


def parameters(checkpoint: str) -> float:
    """Numbers of the checkpoint's network that training set; NaN where they are not known."""
    family = registry.families()[registry.card(checkpoint).family]
    return float(family.parameters(checkpoint)) if family.parameters else math.nan


def unknown(checkpoint: str) -> str:
    """Why the multiply-adds of a checkpoint are not known; empty where they are."""
    family = registry.card(checkpoint).family
    return "" if registry.families()[family].macs else UNKNOWN.get(family, "its network is not counted")


def macs(spec: EmbeddingSpec, event: bool) -> float:
    """Multiply-adds for the embedding of 10 s of sound; NaN where they are not known (`unknown`).

    Args:
        event: whether of an event task, which has timestamp embeddings, or of a scene task, which has one of the clip.
    """
    taps = spec.timestamp_taps() if event else spec.scene_taps()
    return macs_of_taps(spec.checkpoint, tuple(taps), spec.timestamp_hop_ms if event else None)


@functools.cache
def macs_of_taps(checkpoint: str, taps: tuple[Tap, ...], hop_ms: int | None) -> float:
    """Multiply-adds for taps that are computed together on 10 s of sound; NaN where they are not known.

    Args:
        hop_ms: distance of timestamps; None for scene embeddings.
    """
    card = registry.card(checkpoint)
    family = registry.families()[card.family]
    if family.macs is None:
        return math.nan
    total = 0
    for window_ms, levels in _by_window(taps).items():
        passes, samples = _passes(card, family.frames, window_ms, hop_ms)
        total += passes * family.macs(checkpoint, levels, samples)
    return float(total)


def _passes(card: Card, frames: registry.Frames | None, window_ms: int | None, hop_ms: int | None) -> tuple[int, int]:
    """How often the network computes on the clip, and on how many samples each time."""
    clip = SECONDS * card.sample_rate
    if frames is not None:
        return _steps(card, hop_ms or frames.scene_hop_ms), frames.samples
    length_ms = window_ms or card.max_window_ms or SECONDS * 1000
    window = card.sample_rate * length_ms // 1000
    if hop_ms is not None:
        return _steps(card, hop_ms), window
    return (1, clip) if window >= clip else (_steps(card, max(50, length_ms // 4)), window)


def _steps(card: Card, hop_ms: int) -> int:
    """Windows that are centred on multiples of the hop, from 0 on: see `passt.windows.waveforms`."""
    return SECONDS * card.sample_rate // (card.sample_rate * hop_ms // 1000) + 1


def _by_window(taps: Iterable[Tap]) -> dict[int | None, tuple[str, ...]]:
    """The levels of each window, which come from one pass; ``mel`` has an excerpt of its own, and no network."""
    found: dict[int | None, set[str]] = defaultdict(set)
    for level, window_ms in taps:
        if level != "mel":
            found[window_ms].add(level)
    return {window_ms: tuple(sorted(levels)) for window_ms, levels in found.items()}
