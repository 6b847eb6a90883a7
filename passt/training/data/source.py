"""Sources of training clips: labeled audio in batches that follow from their numbers."""

from typing import Protocol, runtime_checkable

from torch import Tensor


class Source(Protocol):
    """An endless sequence of labeled clips.

    Attributes:
        labels: names of the labels, in the order of the columns.
        sample_rate: rate of the audio in Hz.
        samples: length of a clip in samples.
    """

    @property
    def labels(self) -> tuple[str, ...]: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def samples(self) -> int: ...

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        """Give a batch.

        The same index and size give the same batch, in any thread and whatever came before.

        Args:
            index: number of the batch, from 0.
            size: clips of a batch. For training a batch may hold more, shorter clips, all of one length.

        Returns:
            Audio (size, samples), float32 in [-1, 1], and labels (size, labels), float32 of 0 and 1.
        """
        ...


@runtime_checkable
class FixedSource(Source, Protocol):
    """A list of clips: batches 0, 1, ... go through it once. The last batch may be smaller.

    Attributes:
        clips: number of clips in the list.
    """

    @property
    def clips(self) -> int: ...
