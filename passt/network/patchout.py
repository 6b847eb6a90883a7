"""Patchout: training steps drop patches.

This makes them faster, and keeps the network from relying on single patches.

Source: Koutini et al., "Efficient Training of Audio Transformers with Patchout", Interspeech 2022, section 2.2. As in
the authors' package (hear21passt 0.0.26), patches are dropped after the position encodings are added, one draw serves
the whole batch, and the kept patches stay in order.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

import torch
from torch import Tensor


@dataclass(frozen=True)
class Patchout:
    """How many patches are dropped from a grid of patches (frequency, time).

    Attributes:
        rows: number of whole rows, each one position on the frequency axis (structured patchout).
        columns: number of whole columns, each one position on the time axis (structured patchout).
        patches: number of single patches anywhere in the rest (unstructured patchout). The name of the published
            checkpoint `passt_u600_f128_p16_s16_ap_460` suggests 600. But with the stride in its name the grid has only
            8 x 62 = 496 patches, and no source says on which grid it was trained.

    Raises:
        ValueError: a number is negative or not whole.
    """

    rows: int = 0
    columns: int = 0
    patches: int = 0

    def __post_init__(self) -> None:
        for name, count in asdict(self).items():
            if type(count) is not int or count < 0:
                raise ValueError(f"patchout {name} must be a whole number, 0 or more, got {count!r}")

    def tokens(self, grid: tuple[int, int]) -> int:
        """Count the patches that stay of a grid (frequency, time), without cls and dist.

        Raises:
            ValueError: no patch would stay. The message names the field and its bound.
        """
        frequency, time = grid
        for name, count, size in (("rows", self.rows, frequency), ("columns", self.columns, time)):
            if count >= size:
                raise ValueError(f"patchout {name} must be less than the grid's {size}, got {count}")
        structured = (frequency - self.rows) * (time - self.columns)
        if self.patches >= structured:
            raise ValueError(f"patchout patches must be less than the {structured} there are, got {self.patches}")
        return structured - self.patches

    def keep(self, grid: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Draw the patches that a batch keeps. All rows, columns and patches are equally likely.

        From the same generator state the draws are those of the authors' package: columns, rows, then patches, with no
        draw for a 0.

        Args:
            grid: number of patches along (frequency, time).
            generator: source of randomness.

        Returns:
            (kept,), int64, on the generator's device: rising indices into the patches, flattened frequency by
            frequency.

        Raises:
            ValueError: no patch would stay.
        """
        self.tokens(grid)
        frequency, time = grid
        columns = _drawn(time, self.columns, generator)
        rows = _drawn(frequency, self.rows, generator)
        structured = (rows[:, None] * time + columns).flatten()
        return structured[_drawn(len(structured), self.patches, generator)]


PAPER: Mapping[int, Patchout] = MappingProxyType(
    {320: Patchout(rows=4, columns=40), 160: Patchout(rows=6, columns=100), 100: Patchout(rows=6, columns=150)}
)
"""STFT hop in samples -> patchout of the checkpoints trained with it on clips of 10 s with stride 10.

Source: the sequence lengths of Table 2 in Koutini et al., "Learning General Audio Representations With Large-Scale
Training of Patchout Audio Transformers", PMLR 166, 2022.
"""


def apply(patches: Tensor, kept: Tensor) -> Tensor:
    """Select the kept patches: (batch, frequency * time, width) -> (batch, kept, width)."""
    return patches.index_select(1, kept.to(patches.device))


def _drawn(count: int, dropped: int, generator: torch.Generator) -> Tensor:
    """Drop `dropped` random indices from those below `count`. The rest are in rising order."""
    if not dropped:
        return torch.arange(count, device=generator.device)
    order = torch.randperm(count, generator=generator, device=generator.device)
    return order[: count - dropped].sort().values
