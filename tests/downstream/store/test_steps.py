"""An extraction that ends at any step, by a kill or a loss of power, is continued to the same files."""

import contextlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from downstream.disk import files
from downstream.store import extraction as module
from downstream.store import journal as journal_module
from downstream.store.extraction import SYNC_S, Extraction
from downstream.store.number_format import BFLOAT16
from downstream.store.store import TapFolder
from downstream.store.unfinished import unfinished

TAPS = {("features", 160): 3, ("block1.tokens", 160): 2}
SHORT = {("block1.tokens", 160): BFLOAT16}
BATCHES = [["a.wav", "b.wav"], ["c.wav"], ["d.wav"], ["e.wav"]]
KEPT_AFTER = 2  # batches; the others are kept at the end
PLACE = "embedder/audio/train/t50"


def work_off(extraction: Extraction, clock: list[float]) -> list[int]:
    """Append what remains, and finish; return the numbers of these batches."""
    with extraction:
        numbers = list(range(len(BATCHES) - len(extraction.remaining()), len(BATCHES)))
        for number in numbers:
            lengths = [2] * len(BATCHES[number])
            rows = sum(lengths)
            values = {tap: np.arange(rows * dim, dtype=np.float32).reshape(rows, dim) for tap, dim in TAPS.items()}
            clock[0] += SYNC_S / KEPT_AFTER
            extraction.append({tap: rows + number for tap, rows in values.items()}, lengths, np.arange(rows) * 50.0)
        extraction.finish()
    return numbers


def content(folder: TapFolder) -> dict[str, bytes]:
    """What is there, except temporary files: the process that they name, this one, is alive."""
    return {path.name: path.read_bytes() for path in folder.path.iterdir() if path.suffix != ".tmp"}


class Moments:
    """Copies of a folder at every step of what happens there, as a kill and as a loss of power would leave it.

    After a loss of power, a file has what it had when it was last flushed to the disk, or nothing.
    """

    def __init__(self, folder: TapFolder, copies: Path) -> None:
        self.folder, self.copies = folder, copies
        self.flushed: dict[int, bytes] = {}
        self.kept: list[int] = []
        self.extraction: Extraction | None = None

    def take(self) -> None:
        if self.extraction is None:  # it has not begun
            return
        number = len(self.kept)
        self.kept.append(sum(entry.batches for entry in self.extraction.done))
        for way in ("kill", "power"):
            shutil.copytree(self.folder.path, self.copies / f"{way}{number}" / PLACE)
        for path in self.folder.path.rglob("*"):
            if path.is_file():
                copy = self.copies / f"power{number}" / PLACE / path.relative_to(self.folder.path)
                copy.write_bytes(self.flushed.get(path.stat().st_ino, b""))

    def flush(self, descriptor: int) -> None:
        self.take()
        self.flushed[os.fstat(descriptor).st_ino] = Path(f"/proc/self/fd/{descriptor}").read_bytes()
        self.take()

    def append_in_two(self, file, data) -> None:
        half = len(data) // 2
        for part in (data[:half], data[half:]):
            file.write(part)
            self.take()

    def around(self, owner, name: str):
        """A function of `owner`, with a copy before and after it."""
        function = getattr(owner, name)

        def stepped(*arguments, **options):
            self.take()
            result = function(*arguments, **options)
            with contextlib.suppress(FileNotFoundError):  # removed
                self.take()
            return result

        return stepped


@pytest.fixture
def clock(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def moments(tmp_path, monkeypatch, clock):
    """Every step of an extraction; and its folder at the end."""
    taken = Moments(TapFolder(tmp_path / "whole" / PLACE), tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(module, "WRITERS", 1)  # one step at a time
        patch.setattr(os, "fsync", taken.flush)
        for owner in (module, journal_module):
            patch.setattr(owner, "append_whole", taken.append_in_two)
        for owner, name in ((module, "header_of"), (module, "put_in_place"), (files, "put_in_place")):
            patch.setattr(owner, name, taken.around(owner, name))
        patch.setattr(shutil, "rmtree", taken.around(shutil, "rmtree"))
        extraction = Extraction.begin(taken.folder, TAPS, BATCHES, formats=SHORT)
        taken.extraction = extraction
        work_off(extraction, clock)
    return taken


@pytest.mark.parametrize("way", ["kill", "power"])
def test_every_step(moments, tmp_path, monkeypatch, clock, caplog, way):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    assert len(moments.kept) > 40
    assert set(moments.kept) == {0, KEPT_AFTER, len(BATCHES)}
    repeated = set()
    for number, kept in enumerate(moments.kept):
        folder = TapFolder(tmp_path / f"{way}{number}" / PLACE)
        begun = unfinished(folder)
        done = len(BATCHES)
        if folder.missing(list(TAPS), full=True):
            (extraction,) = begun  # it is not begun anew
            numbers = work_off(extraction, clock)
            done -= len(numbers)
        assert content(folder) == content(moments.folder), number
        assert done >= kept  # what the journal had is not done again
        repeated.add(done)
    assert repeated == {0, KEPT_AFTER, len(BATCHES)}
    assert "anew" not in caplog.text
