"""The Embedder protocol: what the evaluation needs of a model; taps, and the optional members of embedders."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Protocol, overload

from torch import Tensor

Tap = tuple[str, int | None]
"""(level, window in ms): the unit that is computed and stored; the window None is the model's own extent."""
OWN_HOP = 0  # a hop in ms that stands for the timestamps of the model's own
TOKENS = ".tokens"
"""End of the names of levels that keep the tokens of a window, in embedders that have the member `tokens`."""
FAR_MS = 1000.0  # assumed step of timestamps in ms, if it is not known


class Embedder(Protocol):
    """A model as the evaluation sees it: PaSST, the CNN baselines and any HEAR module satisfy it.

    It may also have the members of `OptionalMembers`.

    Attributes:
        name: for people.
        sample_rate: of its clips, in Hz.
        fingerprint: 16 hex digits of everything that decides the numbers.
        dims: level -> width of embeddings.
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
        """Embed clips as scenes.

        Args:
            clips: mono waveforms, each (samples,), of any lengths.

        Returns:
            tap -> (clips, dim) float32, on the CPU.
        """
        ...

    def timestamps(
        self, clips: Sequence[Tensor], taps: Sequence[Tap], hop_ms: int
    ) -> list[tuple[dict[Tap, Tensor], Tensor]]:
        """Embed the timestamps of clips.

        Args:
            clips: mono waveforms, each (samples,), of any lengths.
            hop_ms: the step of timestamps in ms; OWN_HOP for the model's own.

        Returns:
            For each clip ({tap: (steps, dim)}, timestamps (steps,) in ms), on the CPU.
        """
        ...


def _nothing() -> None:
    pass


def _one_token(tap: Tap) -> int:
    return 1


def _any_length(taps: Sequence[Tap], hop_ms: int | None) -> float | None:
    return None


@dataclass(frozen=True)
class OptionalMembers:
    """Members that an embedder may have, and their values for one that does not.

    Attributes:
        calls_at_once: how many calls may be in progress, each in a thread of its own.
        seconds_at_once: takes taps and the step of timestamps in ms (None for scenes), and returns how many seconds of
            sound keep the device busy for a good part of a second; None if calls of a few clips do. It depends on
            nothing that changes from run to run, for batches are to stay the same.
        timestamp_dims: level -> width of timestamp embeddings; None if it is `dims`, empty if there are none.
        own_hop_ms: the mean step of the model's own timestamps in ms; None if it is not known.
        lookahead_ms: how far the windows of timestamps reach beyond these (`downstream.lookahead`); None if they are
            centered on them, or if there are no windows.
        tokens: takes a tap, and returns how many tokens its rows hold side by side, each as wide as `dims` says; 1 for
            levels that are one vector.
        precision: of the arithmetic.
        versions: name -> version of other software that decides the numbers.
        labels: what each of the level `logits` stands for; empty if it is not known.
        close: releases what the embedder holds.
    """

    calls_at_once: int = 1
    seconds_at_once: Callable[[Sequence[Tap], int | None], float | None] = _any_length
    timestamp_dims: Mapping[str, int] | None = None
    own_hop_ms: float | None = None
    lookahead_ms: int | None = None
    tokens: Callable[[Tap], int] = _one_token
    precision: str = "fp32"
    versions: Mapping[str, str] = field(default_factory=dict)
    labels: Sequence[str] = ()
    close: Callable[[], None] = _nothing


def optional(embedder: Embedder) -> OptionalMembers:
    """The optional members of an embedder."""
    names = [member.name for member in fields(OptionalMembers) if hasattr(embedder, member.name)]
    return OptionalMembers(**{name: getattr(embedder, name) for name in names})


def widths(embedder: Embedder, taps: Iterable[Tap], hop_ms: int | None) -> dict[Tap, int]:
    """tap -> width of its timestamp embeddings; for a hop of None, of its scene embeddings."""
    dims, tokens = dims_of(embedder, timed=hop_ms is not None), optional(embedder).tokens
    return {tap: dims[tap[0]] * tokens(tap) for tap in taps}


def keeps_tokens(embedder: Embedder, tap: Tap) -> bool:
    """Whether the rows of a tap are the tokens of a window, even if they are only one."""
    return tap[0].endswith(TOKENS) and hasattr(embedder, "tokens")


def dims_of(embedder: Embedder, timed: bool) -> Mapping[str, int]:
    """Level -> width of its scene embeddings, or of its timestamp embeddings."""
    own = optional(embedder).timestamp_dims if timed else None
    return embedder.dims if own is None else own


@overload
def distance_ms(embedder: Embedder, hop_ms: int) -> float: ...
@overload
def distance_ms(embedder: Embedder, hop_ms: None) -> None: ...
@overload
def distance_ms(embedder: Embedder, hop_ms: int | None) -> float | None: ...
def distance_ms(embedder: Embedder, hop_ms: int | None) -> float | None:
    """The step of timestamps in ms: `hop_ms`, or what is known of the model's own; None for scene embeddings."""
    return (optional(embedder).own_hop_ms or FAR_MS) if hop_ms == OWN_HOP else hop_ms


@contextmanager
def released(embedder: Embedder) -> Iterator[Embedder]:
    """Use an embedder, and close it at the end."""
    try:
        yield embedder
    finally:
        optional(embedder).close()
