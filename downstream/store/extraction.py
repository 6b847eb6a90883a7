"""An extraction in progress: a plan (the batches of files), the data so far, a journal with a line a finished batch.

A killed extraction is gone on with from the journal, in the batches of the plan, so that the numbers are those of an
undisturbed one. Each line of the journal has the running sums of the data up to there; where data are not those, the
extraction is begun anew.
"""

import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from downstream.disk.files import append_whole, fingerprint, naming, sweep, write_atomically
from downstream.disk.sums import CHANGED, DIGITS, place_of, read_sealed, seal_of, write_sealed
from downstream.embedder import Tap
from downstream.store.index import NAME as INDEX_NAME
from downstream.store.index import PLACE_PARTS, Index
from downstream.store.store import TapFolder, name_of
from downstream.store.tap_file import HEADER_BYTES, TapRecord, header_of, sum_of_part

PLAN, JOURNAL, TIMES = "plan.json", "journal.jsonl", "timestamps"

logger = logging.getLogger(__name__)


class Batch(NamedTuple):
    """A line of the journal.

    Attributes:
        lengths: rows of each file. times: how many timestamps. sums: of each data file up to here.
    """

    lengths: list[int]
    times: int
    sums: dict[str, str]


class Extraction:
    """The taps of a folder while they are written; a context manager, to be used under the folder's lock."""

    def __init__(self, folder: TapFolder, path: Path, plan: Mapping[str, Any]) -> None:
        self.folder, self.path = folder, path
        self.dims: dict[Tap, int] = {(level, window): dim for level, window, dim in plan["taps"]}
        self.batches: list[list[str]] = plan["batches"]
        self.about: dict[str, str] = plan["about"]
        self._sums: dict[str, Any] = {}

    @classmethod
    def begin(
        cls,
        folder: TapFolder,
        dims: Mapping[Tap, int],
        batches: Sequence[Sequence[str]],
        about: Mapping[str, str] | None = None,
    ) -> "Extraction":
        """A new extraction of these taps, in these batches of files.

        Args:
            about: for people, kept with the taps: `embedder`, its name, and `clips`, task and split.
        """
        taps = [[level, window, dim] for (level, window), dim in dims.items()]
        path = folder.path / f".partial-{fingerprint(sorted(taps, key=str))}"
        plan = {"taps": taps, "batches": [list(batch) for batch in batches], "about": dict(about or {})}
        write_sealed(path / PLAN, plan, place_of(path, PLACE_PARTS))
        return cls.reopen(folder, path)

    @classmethod
    def reopen(cls, folder: TapFolder, path: Path) -> "Extraction":
        """The extraction whose plan lies in a folder; ValueError names a plan that is not what was written there."""
        try:
            return cls(folder, path, read_sealed(path / PLAN, place_of(path, PLACE_PARTS)))
        except (FileNotFoundError, IsADirectoryError):
            raise ValueError(f"{path}: has no plan") from None

    def __enter__(self) -> "Extraction":
        self._sums, self._done = self._sums or self.verified(), self.journal()
        whole = b"".join(self._lines())
        if (self.path / JOURNAL).is_file() and len(whole) != (self.path / JOURNAL).stat().st_size:
            write_atomically(self.path / JOURNAL, lambda file: file.write(whole))
        with contextlib.ExitStack() as files:
            self._files = {
                name: files.enter_context(_opened(path, start + size)) for name, path, start, size in self._streams()
            }
            self._open = files.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._open.close()
        self._sums = {}

    def remaining(self) -> list[list[str]]:
        """The batches that are still to be computed, in order."""
        return self.batches[len(self._done) :]

    def append(self, values: Mapping[Tap, np.ndarray], lengths: Sequence[int], timestamps: np.ndarray) -> None:
        """The next batch's rows: per tap (rows, dim), how many rows each file has, and the rows' timestamps or none."""
        blocks = {TIMES: np.asarray(timestamps, dtype="<f8")}
        for tap, dim in self.dims.items():
            if (name := name_of(tap)) in self._files:
                blocks[name] = np.ascontiguousarray(values[tap], dtype="<f4")
                if blocks[name].shape != (sum(lengths), dim):
                    raise ValueError(f"tap {tap}: expected shape {(sum(lengths), dim)}, got {blocks[name].shape}")
        for name, block in blocks.items():
            data = block.tobytes()
            self._sums[name].update(data)
            append_whole(self._files[name], data)
        sums = {name: digest.hexdigest()[:DIGITS] for name, digest in self._sums.items()}
        batch = Batch(list(map(int, lengths)), len(timestamps), sums)
        with (self.path / JOURNAL).open("ab", buffering=0) as journal:
            append_whole(journal, _line([*batch, seal_of(batch, self._place_of_line(len(self._done)))]))
        self._done.append(batch)

    def finish(self) -> None:
        """Put index and data in their places; only with nothing remaining.

        Raises:
            ValueError: where the rows are not in the order of the taps that are here already.
        """
        if self.remaining():
            raise ValueError(f"{self.path}: {len(self.remaining())} batches are still to be computed")
        files = tuple(file for batch in self.batches for file in batch)
        offsets = np.concatenate([[0], np.cumsum([n for batch in self._done for n in batch.lengths])]).astype(np.int64)
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
        _remove(self.path)

    def discard(self) -> None:
        """Give it up: nothing of it is kept."""
        self._open.close()
        _remove(self.path)

    def _put(self, tap: Tap, index: Index) -> None:
        """A tap into its place, with its header, and its record before it."""
        part, place, dim = self.part(tap), self.folder.file(tap), self.dims[tap]
        with naming(part), part.open("r+b") as data:
            data.write(header_of((index.total, dim)))
            data.flush()
            os.fsync(data.fileno())
        digest = self._sums[name_of(tap)].hexdigest()[:DIGITS]
        TapRecord(index.total, dim, digest, index.digest, self.about).write(place)
        part.replace(place)

    def part(self, tap: Tap) -> Path:
        return self.path / self.folder.file(tap).name

    def journal(self) -> list[Batch]:
        """The finished batches; a last line that was cut off by a kill does not count.

        Raises:
            ValueError: names a journal that is not what was written.
        """
        batches = []
        for number, line in enumerate(self._lines()):
            try:
                *entry, seal = json.loads(line)
                batches.append(Batch(*entry))
                good = seal == seal_of(entry, self._place_of_line(number))
            except (ValueError, TypeError, RecursionError):
                good = False
            if not good:
                raise ValueError(f"{self.path / JOURNAL}: its line {number + 1} is {CHANGED}")
        return batches

    def verified(self, *, full: bool = True) -> dict[str, Any]:
        """The running sums of the data that the journal says are there, by name of the data file.

        Args:
            full: whether data are read; else only their lengths are looked at, and sums are those of nothing.

        Raises:
            ValueError: names data that are not what was written.
        """
        done, sums = self.journal(), {}
        for name, path, start, size in self._streams():
            length = path.stat().st_size if path.is_file() else 0
            if size and length < start + size:
                raise ValueError(f"{path}: {length} bytes, expected at least {start + size}")
            sums[name] = sum_of_part(path, start, size) if full and size else hashlib.sha256()
            if full and done and sums[name].hexdigest()[:DIGITS] != done[-1].sums.get(name):
                raise ValueError(f"{path}: {CHANGED}")
        return sums

    def _streams(self) -> Iterator[tuple[str, Path, int, int]]:
        """The data files that are still here: name, path, where data begin, and bytes that are done.

        A kill while taps are put in their places leaves only some here.
        """
        done = self.journal()
        rows = sum(sum(batch.lengths) for batch in done)
        yield TIMES, self.path / TIMES, 0, 8 * sum(batch.times for batch in done)
        for tap, dim in self.dims.items():
            if self.part(tap).is_file() or not (done and self._is_placed(tap, done[-1])):
                yield name_of(tap), self.part(tap), HEADER_BYTES, 4 * rows * dim

    def _is_placed(self, tap: Tap, last: Batch) -> bool:
        with contextlib.suppress(ValueError):
            return TapRecord.read(self.folder.file(tap)).data == last.sums.get(name_of(tap))
        return False

    def _lines(self) -> list[bytes]:
        path = self.path / JOURNAL
        if path.is_dir():
            raise ValueError(f"{path}: {CHANGED}")
        text = path.read_bytes() if path.is_file() else b""
        return text[: text.rfind(b"\n") + 1].splitlines(keepends=True)

    def _place_of_line(self, number: int) -> str:
        return f"{place_of(self.path, PLACE_PARTS)} {number}"


