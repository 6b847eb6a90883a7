"""The numbers of a tap's file: float32, or bfloat16 for the tokens of a window, of which there are many.

numpy has no bfloat16. A file of them is one of uint16, the upper halves of float32, rounded to nearest even; its record
says so, and whoever reads rows gets float32.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from downstream.embedder import Embedder, Tap, keeps_tokens


@dataclass(frozen=True)
class NumberFormat:
    """How the numbers of a tap are kept.

    Attributes:
        name: in the record of a tap.
        stored: the type of the file, little-endian.
    """

    name: str
    stored: str

    @property
    def bytes(self) -> int:
        """Bytes of a number."""
        return np.dtype(self.stored).itemsize

    def encoded(self, values: np.ndarray) -> np.ndarray:
        """Turn float32 into what the file keeps, contiguous."""
        return np.ascontiguousarray(_rounded(values) if self is BFLOAT16 else values, dtype=self.stored)

    def decoded(self, stored: np.ndarray) -> "Rows":
        """Make float32 of what the file keeps; of bfloat16 only what is asked for."""
        return ShortRows(stored) if self is BFLOAT16 else stored


FLOAT32, BFLOAT16 = NumberFormat("float32", "<f4"), NumberFormat("bf16", "<u2")
FORMATS = {format.name: format for format in (FLOAT32, BFLOAT16)}


class ShortRows:
    """Rows of bfloat16 as float32, which are made when they are indexed.

    Args:
        stored: (rows, dim) uint16, such as a memory map.
    """

    dtype = np.dtype(np.float32)
    ndim = 2

    def __init__(self, stored: np.ndarray) -> None:
        self.stored, self.shape = stored, stored.shape

    def __len__(self) -> int:
        return len(self.stored)

    def __getitem__(self, items: Any) -> np.ndarray:
        return widened(self.stored[items])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype=dtype)


Rows = np.ndarray | ShortRows
"""(rows, dim) float32 of a tap."""


def format_of(embedder: Embedder, tap: Tap) -> NumberFormat:
    """The format that a tap of an embedder is kept in."""
    return BFLOAT16 if keeps_tokens(embedder, tap) else FLOAT32


def widened(stored: np.ndarray) -> np.ndarray:
    """Make float32 of bfloat16 that are kept as uint16."""
    return (np.asarray(stored).astype("<u4") << np.uint32(16)).view("<f4")


def _rounded(values: np.ndarray) -> np.ndarray:
    """Round float32 to bfloat16, to nearest even."""
    short = torch.from_numpy(np.require(values, np.float32, ["C", "W"])).to(torch.bfloat16)
    return short.view(torch.int16).numpy().view(np.uint16)
