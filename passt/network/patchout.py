"""Patchout: patches that a training step leaves out, so that it is shorter and the network relies on none of them.

Source: Koutini et al., "Efficient Training of Audio Transformers with Patchout", Interspeech 2022, section 2.2. As in
the authors' package (hear21passt 0.0.26) the patches are dropped after the position encodings were added, one choice
serves the whole batch, and the patches kept stay in their order.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from types import MappingProxyType

import torch
from torch import Tensor


@dataclass(frozen=True)
class Patchout:
    """How much is dropped of a grid of patches (frequency, time).

    Attributes:
        rows: whole rows, each one position on the frequency axis (structured patchout).
        columns: whole columns, each one position on the time axis (structured patchout).
        patches: single patches anywhere in what is then left (unstructured patchout). `passt_u600_f128_p16_s16_ap_460`
            is published as trained so; 600 would be this number. But the stride in its name has a grid of 8 x 62 = 496
            patches, fewer than that, and no source says on which grid it was trained.
    """

    rows: int = 0
    columns: int = 0
    patches: int = 0

    def __post_init__(self) -> None:
        for name, count in asdict(self).items():
            if type(count) is not int or count < 0:
                raise ValueError(f"patchout {name} must be a whole number, 0 or more, got {count!r}")

    def tokens(self, grid: tuple[int, int]) -> int:
        """Patches left of a grid (frequency, time), without cls and dist.

        Raises:
            ValueError: where nothing would be left; names the field and the most it can be.
        """
        frequency, time = grid
        for name, count, there in (("rows", self.rows, frequency), ("columns", self.columns, time)):
            if count >= there:
                raise ValueError(f"patchout {name} must be less than the grid's {there}, got {count}")
        structured = (frequency - self.rows) * (time - self.columns)
        if self.patches >= structured:
            raise ValueError(f"patchout patches must be less than the {structured} there are, got {self.patches}")
        return structured - self.patches

    def keep(self, grid: tuple[int, int], generator: torch.Generator) -> Tensor:
        """Draw the patches that are kept: for the whole batch, each row, column or patch as likely as the others.

        The draws are those of the authors' package from the same state: columns, rows, then patches, none for a 0.

        Returns:
            (kept,), int64, on the generator's device: rising indices into the patches flattened frequency by frequency.

        Raises:
            ValueError: where nothing would be left.
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
"""STFT hop in samples -> patchout of the checkpoints trained with it on 10 s with stride 10 (Koutini et al., "Learning
General Audio Representations With Large-Scale Training of Patchout Audio Transformers", PMLR 166, 2022)."""


def apply(patches: Tensor, kept: Tensor) -> Tensor:
    """The patches kept, with the values they had: (batch, frequency * time, width) -> (batch, kept, width)."""
    return patches.index_select(1, kept.to(patches.device))


def _drawn(count: int, dropped: int, generator: torch.Generator) -> Tensor:
    """The indices below `count` without `dropped` of them, drawn by chance, in rising order."""
    if not dropped:
        return torch.arange(count, device=generator.device)
    order = torch.randperm(count, generator=generator, device=generator.device)
    return order[: count - dropped].sort().values
