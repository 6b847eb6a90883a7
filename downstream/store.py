"""The tap store: embeddings on disk, complete or absent, shared by every spec that needs them.

Layout: ``<root>/<embedder fingerprint>/<audio fingerprint>/<split>/{scene|t50|town}/<level>@<window|own>.npy``,
ordinary
.npy files of float32 (rows, dim) to be memory-mapped, beside ``index.npz`` (files, offsets, timestamps in ms).

An extraction in progress lives in the folder ``.partial-<taps>`` there: its plan (the batches of files), the data
written so far, and a journal with a line a finished batch. A killed extraction is gone on with from the journal, in
the batches of the plan, so that the numbers are those of an undisturbed one. Who writes holds the folder's lock.
"""

import contextlib
import fcntl
import io
import json
import logging
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from downstream.embedder import OWN_HOP, Tap
from downstream.files import fingerprint, load_arrays, write_atomically, write_json

HEADER_BYTES = 128  # of a .npy file: numpy leaves room in it for the first axis to grow

logger = logging.getLogger(__name__)


def default_root() -> Path:
    """$ABLATE_STORE, else a folder in the user's cache."""
    if "ABLATE_STORE" in os.environ:
        return Path(os.environ["ABLATE_STORE"])
    return Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "embedding-ablations" / "store"


@dataclass(frozen=True)
class Index:
    """Which rows are whose: rows offsets[i] to offsets[i + 1] are of files[i]; timestamps in ms, () for scenes."""

    files: tuple[str, ...]
    offsets: np.ndarray
    timestamps: np.ndarray

    def rows(self, files: Sequence[str]) -> np.ndarray:
        """The row numbers of `files`, one file after the other."""
        place = {file: i for i, file in enumerate(self.files)}
        found = [np.arange(self.offsets[place[f]], self.offsets[place[f] + 1]) for f in files]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)

    def lengths(self, files: Sequence[str]) -> np.ndarray:
        """How many rows each of `files` has."""
        place = {file: i for i, file in enumerate(self.files)}
        return np.diff(self.offsets)[[place[file] for file in files]]


@dataclass(frozen=True)
class TapFolder:
    """The taps of one embedder on one split: scene embeddings, or timestamp embeddings of one hop."""

    path: Path

    def file(self, tap: Tap) -> Path:
        level, window_ms = tap
        return self.path / f"{level}@{'own' if window_ms is None else window_ms}.npy"

    def missing(self, taps: Sequence[Tap]) -> list[Tap]:
        return [tap for tap in taps if not self.file(tap).is_file()]

    def read(self, tap: Tap) -> np.ndarray:
        """(rows, dim) float32, memory-mapped."""
        return load_arrays(self.file(tap), mmap_mode="r")

    def index(self) -> Index | None:
        """Whose rows are where; None as long as no tap is here."""
        if not (self.path / "index.npz").is_file():
            return None
        with load_arrays(self.path / "index.npz", allow_pickle=False) as found:
            return Index(tuple(found["files"].tolist()), found["offsets"], found["timestamps"])

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Only one run writes here at a time; others wait, and then find what it wrote."""
        self.path.mkdir(parents=True, exist_ok=True)
        with (self.path / ".lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.warning("%s is being written by another run: waiting for it", self.path)
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def unfinished(self) -> list["Extraction"]:
        """Extractions that were begun here and not finished; what a kill left of others is swept. Needs the lock."""
        for temporary in self.path.glob(".*.tmp"):
            temporary.unlink()
        found = []
        for path in sorted(self.path.glob(".partial-*")):
            extraction = Extraction.reopen(self, path) if (path / "plan.json").is_file() else None
            if extraction is None or not self.missing(list(extraction.dims)):
                shutil.rmtree(path)
            else:
                found.append(extraction)
        return found

    def begin(self, dims: Mapping[Tap, int], batches: Sequence[Sequence[str]]) -> "Extraction":
        """A new extraction of these taps, in these batches of files. Needs the lock."""
        taps = [[level, window, dim] for (level, window), dim in dims.items()]
        path = self.path / f".partial-{fingerprint(sorted(taps, key=str))}"
        write_json(path / "plan.json", {"taps": taps, "batches": [list(batch) for batch in batches]})
        return Extraction.reopen(self, path)


def tap_folder(root: Path, embedder: str, audio: str, split: str, hop_ms: int | None) -> TapFolder:
    """The folder of an embedder's and an audio fingerprint; `hop_ms` is None for scene embeddings."""
    kind = {None: "scene", OWN_HOP: "town"}.get(hop_ms, f"t{hop_ms}")
    return TapFolder(root / embedder / audio / split / kind)


