"""An extraction in progress: plan, data so far, and journal of finished batches.

Batches are appended to the data without waiting for the disk. Every `SYNC_S` seconds, at the end, and when an error or
a signal ends the extraction, all data are flushed to the disk, and after them one line of the journal.

A killed extraction continues behind the last entry of the journal, in the batches of the plan, so that its numbers are
those of an undisturbed one: what was appended since is computed again. Each entry has the running sums of the data; if
data do not match them, the extraction starts anew.
"""

import contextlib
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import FileIO
from pathlib import Path
from time import monotonic
from typing import NamedTuple

import numpy as np

from downstream.disk.files import append_whole, naming, put_in_place, sync
from downstream.disk.sums import CHANGED, DIGITS
from downstream.embedder import Tap
from downstream.store.index import NAME as INDEX_NAME
from downstream.store.index import Index
from downstream.store.journal import Journal, JournalEntry, Plan, remove_extraction
from downstream.store.number_format import FLOAT32, FORMATS, NumberFormat
from downstream.store.store import TapFolder, name_of
from downstream.store.tap_file import HEADER_BYTES, TapRecord, header_of, sum_of_part

TIMES = "timestamps"
SYNC_S = 5.0  # between lines of the journal: flushing 30 files takes up to 0.2 s, and a kill costs what came since
WRITERS = 8  # threads: a core hashes 1 GB/s, and files that are flushed at once share commits of the file system


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
        formats: tap -> how its numbers are kept.
        batches: the files of each batch, in order.
        origin: for people: `embedder`, its name, and `clips`, task and split.
        done: what the journal has.

    Raises:
        ValueError: names a journal that was changed.
    """

    def __init__(self, folder: TapFolder, path: Path, plan: Plan) -> None:
        self.folder, self.path = folder, path
        self.dims, self.batches, self.origin = plan.dims, plan.batches, plan.origin
        self.formats = {tap: FORMATS[plan.formats.get(tap, FLOAT32.name)] for tap in plan.dims}
        self._journal = Journal(path)
        self.done = self._journal.entries()
        self._pending: JournalEntry | None = None
        self._synced_at = 0.0
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
        formats: Mapping[Tap, NumberFormat] | None = None,
    ) -> "Extraction":
        """Begin a new extraction of taps, in these batches of files.

        Args:
            origin: for people, kept with the taps: `embedder`, its name, and `clips`, task and split.
            formats: tap -> how its numbers are kept, if not as float32.
        """
        names = {tap: number_format.name for tap, number_format in (formats or {}).items()}
        plan = Plan(dims, batches, origin or {}, names)
        path = folder.path / plan.folder_name
        plan.write(path)
        return cls.reopen(folder, path)

    @classmethod
    def reopen(cls, folder: TapFolder, path: Path) -> "Extraction":
        """Continue the extraction at a path.

        Raises:
            ValueError: names one without a plan, or a plan or journal that was changed.
        """
        return cls(folder, path, Plan.read(path))

    def __enter__(self) -> "Extraction":
        self._sums = self._sums or self.verified()
        with contextlib.ExitStack() as files:
            self._files = {
                data.name: files.enter_context(_opened(data.path, data.start + data.size))
                for data in self._data_files()
            }
            self._writers = files.enter_context(ThreadPoolExecutor(WRITERS))
            self._open = files.pop_all()
        self._synced_at = monotonic()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        try:
            if not isinstance(error, OSError):  # a disk that has failed may claim later that all is written
                self.keep()
        finally:
            self._open.close()
            self._sums = {}

    def remaining(self) -> list[Sequence[str]]:
        """The batches that are still to be computed, in order."""
        return list(self.batches[sum(entry.batches for entry in self._finished()) :])

    def append(self, values: Mapping[Tap, np.ndarray], lengths: Sequence[int], timestamps: np.ndarray) -> None:
        """Append the next batch; every `SYNC_S` seconds, keep all batches so far.

        Args:
            values: tap -> (rows, dim) of all files of the batch, one file after the other.
            lengths: the number of rows of each file.
            timestamps: (rows,) in ms, or () for scenes.
        """
        blocks = {TIMES: np.ascontiguousarray(timestamps, dtype="<f8")}
        for tap, dim in self.dims.items():
            if (name := name_of(tap)) in self._files:
                blocks[name] = self.formats[tap].encoded(values[tap])
                if blocks[name].shape != (sum(lengths), dim):
                    raise ValueError(f"tap {tap}: expected shape {(sum(lengths), dim)}, got {blocks[name].shape}")
        list(self._writers.map(self._write, blocks, blocks.values()))
        sums = {name: digest.hexdigest()[:DIGITS] for name, digest in self._sums.items()}
        before = self._pending or JournalEntry([], 0, {}, 0)
        lengths, times = [*before.lengths, *map(int, lengths)], before.times + len(timestamps)
        self._pending = JournalEntry(lengths, times, sums, before.batches + 1)
        if monotonic() - self._synced_at >= SYNC_S:
            self.keep()

    def keep(self) -> None:
        """Flush the data to the disk, then the journal's line of what was finished since its last one."""
        if self._pending:
            self._synced_at = monotonic()
            self._sync()
            self._add_line()

    def finish(self) -> None:
        """Put index and taps in their places; only if no batch remains.

        Raises:
            ValueError: the rows are not in the order of the taps that the folder has already.
        """
        if self.remaining():
            raise ValueError(f"{self.path}: {len(self.remaining())} batches are still to be computed")
        files = tuple(file for batch in self.batches for file in batch)
        lengths = [length for entry in self._finished() for length in entry.lengths]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        index = Index(files, offsets, np.fromfile(self.path / TIMES, dtype="<f8"))
        known = self.folder.known_index()
        if known and known.digest != index.digest:
            raise ValueError(
                f"{self.path}: its rows are not those of {self.folder.path / INDEX_NAME}; remove one of them"
            )
        if known is None:
            index.write(self.folder.path / INDEX_NAME)
        taps = [tap for tap in self.dims if name_of(tap) in self._files]
        for tap in taps:
            with naming(self.part(tap)), self.part(tap).open("r+b") as data:
                data.write(header_of((index.total, self.dims[tap]), self.formats[tap].stored))
        self._sync()
        self._add_line()
        list(self._writers.map(self._put, taps, [index] * len(taps)))
        self._open.close()
        remove_extraction(self.path)

    def discard(self) -> None:
        """Remove the extraction and all its data."""
        self._pending = None
        self._open.close()
        remove_extraction(self.path)

    def _finished(self) -> list[JournalEntry]:
        """What the journal has, and what it does not have yet."""
        return self.done if self._pending is None else [*self.done, self._pending]

    def _write(self, name: str, block: np.ndarray) -> None:
        """Append a block to a data file, and to its sum."""
        content = block.reshape(-1).view(np.uint8).data
        self._sums[name].update(content)
        append_whole(self._files[name], content)

    def _sync(self) -> None:
        list(self._writers.map(sync, self._files.values()))

    def _add_line(self) -> None:
        """Add the journal's line of what was finished since its last one; the data are on the disk."""
        if entry := self._pending:
            self._journal.append(entry, len(self.done))
            self._pending = None  # before the next line: a signal in between must not let `__exit__` add it again
            self.done.append(entry)

    def _put(self, tap: Tap, index: Index) -> None:
        """Put a tap, whose data are on the disk, in its place: its record, then the file itself."""
        digest = self._sums[name_of(tap)].hexdigest()[:DIGITS]
        record = TapRecord(index.total, self.dims[tap], digest, index.digest, self.origin, self.formats[tap].name)
        record.write(self.folder.file(tap))
        put_in_place(self.part(tap), self.folder.file(tap))

    def part(self, tap: Tap) -> Path:
        """The data file of a tap."""
        return self.path / self.folder.file(tap).name

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
        sums: dict[str, hashlib._Hash] = {}
        for data in self._data_files():
            length = data.path.stat().st_size if data.path.is_file() else 0
            if data.size and length < data.start + data.size:
                raise ValueError(f"{data.path}: {length} bytes, expected at least {data.start + data.size}")
            sums[data.name] = sum_of_part(data.path, data.start, data.size) if full and data.size else hashlib.sha256()
            if full and self.done and sums[data.name].hexdigest()[:DIGITS] != self.done[-1].sums.get(data.name):
                raise ValueError(f"{data.path}: {CHANGED}")
        return sums

    def _data_files(self) -> Iterator[_DataFile]:
        """The data files that are still here.

        A kill while taps are put in their places leaves only some.
        """
        rows = sum(sum(entry.lengths) for entry in self.done)
        yield _DataFile(TIMES, self.path / TIMES, 0, 8 * sum(entry.times for entry in self.done))
        for tap, dim in self.dims.items():
            if self.part(tap).is_file() or not (self.done and self._is_placed(tap, self.done[-1])):
                size = self.formats[tap].bytes * rows * dim
                yield _DataFile(name_of(tap), self.part(tap), HEADER_BYTES, size)

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
