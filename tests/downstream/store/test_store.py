import json
import os
import random
import shutil
import threading
import time

import numpy as np
import pytest

from downstream.disk import locks
from downstream.store.check import faults
from downstream.store.extraction import Extraction
from downstream.store.store import TapFolder
from downstream.store.unfinished import tidy, unfinished
from tests.campaigns.mutations import changed_value
from tests.downstream.stores import flip

A, B = ("features", 160), ("mel", None)
DIMS = {A: 3, B: 2}
BATCHES = [["x.wav", "y.wav"], ["z.wav"]]
LENGTHS = [[2, 1], [4]]
WHOLE = ["features@160.json", "features@160.npy", "index.npz", "mel@own.json", "mel@own.npy"]


def values(batch: int) -> dict:
    rows = sum(LENGTHS[batch])
    return {tap: np.arange(rows * dim, dtype=np.float32).reshape(rows, dim) + 100 * batch for tap, dim in DIMS.items()}


def append(extraction: Extraction, batch: int) -> None:
    extraction.append(values(batch), LENGTHS[batch], np.arange(sum(LENGTHS[batch])) * 50.0)


def everything(tap) -> np.ndarray:
    return np.concatenate([values(0)[tap], values(1)[tap]])


@pytest.fixture
def folder(tmp_path):
    return TapFolder(tmp_path / "embedder/audio/train/t50")


def test_a_finished_extraction_is_ordinary_npy(folder):
    assert folder.missing([A, B]) == [A, B]
    with Extraction.begin(folder, DIMS, BATCHES) as extraction:
        append(extraction, 0)
        assert folder.missing([A, B]) == [A, B]
        append(extraction, 1)
        extraction.finish()
    assert folder.missing([A, B]) == []
    assert sorted(path.name for path in folder.path.iterdir()) == WHOLE
    for tap in DIMS:
        assert np.array_equal(np.load(folder.file(tap)), everything(tap))
        assert isinstance(folder.read(tap), np.memmap)
    index = folder.index()
    assert index.files == ("x.wav", "y.wav", "z.wav")
    assert index.rows(["z.wav", "x.wav"]).tolist() == [3, 4, 5, 6, 0, 1]
    assert index.timestamps.tolist() == [0, 50, 100, 0, 50, 100, 150]


def test_it_goes_on_behind_the_last_whole_batch(folder):
    with Extraction.begin(folder, DIMS, BATCHES) as extraction:
        append(extraction, 0)
        part = extraction.path
    with (part / "features@160.npy").open("ab") as data:
        data.write(b"a batch cut off")
    with (part / "journal.jsonl").open("a") as journal:
        journal.write("[[4], [0.0, 5")
    (again,) = unfinished(folder)
    with again:
        assert again.remaining() == [["z.wav"]]
        append(again, 1)
        again.finish()
    for tap in DIMS:
        assert np.array_equal(np.load(folder.file(tap)), everything(tap))
    assert unfinished(folder) == []


def test_it_finishes_where_only_some_files_were_in_place(folder, monkeypatch):
    put = Extraction._put

    def dies_at_the_second(self, tap, index):
        if tap == B:
            raise KeyboardInterrupt
        put(self, tap, index)

    monkeypatch.setattr(Extraction, "_put", dies_at_the_second)
    with Extraction.begin(folder, DIMS, BATCHES) as extraction:
        append(extraction, 0)
        append(extraction, 1)
        with pytest.raises(KeyboardInterrupt):
            extraction.finish()
    monkeypatch.undo()
    assert folder.missing([A, B], full=True) == [B]
    (again,) = unfinished(folder)
    with again:
        assert again.remaining() == []
        again.finish()
    assert folder.missing([A, B], full=True) == []
    for tap in DIMS:
        assert np.array_equal(np.load(folder.file(tap)), everything(tap))


def test_a_second_run_waits_for_the_first(folder, caplog, monkeypatch):
    monkeypatch.setattr(locks, "PATIENCE_S", 0.01)
    order = []

    def other():
        with folder.locked():
            order.append("other")

    with folder.locked():
        thread = threading.Thread(target=other)
        thread.start()
        while ".lock: waiting for process" not in caplog.text:
            time.sleep(0.01)
        order.append("first")
    thread.join(timeout=10)
    assert order == ["first", "other"]


def test_an_extraction_that_was_killed_in_its_removal_leaves_nothing(folder, monkeypatch):
    def killed(path):
        (path / "timestamps").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, Extraction.begin(folder, DIMS, BATCHES) as extraction:
        append(extraction, 0)
        append(extraction, 1)
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            extraction.finish()
    assert folder.missing([A, B], full=True) == []
    assert list(faults(folder.path.parents[3], full=True)) == []
    tidy(folder)
    assert not list(folder.path.glob(".partial-*"))
    assert folder.missing([A, B], full=True) == []


