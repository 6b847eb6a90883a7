"""Where the vectors that an encoder computes lie in time."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Kind = Literal["frames", "patches", "image", "vector"]


@dataclass(frozen=True)
class Layout:
    """The axes of one tensor of an encoder.

    Attributes:
        kind: ``frames`` is (rows, frames, width); ``patches`` is (rows, special + bands * frames, width), band by band;
            ``image`` is (rows, width, height, width of the image), whose places are no times; ``vector`` is
            (rows, width).
        hop: samples from one frame to the next.
        first: the center of the first frame, in samples.
        padded: how many frames every window has if all are padded to one length; 0 if windows are taken as they are.
        special: tokens before the patches, such as a class token.
        bands: patches above one another.
    """

    kind: Kind
    hop: float = 0.0
    first: float = 0.0
    padded: int = 0
    special: int = 0
    bands: int = 1

    @property
    def timed(self) -> bool:
        """Whether places along an axis are times."""
        return self.kind in ("frames", "patches")

    def count(self, samples: int) -> int:
        """How many frames are of a window of so many samples: of a padded one those with their center in it."""
        if not self.padded:
            return max(1, int((samples - 2 * self.first) // self.hop) + 1)
        return max(1, min(self.padded, int(-(-(samples - self.first) // self.hop))))

    def frames(self, values: Tensor, samples: int, shown: int | None = None) -> Tensor:
        """The frames of a window.

        Args:
            values: as the encoder gave them.
            samples: of each window, without what it was padded with.
            shown: how many frames a mask does not hide; None for all.

        Returns:
            (rows, bands, frames, width).
        """
        if self.kind == "image":
            places: Tensor = values.flatten(2).transpose(1, 2)
            return places[:, None]
        if self.kind == "vector":
            return values[:, None, None]
        bands: Tensor = values[:, self.special :].unflatten(1, (self.bands, -1))
        return bands[:, :, : self.count(samples) if self.padded else shown]

    def tokens(self, values: Tensor) -> Tensor:
        """The special tokens: (rows, special, width)."""
        return values[:, : self.special]

    def nearest(self, centers: Tensor, frames: int) -> Tensor:
        """The numbers of the frames that are nearest to places of a window, in samples."""
        numbers: Tensor = torch.round((centers - self.first) / self.hop).long()
        return numbers.clamp(0, frames - 1)
