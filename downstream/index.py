"""Which rows of a tap are whose: `index.npz` of a folder of the store."""

import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from downstream.files import load_arrays, write_atomically
from downstream.sums import ADVICE

NAME = "index.npz"
UNREADABLE = (ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True)
class Index:
    """Which rows are whose: rows offsets[i] to offsets[i + 1] are of files[i]; timestamps in ms, () for scenes."""

    files: tuple[str, ...]
    offsets: np.ndarray
    timestamps: np.ndarray

    @classmethod
    def read(cls, path: Path) -> "Index":
        """From its file.

        Raises:
            ValueError: names a file that can't be read, or contradicts itself.
        """
        try:
            with load_arrays(path, allow_pickle=False) as found:
                index = cls(tuple(found["files"].tolist()), found["offsets"], found["timestamps"])
        except UNREADABLE as error:
            raise ValueError(f"{path}: not readable ({' '.join(str(error).split())}); {ADVICE}") from None
        rising = len(index.offsets) and index.offsets[0] == 0 and (np.diff(index.offsets) >= 0).all()
        if not rising or len(index.offsets) != len(index.files) + 1 or len(index.timestamps) not in (0, index.total):
            raise ValueError(f"{path}: its files, offsets and timestamps contradict each other; {ADVICE}")
        return index

    def write(self, path: Path) -> None:
        arrays = {"files": np.array(self.files), "offsets": self.offsets, "timestamps": self.timestamps}
        write_atomically(path, lambda out: np.savez(out, **arrays))

    @property
    def total(self) -> int:
        """How many rows there are."""
        return int(self.offsets[-1])

    def rows(self, files: Sequence[str]) -> np.ndarray:
        """The row numbers of `files`, one file after the other."""
        place = {file: i for i, file in enumerate(self.files)}
        found = [np.arange(self.offsets[place[f]], self.offsets[place[f] + 1]) for f in files]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)

    def lengths(self, files: Sequence[str]) -> np.ndarray:
        """How many rows each of `files` has."""
        place = {file: i for i, file in enumerate(self.files)}
        return np.diff(self.offsets)[[place[file] for file in files]]
