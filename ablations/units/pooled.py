"""The pooling of a job, and why a model's levels, or a protocol's probes, can't have it."""

from collections.abc import Mapping, Sequence

from ablations.models.catalog_text import compressed
from downstream.embedder import Embedder, Tap, optional
from downstream.pooling.pooling import OF_LEVELS, Pooling, reason_against
from downstream.probes.protocol import Protocol
from passt.catalog.poolings import SIDE_BY_SIDE
from passt.catalog.spec import EmbeddingSpec


def pooling_of(spec: EmbeddingSpec, taps: Sequence[Tap], embedder: Embedder) -> Pooling | None:
    """The pooling that a spec asks for; None where its levels, or tokens, are taken side by side.

    Args:
        taps: of the spec, on scenes or at timestamps.
        embedder: knows how many tokens a tap has.
    """
    if spec.pooling == SIDE_BY_SIDE:
        return None
    parts = len(taps) if spec.pooling in OF_LEVELS else optional(embedder).tokens(taps[0])
    return Pooling(spec.pooling, parts)


def reason_against_pooling(pooling: Pooling | None, taps: Sequence[Tap], dims: Mapping[str, int], protocol: str) -> str:
    """Say in one line why the probes of a job can't have its pooling; empty if they can.

    Args:
        taps: of the job.
        dims: level -> width.
        protocol: how probes are trained.
    """
    if pooling is None:
        return ""
    if pooling.name in OF_LEVELS and len({dims[level] for level, _ in taps}) > 1:
        by_width: dict[int, list[str]] = {}
        for level, _ in taps:
            by_width.setdefault(dims[level], []).append(level)
        widths = ", ".join(f"{compressed(levels)} of {width}" for width, levels in by_width.items())
        return f"its levels have different widths, expected one for pooling {pooling.name}: {widths}"
    return reason_against(pooling, Protocol.parse(protocol)) or ""
