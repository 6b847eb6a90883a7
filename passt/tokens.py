"""Levels that keep the tokens of a window: their names, how many they keep, and how adjacent tokens are averaged.

The tokens of a window are a grid of frequency x time: the patches of a transformer, or the positions of a convolution's
maps. A level keeps the whole grid where it is small. Of a larger one it keeps averages over adjacent rows and columns.
"""

from torch import Tensor
from torch.nn import functional as F

TOKENS = ".tokens"
"""End of the names of these levels: `block8.tokens`."""
MOST_ROWS = 12
"""Tokens along frequency: as many as PaSST has rows of patches."""
MOST_COLUMNS = 8
"""Tokens along time: nearly all that PaSST has of a window of 1 s, with a token every 100 ms."""


def keeps_tokens(level: str) -> bool:
    """Whether a level keeps tokens, by its name."""
    return level.endswith(TOKENS)


def averaged(grid: Tensor, rows: int, columns: int) -> Tensor:
    """Average adjacent tokens, as torch's adaptive_avg_pool2d divides them.

    Where fewer tokens are there than are asked for, some are repeated.

    >>> import torch
    >>> averaged(torch.arange(4.0).view(1, 1, 4, 1), 1, 2).flatten().tolist()
    [0.5, 2.5]

    Args:
        grid: tokens (batch, rows, columns, width).
        rows: along frequency, of the result.
        columns: along time, of the result.
    """
    if grid.shape[1:3] == (rows, columns):
        return grid
    return F.adaptive_avg_pool2d(grid.permute(0, 3, 1, 2), (rows, columns)).permute(0, 2, 3, 1)


def capped(grid: Tensor) -> Tensor:
    """Average tokens (batch, rows, columns, width) to `MOST_ROWS` x `MOST_COLUMNS` where there are more."""
    return averaged(grid, *caps(*grid.shape[1:3]))


def caps(rows: int, columns: int) -> tuple[int, int]:
    """How many rows and columns a level keeps of a grid.

    >>> caps(12, 99)
    (12, 8)
    """
    return min(rows, MOST_ROWS), min(columns, MOST_COLUMNS)
