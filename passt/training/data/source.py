"""Where training clips come from: labelled sound in batches that are found again by their number."""

from typing import Protocol, runtime_checkable

from torch import Tensor


class Source(Protocol):
    """Clips without an end, with their labels.

    Attributes:
        labels: names of the labels, in the order of the columns.
        sample_rate: in Hz. samples: of a clip.
    """

    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def samples(self) -> int: ...

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        """Clips (size, samples), float32 in [-1, 1], and their labels (size, labels), float32 of 0 and 1.

        To train on, a batch may hold more clips that are shorter instead, all of one length.

        The same for the same index and size, whatever came before, in whichever thread it is called.
        """
        ...


@runtime_checkable
class FixedSource(Source, Protocol):
    """A list of clips: batches 0, 1, ... go through it once, the last of them may be smaller.

    Attributes:
        clips: how many there are.
    """

    @property
    def clips(self) -> int: ...