def unfinished(folder: TapFolder) -> list[Extraction]:
    """Extractions that were begun in a folder and can be gone on with; others are removed. Needs the folder's lock."""
    sweep(folder.path)
    found = []
    for path in sorted(folder.path.glob(".partial-*")):
        try:
            extraction = Extraction.reopen(folder, path)
            extraction._sums = extraction.verified()
        except ValueError as error:
            if (path / PLAN).exists():  # else a kill in the middle of its removal left it
                logger.warning("%s; its extraction is begun anew", error)
            extraction = None
        if extraction is None or not folder.missing(list(extraction.dims)):
            _remove(path)
        else:
            found.append(extraction)
    return found


def tidy(folder: TapFolder) -> None:
    """Remove what a kill left of extractions whose taps are all here, unless somebody is writing."""
    if any(folder.path.glob(".partial-*")):
        with contextlib.suppress(OSError), folder.locked(wait=False):
            for begun in unfinished(folder):
                begun._open.close()


def _remove(path: Path) -> None:
    """Remove an extraction, its plan first: what a kill leaves of it is known as a rest."""
    with contextlib.suppress(OSError):  # absent, or a folder in its place
        (path / PLAN).unlink()
    shutil.rmtree(path)


def _opened(path: Path, size: int) -> FileIO:
    """A data file at the place where its next batch goes; what was written beyond the journal is cut off."""
    file = path.open("ab", buffering=0)
    file.truncate(size)
    return file


def _line(entry: list) -> bytes:
    return json.dumps(entry).encode() + b"\n"
