"""Which rows of a tap are whose: `index.npz` of a folder of the store."""

import functools
import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from downstream.disk.arrays import load_arrays
from downstream.disk.sums import DIGITS, place_of, read_summed, write_summed

NAME = "index.npz"
PLACE_PARTS = 5  # embedder, audio, split, kind, file


@dataclass(frozen=True)
class Index:
    """Which rows are whose: rows offsets[i] to offsets[i + 1] are of files[i]; timestamps in ms, () for scenes."""

    files: tuple[str, ...]
    offsets: np.ndarray
    timestamps: np.ndarray

    @classmethod
    def read(cls, path: Path) -> "Index":
        """Read its file.

        Raises:
            ValueError: names a file that was changed, or is of another folder. FileNotFoundError: there is none.
        """
        content = read_summed(path, place_of(path, PLACE_PARTS))
        with load_arrays(io.BytesIO(content), allow_pickle=False) as arrays:
            return cls(tuple(arrays["files"].tolist()), arrays["offsets"], arrays["timestamps"])

    def write(self, path: Path) -> None:
        content = io.BytesIO()
        np.savez(content, files=np.array(self.files), offsets=self.offsets, timestamps=self.timestamps)
        write_summed(path, content.getbuffer(), place_of(path, PLACE_PARTS))

    @functools.cached_property
    def digest(self) -> str:
        """16 hex digits for all of it, which each tap's record names."""
        digest = hashlib.sha256(json.dumps(self.files).encode())
        for numbers in (self.offsets, self.timestamps):
            digest.update(np.ascontiguousarray(numbers).data)
        return digest.hexdigest()[:DIGITS]

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