def test_what_a_kill_left_is_swept(folder):
    with Extraction.begin(folder, DIMS, BATCHES) as extraction:
        append(extraction, 0)
        append(extraction, 1)
        extraction.finish()
    extraction.path.mkdir()  # as a kill in the middle of its removal leaves it
    (extraction.path / "journal.jsonl").write_text("[[4], 4]\n")
    left = folder.path / f".index.npz.{'0' * 32}.tmp"
    left.write_bytes(b"half")
    os.utime(left, (0, 0))
    assert unfinished(folder) == []
    assert sorted(path.name for path in folder.path.iterdir()) == WHOLE


def test_rows_in_another_order_than_those_here_are_refused(folder):
    for dims, batches, message in (
        ({A: 3}, BATCHES, ""),
        ({B: 2}, [["z.wav"], ["x.wav", "y.wav"]], "its rows are not"),
    ):
        with Extraction.begin(folder, dims, batches) as extraction:
            for batch in batches:
                append(extraction, BATCHES.index(batch))
            if message:
                with pytest.raises(ValueError, match=message):
                    extraction.finish()
            else:
                extraction.finish()
    assert folder.missing([A, B]) == [B]


@pytest.mark.parametrize("damage", ["cut", "changed", "another journal", "another plan", "another place"])
def test_an_extraction_whose_data_are_not_what_was_written_is_begun_anew(folder, caplog, damage):
    with Extraction.begin(folder, DIMS, BATCHES) as extraction:
        append(extraction, 0)
    part, journal, plan = (extraction.path / name for name in ("features@160.npy", "journal.jsonl", "plan.json"))
    if damage == "cut":
        part.write_bytes(part.read_bytes()[:130])
    elif damage == "changed":
        flip(part, 140)
    elif damage == "another journal":
        journal.write_text(journal.read_text().replace("[2, 1]", "[1, 2]"))
    elif damage == "another plan":
        plan.write_text(plan.read_text().replace("z.wav", "y.wav"))
    else:
        other = TapFolder(folder.path.parents[1] / "test" / "t50")
        other.path.parent.mkdir()
        folder.path.rename(other.path)
        folder = other
    assert unfinished(folder) == []
    assert not list(folder.path.glob(".partial-*"))
    assert "its extraction is begun anew" in caplog.text


def test_tidying_leaves_an_extraction_of_other_taps(folder):
    with Extraction.begin(folder, {A: DIMS[A]}, BATCHES) as extraction:
        for batch in range(2):
            append(extraction, batch)
        extraction.finish()
    with Extraction.begin(folder, {B: DIMS[B]}, BATCHES) as extraction:
        append(extraction, 0)
    tidy(folder)
    (again,) = unfinished(folder)
    assert again.dims == {B: DIMS[B]}


@pytest.mark.parametrize("name", ["journal.jsonl", "plan.json"])
def test_a_journal_or_plan_of_other_types_is_named_and_begun_anew(folder, name, caplog):
    with Extraction.begin(folder, DIMS, BATCHES) as extraction:
        append(extraction, 0)
        append(extraction, 1)
    file = extraction.path / name
    *before, last = file.read_text().splitlines()
    whole = json.loads(last if name == "journal.jsonl" else file.read_text())
    before = before if name == "journal.jsonl" else []
    draw = random.Random(0)
    texts = [json.dumps(changed_value(whole, draw)) for _ in range(100)] + [
        "[" * 5000,
        "9" * 5000,
        "NaN",
        '"x"',
        "{}",
        "[]",
    ]
    for text in texts:
        if json.loads(json.dumps(whole)) != (json.loads(text) if len(text) < 4000 else None):
            file.write_text("\n".join([*before, text]) + "\n")
            with pytest.raises(ValueError, match="not what was written here") as error:
                Extraction.reopen(folder, extraction.path).verified()
            assert "\n" not in str(error.value)
    file.unlink()
    file.mkdir()
    assert unfinished(folder) == []
    assert "its extraction is begun anew" in caplog.text


def test_rows_of_the_wrong_width_are_refused(folder):
    wrong = {**values(0), A: np.zeros((3, 4), np.float32)}
    with (
        Extraction.begin(folder, DIMS, BATCHES) as extraction,
        pytest.raises(ValueError, match=r"expected shape \(3, 3\), got \(3, 4\)"),
    ):
        extraction.append(wrong, LENGTHS[0], np.zeros(3))


def test_nothing_is_finished_early(folder):
    with (
        Extraction.begin(folder, DIMS, BATCHES) as extraction,
        pytest.raises(ValueError, match="2 batches are still to be computed"),
    ):
        extraction.finish()
