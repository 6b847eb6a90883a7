"""The effective receptive field by occlusion: replace a stretch of the sound, and embed again."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ablations.receptive_field.layout import Layout
from downstream.embedder import Tap, optional
from downstream.progress import Advance

SOUND, SILENCE = "sound", "silence"
REPLACEMENTS = (SOUND, SILENCE)
SECONDS_AT_ONCE = 20.0
"""Of sound in a call, where the embedder does not ask for more."""
ROUNDING = 1e-5
"""Changes of an embedding that are smaller, relative to its length, are rounding."""


@torch.no_grad()
def occlusion(
    layout: Layout, excerpts: Tensor, stretches: Sequence[slice], replacement: str, advance: Advance
) -> dict[Tap, tuple[np.ndarray, np.ndarray]]:
    """Measure how far embeddings move if a stretch of the sound is replaced.

    Args:
        layout: how excerpts go through the embedder.
        excerpts: (excerpts, samples) of different clips.
        stretches: of an excerpt, which are replaced one by one.
        replacement: `SOUND`, the same stretch of the next excerpt; or `SILENCE`, zeros.
        advance: is told of every excerpt that was embedded.

    Returns:
        tap -> squared distances (excerpts, stretches) of embeddings with a stretch replaced, and (excerpts,) of the
        embeddings of an excerpt and of the next one. Both are 0 where they are rounding.
    """
    following = excerpts.roll(-1, 0)
    replaced_by = following if replacement == SOUND else torch.zeros_like(excerpts)
    seconds = optional(layout.embedder).seconds_at_once(layout.taps, layout.hop_ms) or SECONDS_AT_ONCE
    at_once = max(1, int(seconds * layout.embedder.sample_rate / layout.samples))
    plain: dict[Tap, Tensor] = {}
    for start in range(0, len(excerpts), at_once):
        for tap, rows in layout.embed(excerpts[start : start + at_once]).items():
            plain[tap] = torch.cat([plain[tap], rows.double()]) if tap in plain else rows.double()
        advance(len(excerpts[start : start + at_once]))
    changes = {tap: torch.zeros(len(stretches), len(excerpts), dtype=torch.float64) for tap in plain}
    for numbers in _chunks(len(stretches) * len(excerpts), at_once):
        places, clips = np.divmod(numbers, len(excerpts))
        copies = excerpts[clips].clone()
        for copy, place, clip in zip(copies, places, clips, strict=True):
            copy[stretches[place]] = replaced_by[clip, stretches[place]]
        for tap, rows in layout.embed(copies).items():
            changes[tap][places, clips] = (rows.double() - plain[tap][clips]).square().sum(1)
        advance(len(numbers))
    results = {}
    for tap, rows in plain.items():
        least = ROUNDING**2 * float(rows.square().sum(1).mean())
        between = (rows - rows.roll(-1, 0)).square().sum(1)
        results[tap] = _without_rounding(changes[tap].T, least), _without_rounding(between, least)
    return results


def _chunks(count: int, size: int) -> Iterator[np.ndarray]:
    for start in range(0, count, size):
        yield np.arange(start, min(start + size, count))


def _without_rounding(squares: Tensor, least: float) -> np.ndarray:
    kept: np.ndarray = torch.where(squares > least, squares, 0.0 * squares).numpy()  # NaN stays
    return kept
