"""The algorithmic latency of a spec: how long a stream waits for sound before it can compute a timestamp embedding.

It follows from the spec alone. How long the computation takes is measured by `ablate benchmark latency`.
"""

import math

from ablations.models import registry
from passt import EmbeddingSpec
from passt.catalog import checkpoints
from passt.catalog.spec import Tap
from passt.embedder import MEL_FRAMES


def lookahead_ms(spec: EmbeddingSpec) -> float:
    """Compute how much sound behind a timestamp decides its embedding, in ms.

    Of windows that are centered on their timestamps, it is half of the longest one. Models side by side wait for the
    one that needs most.

    Args:
        spec: in canonical form.

    Returns:
        The time; inf for frames that are read from the whole clip; NaN for models whose excerpts are not known.
    """
    if spec.beside:
        waits = list(map(lookahead_ms, spec.parts))
        return math.nan if any(map(math.isnan, waits)) else max(waits)
    waits = [wait for part in spec.parts for wait in _of_model(part)]
    return math.nan if any(map(math.isnan, waits)) else max(waits)


def _of_model(spec: EmbeddingSpec) -> list[float]:
    if spec.lookahead_ms is not None:
        return [float(spec.lookahead_ms)]
    return [_after_ms(spec.checkpoint, tap) for tap in spec.timestamp_taps()]


def _after_ms(checkpoint: str, tap: Tap) -> float:
    level, window_ms = tap
    if window_ms is not None:
        return window_ms / 2
    card, frames = registry.card(checkpoint), registry.family_of(checkpoint).frames
    if level == "mel":
        return 1000 * MEL_FRAMES * checkpoints.get(checkpoint).hop / card.sample_rate / 2
    if frames is not None:
        return 1000 * frames.samples / card.sample_rate / 2
    return math.inf if card.whole_clips else math.nan
