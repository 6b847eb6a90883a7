"""What the evaluation asks of a model: the Embedder protocol, and taps."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from torch import Tensor

Tap = tuple[str, int | None]
"""(level, window in ms): the unit that is computed and stored; a window of None is the model's own extent."""


class Embedder(Protocol):
    """PaSST, the CNN baselines and any HEAR module satisfy it.

    Attributes:
        name: for people. fingerprint: 16 hex digits that stand for all that decides the numbers.
        sample_rate: of the clips it takes, in Hz.
        dims: level -> width.
        calls_at_once: optional; how many calls may be in progress, each in a thread of its own (1 where absent).
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
        """Per clip ({tap: (steps, dim)}, timestamps (steps,) in ms), float32, on the CPU."""
        ...
