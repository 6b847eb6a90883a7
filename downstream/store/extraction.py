"""An extraction in progress: plan, data so far, and journal of finished batches.

A killed extraction continues behind the last entry of the journal, in the batches of the plan, so that its numbers are
those of an undisturbed one. Each entry has the running sums of the data; if data do not match them, the extraction
starts anew.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from downstream.disk.files import append_whole, naming, put_in_place
from downstream.disk.sums import CHANGED, DIGITS
from downstream.embedder import Tap
from downstream.store.index import NAME as INDEX_NAME
from downstream.store.index import Index
from downstream.store.journal import Journal, JournalEntry, Plan, remove_extraction
from downstream.store.store import TapFolder, name_of
from downstream.store.tap_file import HEADER_BYTES, TapRecord, header_of, sum_of_part

TIMES = "timestamps"


class _DataFile(NamedTuple):
    """A data file of an extraction.

    Attributes:
        start: where its data begin, in bytes.
        size: of the data of finished batches, in bytes.
    """

    name: str
    path: Path
    start: int
    size: int


class Extraction:
    """The taps of a folder while they are written.

    It is a context manager, for use under the folder's lock.

    Args:
        folder: of the taps to be.
        path: of the extraction, inside that folder.

    Attributes:
        dims: tap -> width.
        batches: the files of each batch, in order.
        origin: for people: `embedder`, its name, and `clips`, task and split.
    """

    def __init__(self, folder: TapFolder, path: Path, plan: Plan) -> None:
        self.folder, self.path = folder, path
        self.dims, self.batches, self.origin = plan.dims, plan.batches, plan.origin
        self._journal = Journal(path)
        self._done: list[JournalEntry] = []
        self._sums: dict[str, hashlib._Hash] = {}
        self._files: dict[str, FileIO] = {}
        self._open = contextlib.ExitStack()

    @classmethod
    def begin(
        cls,
        folder: TapFolder,
        dims: Mapping[Tap, int],
        batches: Sequence[Sequence[str]],
        origin: Mapping[str, str] | None = None,
    ) -> "Extraction":
        """Begin a new extraction of taps, in these batches of files.

        Args:
            origin: for people, kept with the taps: `embedder`, its name, and `clips`, task and split.
        """
        plan = Plan(dims, batches, origin or {})
        path = folder.path / plan.folder_name
        plan.write(path)
        return cls.reopen(folder, path)

    @classmethod
    def reopen(cls, folder: TapFolder, path: Path) -> "Extraction":
        """Continue the extraction at a path; ValueError names one without a plan, or a plan that was changed."""
        return cls(folder, path, Plan.read(path))

    def __enter__(self) -> "Extraction":
        self._sums, self._done = self._sums or self.verified(), self.journal()
        self._journal.trim()
        with contextlib.ExitStack() as files:
            self._files = {
                data.name: files.enter_context(_opened(data.path, data.start + data.size))
                for data in self._data_files()
            }
            self._open = files.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self._sums = {}

    def remaining(self) -> list[Sequence[str]]:
        """The batches that are still to be computed, in order."""
        return list(self.batches[len(self._done) :])

    def append(self, values: Mapping[Tap, np.ndarray], lengths: Sequence[int], timestamps: np.ndarray) -> None:
        """Append the next batch.

        Args:
            values: tap -> (rows, dim) of all files of the batch, one file after the other.
            lengths: the number of rows of each file.
            timestamps: (rows,) in ms, or () for scenes.
        """
        blocks = {TIMES: np.asarray(timestamps, dtype="<f8")}
        for tap, dim in self.dims.items():
            if (name := name_of(tap)) in self._files:
                blocks[name] = np.ascontiguousarray(values[tap], dtype="<f4")
                if blocks[name].shape != (sum(lengths), dim):
                    raise ValueError(f"tap {tap}: expected shape {(sum(lengths), dim)}, got {blocks[name].shape}")
        for name, block in blocks.items():
            content = block.tobytes()
            self._sums[name].update(content)
            append_whole(self._files[name], content)
        sums = {name: digest.hexdigest()[:DIGITS] for name, digest in self._sums.items()}
        entry = JournalEntry(list(map(int, lengths)), len(timestamps), sums)
        self._journal.append(entry, len(self._done))
        self._done.append(entry)

    def finish(self) -> None:
        """Put index and taps in their places; only if no batch remains.

        Raises:
            ValueError: the rows are not in the order of the taps that the folder has already.
        """
        if self.remaining():
            raise ValueError(f"{self.path}: {len(self.remaining())} batches are still to be computed")
        files = tuple(file for batch in self.batches for file in batch)
        lengths = [length for entry in self._done for length in entry.lengths]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        index = Index(files, offsets, np.fromfile(self.path / TIMES, dtype="<f8"))
        known = self.folder.known_index()
        if known and known.digest != index.digest:
            raise ValueError(
                f"{self.path}: its rows are not those of {self.folder.path / INDEX_NAME}; remove one of them"
            )
        if known is None:
            index.write(self.folder.path / INDEX_NAME)
        self._open.close()
        for tap in self.dims:
            if name_of(tap) in self._files:
                self._put(tap, index)
        remove_extraction(self.path)

    def discard(self) -> None:
        """Remove the extraction and all its data."""
        self._open.close()
        remove_extraction(self.path)

    def _put(self, tap: Tap, index: Index) -> None:
        """Put a tap in its place: its header, then its record, then the file itself."""
        part, place, dim = self.part(tap), self.folder.file(tap), self.dims[tap]
        with naming(part), part.open("r+b") as data:
            data.write(header_of((index.total, dim)))
            data.flush()
            os.fsync(data.fileno())
        digest = self._sums[name_of(tap)].hexdigest()[:DIGITS]
        TapRecord(index.total, dim, digest, index.digest, self.origin).write(place)
        put_in_place(part, place)

    def part(self, tap: Tap) -> Path:
        """The data file of a tap."""
        return self.path / self.folder.file(tap).name

    def journal(self) -> list[JournalEntry]:
        """The finished batches; ValueError names a journal that was changed."""
        return self._journal.entries()

    def verify(self) -> None:
        """Verify the data now, rather than on entry; errors are those of `verified`."""
        self._sums = self.verified()

    def verified(self, *, full: bool = True) -> "dict[str, hashlib._Hash]":
        """Verify the data of finished batches.

        Args:
            full: read the data; else only their lengths are checked, and the sums are those of nothing.

        Returns:
            Name of a data file -> running sum of its data.

        Raises:
            ValueError: names data that were changed.
        """
        done = self.journal()
        sums: dict[str, hashlib._Hash] = {}
        for data in self._data_files():
            length = data.path.stat().st_size if data.path.is_file() else 0
            if data.size and length < data.start + data.size:
                raise ValueError(f"{data.path}: {length} bytes, expected at least {data.start + data.size}")
            sums[data.name] = sum_of_part(data.path, data.start, data.size) if full and data.size else hashlib.sha256()
            if full and done and sums[data.name].hexdigest()[:DIGITS] != done[-1].sums.get(data.name):
                raise ValueError(f"{data.path}: {CHANGED}")
        return sums

    def _data_files(self) -> Iterator[_DataFile]:
        """The data files that are still here.

        A kill while taps are put in their places leaves only some.
        """
        done = self.journal()
        rows = sum(sum(entry.lengths) for entry in done)
        yield _DataFile(TIMES, self.path / TIMES, 0, 8 * sum(entry.times for entry in done))
        for tap, dim in self.dims.items():
            if self.part(tap).is_file() or not (done and self._is_placed(tap, done[-1])):
                yield _DataFile(name_of(tap), self.part(tap), HEADER_BYTES, 4 * rows * dim)

    def _is_placed(self, tap: Tap, last: JournalEntry) -> bool:
        with contextlib.suppress(ValueError):
            return TapRecord.read(self.folder.file(tap)).data == last.sums.get(name_of(tap))
        return False


def _opened(path: Path, size: int) -> FileIO:
    """Open a data file where its next batch goes.

    Data behind the journal's last entry are cut off.
    """
    file = path.open("ab", buffering=0)
    file.truncate(size)
    return file
