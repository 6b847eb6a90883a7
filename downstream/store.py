"""The tap store: embeddings on disk, complete or absent, shared by every spec that needs them.

Layout: ``<root>/<embedder fingerprint>/<audio fingerprint>/<split>/{scene|t50|town}/<level>@<window|own>.npy``,
ordinary .npy files of float32 (rows, dim) to be memory-mapped, each with its sums (`downstream.sums`), beside
``index.npz`` (files, offsets, timestamps in ms).

An extraction in progress lives in the folder ``.partial-<taps>`` there: its plan (the batches of files), the data
written so far, and a journal with a line a finished batch. A killed extraction is gone on with from the journal, in
the batches of the plan, so that the numbers are those of an undisturbed one. Who writes holds the folder's ``.lock``;
who needs what is there shares ``.used``, whose time says when that was.
"""

import contextlib
import io
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Any

import numpy as np

from downstream.embedder import OWN_HOP, Tap
from downstream.files import append_whole, cache_folder, expanded, fingerprint, naming, write_atomically, write_json
from downstream.index import NAME as INDEX_NAME
from downstream.index import Index
from downstream.locks import LOCK, held
from downstream.sums import ADVICE, of_batches, sum_of
from downstream.tap_file import HEADER_BYTES, read_rows


def default_root() -> Path:
    """$ABLATE_STORE, else a folder in the user's cache."""
    if set_to := os.environ.get("ABLATE_STORE"):  # an empty variable is none
        return expanded(set_to)
    return cache_folder() / "store"


@dataclass(frozen=True)
class TapFolder:
    """The taps of one embedder on one split: scene embeddings, or timestamp embeddings of one hop."""

    path: Path

    def file(self, tap: Tap) -> Path:
        return self.path / f"{name_of(tap)}.npy"

    def missing(self, taps: Sequence[Tap]) -> list[Tap]:
        return [tap for tap in taps if not self.file(tap).is_file()]

    def read(self, tap: Tap, rows: int | None = None) -> np.ndarray:
        """(rows, dim) float32, memory-mapped, as `tap_file.read_rows`."""
        return read_rows(self.file(tap), rows)

    def index(self) -> Index | None:
        """Whose rows are where; None as long as no tap is here."""
        path = self.path / INDEX_NAME
        return Index.read(path) if path.is_file() else None

    def locked(self, *, wait: bool = True) -> contextlib.AbstractContextManager[None]:
        """Only one run writes here at a time; others wait, and then find what it wrote (or BlockingIOError)."""
        waiting = f"{self.path} is being written by another run: waiting for it"
        return held(self.path / LOCK, wait=wait, waiting=waiting)

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

    def begin(
        self, dims: Mapping[Tap, int], batches: Sequence[Sequence[str]], about: Mapping[str, str] | None = None
    ) -> "Extraction":
        """A new extraction of these taps, in these batches of files. Needs the lock.

        Args:
            about: for people, kept with the taps: `embedder`, its name, and `clips`, task and split.
        """
        taps = [[level, window, dim] for (level, window), dim in dims.items()]
        path = self.path / f".partial-{fingerprint(sorted(taps, key=str))}"
        plan = {"taps": taps, "batches": [list(batch) for batch in batches], "about": dict(about or {})}
        write_json(path / "plan.json", plan)
        return Extraction.reopen(self, path)


def name_of(tap: Tap) -> str:
    """What a tap's files are called."""
    level, window_ms = tap
    return f"{level}@{'own' if window_ms is None else window_ms}"


def tap_folder(root: Path, embedder: str, audio: str, split: str, hop_ms: int | None) -> TapFolder:
    """The folder of an embedder's and an audio fingerprint; `hop_ms` is None for scene embeddings."""
    kind = {None: "scene", OWN_HOP: "town"}.get(hop_ms, f"t{hop_ms}")
    return TapFolder(root / embedder / audio / split / kind)


