"""Data are flushed to the disk by time, and whatever ends an extraction leaves what it can continue from."""

import errno
import json
import os
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from downstream.disk.sums import seal_of
from downstream.store import extraction as module
from downstream.store import journal as journal_module
from downstream.store.extraction import SYNC_S, Extraction
from downstream.store.store import TapFolder
from downstream.store.unfinished import unfinished

TAPS = [(f"block{number}", 160) for number in range(3)]
DIMS = dict.fromkeys(TAPS, 2)
BATCHES = [["a.wav", "b.wav"], ["c.wav"], ["d.wav", "e.wav"], ["f.wav"], ["g.wav"]]
PLACE = "embedder/audio/train/t50"


def append(extraction: Extraction, number: int) -> None:
    lengths = [2] * len(BATCHES[number])
    rows = sum(lengths)
    values = {tap: np.full((rows, 2), 10 * number + place, np.float32) for place, tap in enumerate(TAPS)}
    extraction.append({tap: values[tap] for tap in extraction.dims}, lengths, np.arange(rows) * 50.0)


def finish(extraction: Extraction) -> int:
    """Append what remains, and finish; return how many batches that were."""
    with extraction:
        first = len(BATCHES) - len(extraction.remaining())
        for number in range(first, len(BATCHES)):
            append(extraction, number)
        extraction.finish()
    return len(BATCHES) - first


def run(extraction: Extraction, *steps) -> None:
    """Call the steps in an extraction; a number is the batch to append."""
    with extraction:
        for step in steps:
            append(extraction, step) if isinstance(step, int) else step()


def raising(error, *_):
    raise error


@pytest.fixture
def folder(tmp_path):
    return TapFolder(tmp_path / PLACE)


@pytest.fixture
def clock(monkeypatch):
    """The store's clock: set its only item to the time in seconds."""
    now = [100.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def fsyncs(monkeypatch):
    """The names of files -> how often they were flushed to the disk."""
    counts: Counter[str] = Counter()

    def counted(descriptor):
        counts[Path(f"/proc/self/fd/{descriptor}").readlink().name] += 1

    monkeypatch.setattr(os, "fsync", counted)
    return counts


def lines(extraction: Extraction) -> list[list]:
    return [json.loads(line) for line in (extraction.path / "journal.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("step_s", [0.0, 1.0, SYNC_S])
def test_files_are_flushed_by_time_not_by_batch(folder, clock, fsyncs, step_s):
    dims, batches = {(f"block{number}", 160): 4 for number in range(28)}, [[f"{number}.wav"] for number in range(20)]
    with Extraction.begin(folder, dims, batches) as extraction:
        fsyncs.clear()
        for _ in batches:
            clock[0] += step_s
            extraction.append({tap: np.zeros((1, 4), np.float32) for tap in dims}, [1], np.zeros(0))
        kept = sum(entry.batches for entry in extraction.done)
        expected = int(len(batches) * step_s / SYNC_S)
        assert kept == expected * (5 if step_s == 1 else 1)
        assert len(lines(extraction) if expected else []) == expected
        assert fsyncs == (
            {"journal.jsonl": expected, "timestamps": expected} | {f"{level}@160.npy": expected for level, _ in dims}
            if expected
            else {}
        )
        extraction.finish()
    assert fsyncs["journal.jsonl"] == expected + (kept < len(batches))
    assert {fsyncs[f"{level}@160.npy"] for level, _ in dims} == {expected + 1}
    assert folder.missing(list(dims), full=True) == []


def test_a_line_holds_all_batches_since_the_last(folder, clock):
    with Extraction.begin(folder, DIMS, BATCHES) as extraction:
        for number in range(3):
            append(extraction, number)
        assert not (extraction.path / "journal.jsonl").exists()
        clock[0] += SYNC_S
        append(extraction, 3)
        (line,) = lines(extraction)
        assert [line[0], line[1], line[3]] == [[2] * 6, 12, 4]
        assert extraction.remaining() == BATCHES[4:]
        append(extraction, 4)
        extraction.finish()
    assert folder.index().files == tuple("abcdefg"[i] + ".wav" for i in range(7))


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_what_is_finished_is_kept_on_an_orderly_stop(folder, clock, error):
    with pytest.raises(error):
        run(Extraction.begin(folder, DIMS, BATCHES), 0, 1, partial(raising, error))
    (again,) = unfinished(folder)
    assert again.remaining() == BATCHES[2:]
    assert finish(again) == 3


def test_a_signal_while_a_line_is_written_keeps_it_once(folder, clock, monkeypatch):
    """At each moment of `keep`, and what it wrote until then stays in the file."""
    whole = journal_module.append_whole

    def half(file, data):
        whole(file, data[: len(data) // 2])
        raise KeyboardInterrupt

    def then(*arguments):
        whole(*arguments)
        raise KeyboardInterrupt

    for number, interrupted in enumerate((half, then)):
        extraction = Extraction.begin(folder, DIMS, BATCHES)

        def keep(interrupted=interrupted, extraction=extraction):
            with monkeypatch.context() as patch:
                patch.setattr(journal_module, "append_whole", interrupted)
                extraction.keep()

        with pytest.raises(KeyboardInterrupt):
            run(extraction, 0, keep)
        (line,) = lines(extraction)
        assert line[3] == 1
        (again,) = unfinished(folder)
        assert again.remaining() == BATCHES[1:], number
        with again:
            again.discard()


def test_an_error_of_the_disk_is_one_line_and_nothing_is_kept_behind_it(folder, clock, monkeypatch):
    """A file system that has failed to flush a file may say the next time that it did."""
    extraction = Extraction.begin(folder, DIMS, BATCHES)
    run(extraction, 0)
    (again,) = unfinished(folder)

    def keep():
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", partial(raising, OSError(errno.EIO, "Input/output error")))
            again.keep()

    with pytest.raises(OSError, match=r"Input/output error: '.*timestamps'") as error:
        run(again, 1, keep)
    assert "\n" not in str(error.value)
    assert len(lines(extraction)) == 1
    assert finish(unfinished(folder)[0]) == 4


def test_a_full_disk_is_one_line_and_what_was_kept_stays(folder, clock, monkeypatch):
    extraction = Extraction.begin(folder, DIMS, BATCHES)

    def fill():
        full = OSError(errno.ENOSPC, "No space left on device", "mel@own.npy")
        monkeypatch.setattr(module, "append_whole", partial(raising, full))

    with pytest.raises(OSError, match=r"No space left on device: 'mel@own.npy'"):
        run(extraction, 0, extraction.keep, 1, fill, 2)
    monkeypatch.undo()
    assert finish(unfinished(folder)[0]) == 4


def test_a_journal_of_an_earlier_version_continues(folder, clock):
    """It had a line for each batch, without the number of batches."""
    with Extraction.begin(folder, DIMS, BATCHES) as extraction:
        for number in range(2):
            append(extraction, number)
            extraction.keep()
    earlier = ""
    for number, (*values, batches, _) in enumerate(lines(extraction)):
        assert batches == 1
        earlier += json.dumps([*values, seal_of(values, f"{PLACE}/{extraction.path.name} {number}")]) + "\n"
    (extraction.path / "journal.jsonl").write_text(earlier)
    (again,) = unfinished(folder)
    assert again.remaining() == BATCHES[2:]
    assert finish(again) == 3
