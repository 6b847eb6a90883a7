"""The tap store: embeddings on disk, complete or absent, shared by every spec that needs them.

Layout: ``<root>/<embedder fingerprint>/<audio fingerprint>/<split>/{scene|t50}/<level>@<window|own>.npy``, ordinary
.npy files of float32 (rows, dim) to be memory-mapped, beside ``index.npz`` (files, offsets, timestamps in ms).

An extraction in progress lives in the folder ``.partial-<taps>`` there: its plan (the batches of files), the data
written so far, and a journal with a line a finished batch. A killed extraction is gone on with from the journal, in
the batches of the plan, so that the numbers are those of an undisturbed one.
"""

import fcntl
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from downstream.embedder import Tap
from downstream.files import fingerprint, write_atomically, write_json

HEADER_BYTES = 128  # of a .npy file: numpy leaves room in it for the first axis to grow


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
        return np.load(self.file(tap), mmap_mode="r")

    def index(self) -> Index:
        with np.load(self.path / "index.npz", allow_pickle=False) as found:
            return Index(tuple(found["files"].tolist()), found["offsets"], found["timestamps"])

    def unfinished(self) -> list["Extraction"]:
        """Extractions that were begun here and neither finished nor given up."""
        return [Extraction.reopen(self, path) for path in sorted(self.path.glob(".partial-*")) if _has_plan(path)]

    def begin(self, dims: Mapping[Tap, int], batches: Sequence[Sequence[str]]) -> "Extraction":
        """A new extraction of these taps, in these batches of files."""
        return Extraction.create(self, dims, batches)


def tap_folder(root: Path, embedder: str, audio: str, split: str, hop_ms: int | None) -> TapFolder:
    """The folder of an embedder's and an audio fingerprint; `hop_ms` is None for scene embeddings."""
    return TapFolder(root / embedder / audio / split / ("scene" if hop_ms is None else f"t{hop_ms}"))


class Extraction:
    """The taps of a folder while they are written; use as a context manager, which locks it against other runs."""

    def __init__(self, folder: TapFolder, path: Path, dims: Mapping[Tap, int], batches: list[list[str]]) -> None:
        self.folder, self.path, self.dims, self.batches = folder, path, dict(dims), batches

    @classmethod
    def create(cls, folder: TapFolder, dims: Mapping[Tap, int], batches: Sequence[Sequence[str]]) -> "Extraction":
        taps = [[level, window, dim] for (level, window), dim in dims.items()]
        path = folder.path / f".partial-{fingerprint(sorted(taps, key=str))}"
        plan = {"taps": taps, "batches": [list(batch) for batch in batches]}
        write_json(path / "plan.json", plan)
        return cls(folder, path, dims, plan["batches"])

    @classmethod
    def reopen(cls, folder: TapFolder, path: Path) -> "Extraction":
        plan = json.loads((path / "plan.json").read_text())
        return cls(folder, path, {(level, window): dim for level, window, dim in plan["taps"]}, plan["batches"])

    def __enter__(self) -> "Extraction":
        self._lock = (self.path / "lock").open("a+")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise ValueError(
                f"{self.path} is being written by another run; wait for it, or use another store"
            ) from None
        self._done = self._journal()
        self._data = {tap: self._part(tap).open("ab") for tap in self._unfinished_taps()}
        rows = sum(sum(lengths) for lengths, _ in self._done)
        for tap, file in self._data.items():
            size = HEADER_BYTES + rows * self.dims[tap] * 4
            if rows and file.tell() < size:
                raise ValueError(
                    f"{self._part(tap)}: {file.tell()} bytes, expected at least {size}; remove {self.path}"
                )
            file.truncate(size)  # what a killed run wrote beyond its journal; room for the header in a new file
        return self

    def __exit__(self, *_) -> None:
        for file in self._data.values():
            file.close()
        self._lock.close()

    def remaining(self) -> list[list[str]]:
        """The batches that are still to be computed, in order."""
        return self.batches[len(self._done) :]

    def append(self, values: Mapping[Tap, np.ndarray], lengths: Sequence[int], timestamps: np.ndarray) -> None:
        """The next batch's rows: per tap (rows, dim), how many rows each file has, and the rows' timestamps."""
        for tap, file in self._data.items():
            block = np.ascontiguousarray(values[tap], dtype="<f4")
            if block.shape != (sum(lengths), self.dims[tap]):
                raise ValueError(f"tap {tap}: expected shape {(sum(lengths), self.dims[tap])}, got {block.shape}")
            file.write(block)
            file.flush()
            os.fsync(file.fileno())
        entry = (list(map(int, lengths)), [float(t) for t in timestamps])
        with (self.path / "journal.jsonl").open("a") as journal:
            journal.write(json.dumps(entry) + "\n")
            journal.flush()
            os.fsync(journal.fileno())
        self._done.append(entry)

    def finish(self) -> None:
        """Put index and data in their places; only with nothing remaining."""
        if self.remaining():
            raise ValueError(f"{self.path}: {len(self.remaining())} batches are still to be computed")
        files = [file for batch in self.batches for file in batch]
        lengths = [n for counts, _ in self._done for n in counts]
        timestamps = np.array([t for _, times in self._done for t in times], dtype=np.float64)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        arrays = {"files": np.array(files), "offsets": offsets, "timestamps": timestamps}
        write_atomically(self.folder.path / "index.npz", lambda out: np.savez(out, **arrays))
        for tap, file in self._data.items():
            file.close()
            with self._part(tap).open("r+b") as data:
                data.write(_header((int(offsets[-1]), self.dims[tap])))
                data.flush()
                os.fsync(data.fileno())
            self._part(tap).replace(self.folder.file(tap))
        shutil.rmtree(self.path)

    def _part(self, tap: Tap) -> Path:
        return self.path / self.folder.file(tap).name

    def _unfinished_taps(self) -> list[Tap]:
        return [tap for tap in self.dims if self._part(tap).is_file() or not self.folder.file(tap).is_file()]

    def _journal(self) -> list[tuple[list[int], list[float]]]:
        """The finished batches; a last line that was cut off by a kill does not count, and is removed."""
        path = self.path / "journal.jsonl"
        text = path.read_text() if path.is_file() else ""
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            write_atomically(path, lambda file: file.write(whole.encode()))
        return [tuple(json.loads(line)) for line in whole.splitlines()]


def _has_plan(path: Path) -> bool:
    return (path / "plan.json").is_file()


def _header(shape: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    header = buffer.getvalue()
    if len(header) != HEADER_BYTES:
        raise ValueError(f"a .npy header of {len(header)} bytes, expected {HEADER_BYTES}")
    return header
