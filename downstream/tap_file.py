"""A tap's file: an ordinary .npy of float32 (rows, dim), which is memory-mapped, and verified before it is used."""

from pathlib import Path

import numpy as np

from downstream.files import load_arrays
from downstream.sums import ADVICE, verify

HEADER_BYTES = 128  # of a .npy file: numpy leaves room in it for the first axis to grow


def read_rows(path: Path, rows: int | None = None) -> np.ndarray:
    """(rows, dim) float32, memory-mapped; verified where it is said how many rows there have to be.

    Raises:
        ValueError: names a file that is not what was written, in its header, its length, or what it holds.
    """
    found = read_header(path, rows)
    if rows is not None:
        verify(path, HEADER_BYTES)
    return found


def read_header(path: Path, rows: int | None = None) -> np.ndarray:
    """The same, without a look at what the rows hold."""
    try:
        found = load_arrays(path, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: not readable ({' '.join(str(error).split())}); {ADVICE}") from None
    if found.dtype != np.float32 or found.ndim != 2 or (rows is not None and len(found) != rows):
        wanted = f"{'' if rows is None else rows} rows of float32".strip()
        raise ValueError(f"{path}: expected {wanted}, got {found.dtype} {found.shape}; {ADVICE}")
    return found