class Extraction:
    """The taps of a folder while they are written; a context manager, to be used under the folder's lock."""

    def __init__(self, folder: TapFolder, path: Path, plan: Mapping[str, Any]) -> None:
        self.folder, self.path = folder, path
        self.dims: dict[Tap, int] = {(level, window): dim for level, window, dim in plan["taps"]}
        self.batches: list[list[str]] = plan["batches"]
        self.about: dict[str, str] = plan.get("about", {})

    @classmethod
    def reopen(cls, folder: TapFolder, path: Path) -> "Extraction":
        try:
            return cls(folder, path, json.loads((path / "plan.json").read_text()))
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{path / 'plan.json'}: not the plan of an extraction; {ADVICE}") from None

    def __enter__(self) -> "Extraction":
        self._done = self.journal(cut=True)
        rows = sum(sum(lengths) for lengths, *_ in self._done)
        open_taps = [tap for tap in self.dims if self.part(tap).is_file() or not self.folder.file(tap).is_file()]
        with contextlib.ExitStack() as files:
            self._data = {
                tap: files.enter_context(self._open(self.part(tap), HEADER_BYTES, rows * self.dims[tap] * 4))
                for tap in open_taps
            }
            times = sum(count for _, count, *_ in self._done) * 8
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
        digests = {}
        for tap, file in self._data.items():
            block = np.ascontiguousarray(values[tap], dtype="<f4")
            if block.shape != (sum(lengths), self.dims[tap]):
                raise ValueError(f"tap {tap}: expected shape {(sum(lengths), self.dims[tap])}, got {block.shape}")
            data = block.tobytes()
            digests[name_of(tap)] = sum_of(data)
            append_whole(file, data)
        append_whole(self._times, np.asarray(timestamps, dtype="<f8").tobytes())
        entry = (list(map(int, lengths)), len(timestamps), digests)
        with (self.path / "journal.jsonl").open("ab", buffering=0) as journal:
            append_whole(journal, json.dumps(entry).encode() + b"\n")
        self._done.append(entry)

    def finish(self) -> None:
        """Put index and data in their places; only with nothing remaining.

        Raises:
            ValueError: where the rows are not in the order of the taps that are here already.
        """
        if self.remaining():
            raise ValueError(f"{self.path}: {len(self.remaining())} batches are still to be computed")
        files = [file for batch in self.batches for file in batch]
        offsets = np.concatenate([[0], np.cumsum([n for lengths, *_ in self._done for n in lengths])]).astype(np.int64)
        known = self.folder.index()
        if known is None:
            timestamps = np.fromfile(self.path / "timestamps", dtype="<f8")
            Index(tuple(files), offsets, timestamps).write(self.folder.path / INDEX_NAME)
        elif known.files != tuple(files) or not np.array_equal(known.offsets, offsets):
            raise ValueError(
                f"{self.path}: its rows are not those of {self.folder.path / INDEX_NAME}; remove one of them"
            )
        for tap, file in self._data.items():
            file.close()
            self._put(tap, int(offsets[-1]))
        shutil.rmtree(self.path)

    def discard(self) -> None:
        """Give it up: nothing of it is kept."""
        self._files.close()
        shutil.rmtree(self.path)

    def _put(self, tap: Tap, rows: int) -> None:
        """A tap into its place, with its header, and its sums before it."""
        part, place, name = self.part(tap), self.folder.file(tap), name_of(tap)
        with naming(part), part.open("r+b") as data:
            data.write(_header((rows, self.dims[tap])))
            data.flush()
            os.fsync(data.fileno())
        digests = [digests[0].get(name) if digests else None for _, _, *digests in self._done]
        lengths = [sum(lengths) for lengths, *_ in self._done]
        of_batches(self.dims[tap], lengths, digests, self.about).write(place)
        part.replace(place)

    def part(self, tap: Tap) -> Path:
        return self.path / self.folder.file(tap).name

    def _open(self, path: Path, header: int, size: int) -> FileIO:
        """A data file at the place where its next batch goes; what was written beyond the journal is cut off."""
        file = path.open("ab", buffering=0)
        if size and file.tell() < header + size:
            file.close()
            raise ValueError(
                f"{path}: {path.stat().st_size} bytes, expected at least {header + size}; remove {self.path}"
            )
        file.truncate(header + size)
        return file

    def journal(self, *, cut: bool = False) -> list[tuple]:
        """The finished batches: rows of each file, timestamps, sums (which earlier versions left out).

        A last line that was cut off by a kill does not count; it is removed where `cut` says so.
        """
        path = self.path / "journal.jsonl"
        text = path.read_text() if path.is_file() else ""
        whole = text[: text.rfind("\n") + 1]
        if cut and whole != text:
            write_atomically(path, lambda file: file.write(whole.encode()))
        try:
            return [tuple(json.loads(line)) for line in whole.splitlines()]
        except ValueError:
            raise ValueError(f"{path}: not the journal of an extraction; {ADVICE}") from None


def _header(shape: tuple[int, int]) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    header = buffer.getvalue()
    if len(header) != HEADER_BYTES:
        raise ValueError(f"a .npy header of {len(header)} bytes, expected {HEADER_BYTES}")
    return header
