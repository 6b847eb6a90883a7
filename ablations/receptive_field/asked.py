"""Which levels and windows of a model are measured, and the nominal window of each."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from ablations.models import registry
from ablations.receptive_field.layout import Extent
from ablations.study.levels import expanded
from downstream.embedder import Embedder
from passt import EmbeddingSpec
from passt.catalog.spec import Tap
from passt.catalog.spec_text import parse_fields

OWN = "own"
"""The text of a window that is the model's own extent."""


def specs_of(
    model: str | EmbeddingSpec,
    levels: Sequence[str] | None,
    windows_ms: Sequence[int | str] | None,
    weights: Path | None,
) -> tuple[list[EmbeddingSpec], Path | None]:
    """Make a spec for each window, with all levels.

    Args:
        model: a spec, its text, or the name of one.
        levels: such as "block6", "block1..block12" or "*"; None for those of the spec. Each is measured by itself.
        windows_ms: such as 160, or "own" for the model's own extent; None for those of the spec.
        weights: a weight file, for a spec that names no weights.

    Returns:
        The specs, and the file of weights.

    Raises:
        ValueError: levels or windows that are named twice, or that the model does not have.
    """
    spec, file = registry.resolve_with_file(model, weights)
    spec.refuse_pooling()
    spec.refuse_beside()
    named = parse_fields(model) if isinstance(model, str) else {}
    for key, asked in (("levels", levels), ("windows_ms", windows_ms)):
        if asked is not None and key in named:
            raise ValueError(f"{key} are given twice: in {str(model)!r}, and beside it")
    fields = asdict(spec)
    if levels is not None:
        card = registry.card(spec.checkpoint)
        parts = [part for text in levels for variant in expanded(text.split("+"), card) for part in variant]
        distinct = list(dict.fromkeys(parts))
        fields["levels"] = tuple(sorted(distinct, key=lambda level: level == "mel"))  # mel stands last in a spec
    windows = [spec.windows_ms] if windows_ms is None else [_window(window) for window in windows_ms]
    return [registry.resolve({**fields, "windows_ms": own}) for own in dict.fromkeys(windows)], file


def _window(text: int | str) -> tuple[int, ...]:
    """The windows of a spec."""
    if text == OWN:
        return ()
    if isinstance(text, str) and not (text.isdecimal() and len(text) < 9):
        raise ValueError(f"windows_ms must be whole milliseconds or {OWN}, got {text!r}")
    return (int(text),)


def nominal_windows(specs: Sequence[EmbeddingSpec], embedder: Embedder) -> dict[Tap, Extent | None]:
    """The nominal window of each level and window, in ms relative to the timestamp; None if it is not known."""
    return {tap: _nominal(spec, embedder, tap) for spec in specs for tap in spec.timestamp_taps()}


def _nominal(spec: EmbeddingSpec, embedder: Embedder, tap: Tap) -> Extent | None:
    level, window_ms = tap
    rate = embedder.sample_rate
    if window_ms is not None and spec.lookahead_ms is not None:
        return float(spec.lookahead_ms - window_ms), float(spec.lookahead_ms)
    if window_ms is not None:
        samples = rate * window_ms // 1000
    elif level in (excerpts := getattr(embedder, "excerpts", {})):
        samples = excerpts[level]
    elif frames := registry.family_of(spec.checkpoint).frames:
        samples = frames.samples
    else:
        return None
    before = samples // 2
    return -before * 1000 / rate, (samples - before) * 1000 / rate
