"""What the evaluation asks of a model: the Embedder protocol, and taps."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Protocol

from torch import Tensor

Tap = tuple[str, int | None]
"""(level, window in ms): the unit that is computed and stored; a window of None is the model's own extent."""
OWN_HOP = 0  # in the place of a hop in ms: the model chooses its timestamps
FAR_MS = 1000.0  # stands for a distance of timestamps that is not known


class Embedder(Protocol):
    """A model; PaSST, the CNN baselines and any HEAR module satisfy it.

    An embedder may have the attributes of `Abilities` too.

    Attributes:
        name: for people.
        fingerprint: 16 hex digits that stand for all that decides the numbers.
        sample_rate: of the clips it takes, in Hz.
        dims: level -> width of its embeddings.
    """

    @property
    def name(self) -> str: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def fingerprint(self) -> str: ...
    @property
    def dims(self) -> Mapping[str, int]: ...

    def scene(self, clips: Sequence[Tensor], taps: Sequence[Tap]) -> dict[Tap, Tensor]:
        """Clips of any lengths, each (samples,) -> per tap (clips, dim), float32, on the CPU."""
        ...

    def timestamps(
        self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int
    ) -> list[tuple[dict[Tap, Tensor], Tensor]]:
        """Per clip ({tap: (steps, dim)}, timestamps (steps,) in ms), on the CPU; a hop of OWN_HOP is its own."""
        ...


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Abilities:
    """The attributes that an embedder may have, with the values that stand for an absent one.

    Attributes:
        precision: of its numbers: fp32, tf32 or bf16.
        calls_at_once: how many calls may be in progress, each in a thread of its own.
        timestamp_dims: level -> width of timestamp embeddings; None: as scene embeddings.
        own_hop_ms: the mean distance of timestamps that the model chooses; None: it chooses none, or it is not known.
        versions: name -> version of what else decides the numbers.
        labels: what each of its logits stands for; empty: not known.
        close: ends what it holds.
    """

    precision: str = "fp32"
    calls_at_once: int = 1
    timestamp_dims: Mapping[str, int] | None = None
    own_hop_ms: float | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    labels: Sequence[str] = ()
    close: Callable[[], None] = _nothing


def abilities(embedder: Embedder) -> Abilities:
    """The optional attributes of an embedder, which no other place asks for."""
    names = [field.name for field in fields(Abilities)]
    return Abilities(**{name: getattr(embedder, name) for name in names if hasattr(embedder, name)})


def widths(embedder: Embedder, taps: Iterable[Tap], hop_ms: int | None) -> dict[Tap, int]:
    """tap -> width of its timestamp embeddings, or for a hop of None of its scene embeddings."""
    dims = embedder.dims if hop_ms is None else abilities(embedder).timestamp_dims or embedder.dims
    return {tap: dims[tap[0]] for tap in taps}


def distance_ms(embedder: Embedder, hop_ms: int | None) -> float | None:
    """The distance of timestamps: `hop_ms`, or what is known of the embedder's own; None for scene embeddings."""
    return (abilities(embedder).own_hop_ms or FAR_MS) if hop_ms == OWN_HOP else hop_ms


def release(embedder: Embedder) -> None:
    """End what the embedder holds, such as a process."""
    abilities(embedder).close()


@contextmanager
def released(embedder: Embedder) -> Iterator[Embedder]:
    """The embedder, which is released in the end."""
    try:
        yield embedder
    finally:
        release(embedder)
