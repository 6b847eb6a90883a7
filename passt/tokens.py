"""Levels that keep the tokens of a window: their names, how many they keep, and how adjacent tokens are averaged.

The tokens of a window are a grid of frequency x time: the patches of a transformer, or the positions of a convolution's
maps. A level keeps the whole grid where it is small. Of a larger one it keeps averages over adjacent rows and columns.
"""

import torch
from torch import Tensor

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
    """Divide a grid into so many rows and columns of one size, and average what lies in each.

    A token that lies in several has a share in each, so that the mean of the result is the mean of the grid. Where
    fewer tokens are there than are asked for, they are repeated.

    >>> import torch
    >>> averaged(torch.arange(4.0).view(1, 1, 4, 1), 1, 2).flatten().tolist()
    [0.5, 2.5]
    >>> averaged(torch.arange(3.0).view(1, 1, 3, 1), 1, 2).flatten().tolist()  # the second token lies in both halves
    [0.3333333432674408, 1.6666667461395264]

    Args:
        grid: tokens (batch, rows, columns, width).
        rows: along frequency, of the result.
        columns: along time, of the result.
    """
    if grid.shape[2] != columns:
        grid = (_shares(grid.shape[2], columns, grid) @ grid.float()).to(grid.dtype)
    if grid.shape[1] != rows:
        flat = _shares(grid.shape[1], rows, grid) @ grid.float().flatten(2)
        grid = flat.to(grid.dtype).unflatten(2, grid.shape[2:])
    return grid


def _shares(size: int, parts: int, like: Tensor) -> Tensor:
    """The share of each of `size` tokens in each of `parts` averages: (parts, size), rows of sum 1, where `like` is."""
    tokens = torch.arange(size, device=like.device) * parts
    edges = torch.arange(parts + 1, device=like.device)[:, None] * size  # both in units of 1 / (size * parts)
    inside = torch.minimum(edges[1:], tokens + parts) - torch.maximum(edges[:-1], tokens)
    return inside.clamp(min=0).float() / size


def capped(grid: Tensor) -> Tensor:
    """Average tokens (batch, rows, columns, width) to `MOST_ROWS` x `MOST_COLUMNS` where there are more."""
    return averaged(grid, *caps(*grid.shape[1:3]))


def caps(rows: int, columns: int) -> tuple[int, int]:
    """How many rows and columns a level keeps of a grid.

    >>> caps(12, 99)
    (12, 8)
    """
    return min(rows, MOST_ROWS), min(columns, MOST_COLUMNS)
