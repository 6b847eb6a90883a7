"""The index of a tap folder, `index.npz`: which rows of its taps belong to which file."""

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
SMALL_BYTES, MOST_PARSED = 1 << 17, 256
"""Embedders have the same index on a split: so many contents, of so many bytes at most, are parsed once."""


@dataclass(frozen=True)
class Index:
    """Which rows belong to which file.

    Attributes:
        files: in the order of their rows.
        offsets: (files + 1,), rows offsets[i] to offsets[i + 1] belong to files[i].
        timestamps: (rows,) in ms, or () for scenes.
    """

    files: tuple[str, ...]
    offsets: np.ndarray
    timestamps: np.ndarray

    @classmethod
    def read(cls, path: Path) -> "Index":
        """Read an index.

        Raises:
            ValueError: names a file that was changed, or belongs to another folder.
            FileNotFoundError: the file is absent.
        """
        content = read_summed(path, place_of(path, PLACE_PARTS))
        return _parsed(bytes(content)) if len(content) <= SMALL_BYTES else cls.parse(content)

    @classmethod
    def parse(cls, content: bytes | memoryview) -> "Index":
        """Make an index of the content of its file."""
        with load_arrays(io.BytesIO(content), allow_pickle=False) as arrays:
            return cls(tuple(arrays["files"].tolist()), arrays["offsets"], arrays["timestamps"])

    def write(self, path: Path) -> None:
        content = io.BytesIO()
        np.savez(content, files=np.array(self.files), offsets=self.offsets, timestamps=self.timestamps)
        write_summed(path, content.getbuffer(), place_of(path, PLACE_PARTS))

    @functools.cached_property
    def digest(self) -> str:
        """16 hex digits of the whole index, which the record of each tap names."""
        digest = hashlib.sha256(json.dumps(self.files).encode())
        for numbers in (self.offsets, self.timestamps):
            digest.update(np.ascontiguousarray(numbers).data)
        return digest.hexdigest()[:DIGITS]

    @property
    def total(self) -> int:
        """The number of rows."""
        return int(self.offsets[-1])

    def rows(self, files: Sequence[str]) -> np.ndarray:
        """The numbers of the rows of `files`, one file after the other."""
        place = {file: i for i, file in enumerate(self.files)}
        numbers = [np.arange(self.offsets[place[file]], self.offsets[place[file] + 1]) for file in files]
        return np.concatenate(numbers) if numbers else np.zeros(0, dtype=np.int64)

    def lengths(self, files: Sequence[str]) -> np.ndarray:
        """(files,) the number of rows of each of `files`."""
        place = {file: i for i, file in enumerate(self.files)}
        return np.diff(self.offsets)[[place[file] for file in files]]


@functools.lru_cache(maxsize=MOST_PARSED)
def _parsed(content: bytes) -> Index:
    return Index.parse(content)
