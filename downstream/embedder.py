"""What the evaluation asks of a model: the Embedder protocol, and taps."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from torch import Tensor

Tap = tuple[str, int | None]
"""(level, window in ms): the unit that is computed and stored; a window of None is the model's own extent."""
OWN_HOP = 0  # in the place of a hop in ms: timestamps of the model's own
FAR_MS = 1000.0  # taken for a distance of timestamps that is not known


class Embedder(Protocol):
    """PaSST, the CNN baselines and any HEAR module satisfy it.

    Attributes:
        name: for people. fingerprint: 16 hex digits that stand for all that decides the numbers.
        sample_rate: of the clips it takes, in Hz.
        dims: level -> width.
        calls_at_once: optional; how many calls may be in progress, each in a thread of its own (1 where absent).
        timestamp_dims: optional; level -> width of timestamp embeddings, where that is not `dims`.
        own_hop_ms: of models whose timestamps are their own; the mean distance of these, None where not known.
        versions: optional; name -> version of what else decides the numbers.
        close: optional; a function that ends what the embedder holds.
    """

    name: str
    sample_rate: int
    fingerprint: str
    dims: Mapping[str, int]

    def scene(self, clips: Sequence[Tensor], taps: Sequence[Tap]) -> dict[Tap, Tensor]:
        """Clips of any lengths, each (samples,) -> per tap (clips, dim), float32, on the CPU."""
        ...

    def timestamps(
        self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int
    ) -> list[tuple[dict[Tap, Tensor], Tensor]]:
        """Per clip ({tap: (steps, dim)}, timestamps (steps,) in ms), on the CPU; a hop of OWN_HOP is its own."""
        ...


def widths(embedder: Embedder, taps: Iterable[Tap], hop_ms: int | None) -> dict[Tap, int]:
    """tap -> width of its timestamp embeddings, or for a hop of None of its scene embeddings."""
    dims = embedder.dims if hop_ms is None else getattr(embedder, "timestamp_dims", embedder.dims)
    return {tap: dims[tap[0]] for tap in taps}


def distance_ms(embedder: Embedder, hop_ms: int | None) -> float | None:
    """The distance of timestamps: `hop_ms`, or what is known of the embedder's own; None for scene embeddings."""
    return (embedder.own_hop_ms or FAR_MS) if hop_ms == OWN_HOP else hop_ms


@contextmanager
def released(embedder: Embedder) -> Iterator[Embedder]:
    """The embedder, whose `close` is called in the end, where it has one."""
    try:
        yield embedder
    finally:
        getattr(embedder, "close", lambda: None)()