class Extraction:
    """The taps of a folder while they are written; a context manager, to be used under the folder's lock."""

    def __init__(self, folder: TapFolder, path: Path, dims: Mapping[Tap, int], batches: list[list[str]]) -> None:
        self.folder, self.path, self.dims, self.batches = folder, path, dict(dims), batches

    @classmethod
    def reopen(cls, folder: TapFolder, path: Path) -> "Extraction":
        plan = json.loads((path / "plan.json").read_text())
        return cls(folder, path, {(level, window): dim for level, window, dim in plan["taps"]}, plan["batches"])

    def __enter__(self) -> "Extraction":
        self._done = self._journal()
        rows = sum(sum(lengths) for lengths, _ in self._done)
        open_taps = [tap for tap in self.dims if self._part(tap).is_file() or not self.folder.file(tap).is_file()]
        with contextlib.ExitStack() as files:
            self._data = {
                tap: files.enter_context(self._open(self._part(tap), HEADER_BYTES, rows * self.dims[tap] * 4))
                for tap in open_taps
            }
            times = sum(count for _, count in self._done) * 8
            self._times = files.enter_context(self._open(self.path / "timestamps", 0, times))
            self._files = files.pop_all()
        return self

    def __exit__(self, *_) -> None:
        self._files.close()

    def remaining(self) -> list[list[str]]:
        """The batches that are still to be computed, in order."""
        return self.batches[len(self._done) :]

    def append(self, values: Mapping[Tap, np.ndarray], lengths: Sequence[int], timestamps: np.ndarray) -> None:
        """The next batch's rows: per tap (rows, dim), how many rows each file has, and the rows' timestamps or none."""
        for tap, file in self._data.items():
            block = np.ascontiguousarray(values[tap], dtype="<f4")
            if block.shape != (sum(lengths), self.dims[tap]):
                raise ValueError(f"tap {tap}: expected shape {(sum(lengths), self.dims[tap])}, got {block.shape}")
            _append(file, block.tobytes())
        _append(self._times, np.asarray(timestamps, dtype="<f8").tobytes())
        entry = (list(map(int, lengths)), len(timestamps))
        with (self.path / "journal.jsonl").open("ab") as journal:
            _append(journal, json.dumps(entry).encode() + b"\n")
        self._done.append(entry)

    def finish(self) -> None:
        """Put index and data in their places; only with nothing remaining.

        Raises:
            ValueError: where the rows are not in the order of the taps that are here already.
        """
        if self.remaining():
            raise ValueError(f"{self.path}: {len(self.remaining())} batches are still to be computed")
        files = [file for batch in self.batches for file in batch]
        offsets = np.concatenate([[0], np.cumsum([n for lengths, _ in self._done for n in lengths])]).astype(np.int64)
        known = self.folder.index()
        if known is None:
            timestamps = np.fromfile(self.path / "timestamps", dtype="<f8")
            arrays = {"files": np.array(files), "offsets": offsets, "timestamps": timestamps}
            write_atomically(self.folder.path / "index.npz", lambda out: np.savez(out, **arrays))
        elif known.files != tuple(files) or not np.array_equal(known.offsets, offsets):
            raise ValueError(
                f"{self.path}: its rows are not those of {self.folder.path / 'index.npz'}; remove one of them"
            )
        for tap, file in self._data.items():
            file.close()
            with self._part(tap).open("r+b") as data:
                data.write(_header((int(offsets[-1]), self.dims[tap])))
                data.flush()
                os.fsync(data.fileno())
            self._part(tap).replace(self.folder.file(tap))
        shutil.rmtree(self.path)

    def discard(self) -> None:
        """Give it up: nothing of it is kept."""
        self._files.close()
        shutil.rmtree(self.path)

    def _part(self, tap: Tap) -> Path:
        return self.path / self.folder.file(tap).name

    def _open(self, path: Path, header: int, size: int) -> BinaryIO:
        """A data file at the place where its next batch goes; what was written beyond the journal is cut off."""
        file = path.open("ab")
        if size and file.tell() < header + size:
            file.close()
            raise ValueError(
                f"{path}: {path.stat().st_size} bytes, expected at least {header + size}; remove {self.path}"
            )
        file.truncate(header + size)
        return file

    def _journal(self) -> list[tuple[list[int], int]]:
        """The finished batches; a last line that was cut off by a kill does not count, and is removed."""
        path = self.path / "journal.jsonl"
        text = path.read_text() if path.is_file() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            write_atomically(path, lambda file: file.write(whole.encode()))
        return [tuple(json.loads(line)) for line in whole.splitlines()]


def _append(file: BinaryIO, data: bytes) -> None:
    file.write(data)
    file.flush()
    os.fsync(file.fileno())


def _header(shape: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    header = buffer.getvalue()
    if len(header) != HEADER_BYTES:
        raise ValueError(f"a .npy header of {len(header)} bytes, expected {HEADER_BYTES}")
    return header
