"""The kill campaign: what a run was at when it was killed, and whether it notices what is wrong after a kill."""

import os
import re
import shutil
import signal
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from downstream.store.extraction import Extraction
from downstream.store.store import TapFolder
from downstream.store.unfinished import unfinished
from tests.campaigns import kill_work, kills
from tests.campaigns.children import attempt
from tests.campaigns.kill_phases import phase_of
from tests.campaigns.kill_runs import Place, WrongEnding, compare
from tests.downstream.stores import A, B, made, values


def test_phases_by_what_lies_on_the_disk(tmp_path):
    store, run = tmp_path / "store", tmp_path / "runs"
    assert phase_of(tmp_path, store, jobs=2) == "start"
    folder = made(store, stop=True)
    (partial,) = folder.path.glob(".partial-*")
    assert phase_of(tmp_path, store, jobs=2) == "extraction"
    journal = (partial / "journal.jsonl").read_text()
    (partial / "journal.jsonl").write_text(journal + "[[4], [0.0, 5")
    assert phase_of(tmp_path, store, jobs=2) == "writing"
    (partial / "journal.jsonl").write_text(journal)
    with (partial / "mel@own.npy").open("ab") as data:
        data.write(b"half a batch")
    assert phase_of(tmp_path, store, jobs=2) == "writing"
    (again,) = unfinished(folder)
    with again:
        again.append({tap: values(tap)[3:] for tap in (A, B)}, [4], np.arange(4) * 50.0)
        again.finish()
    assert phase_of(tmp_path, store, jobs=2) == "probes"
    assert phase_of(tmp_path, store, jobs=0) == "end"
    run.mkdir()
    (run / ".rows.csv.0123.tmp").write_text("study,mod")
    assert phase_of(tmp_path, store, jobs=0) == "writing"


BATCHES = [[f"{number}.wav"] for number in range(40)]


def worked(folder: Path, count: int, number: int | None) -> None:
    """Append batches in a process of its own, which then sends itself a signal; without one, it finishes."""

    def work() -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        kill_work.record(folder)
        taps = TapFolder(folder / "embedder/audio/train/scene")
        begun = unfinished(taps)
        with begun[0] if begun else Extraction.begin(taps, {A: 1}, BATCHES) as extraction:
            for _ in extraction.remaining()[:count]:
                extraction.append({A: np.ones((1, 1), np.float32)}, [1], np.zeros(0))
            if number is not None:
                os.kill(os.getpid(), number)
            extraction.finish()

    attempt(work, folder / "log", 60)


@pytest.mark.parametrize(
    ("number", "broken", "fault"),
    [
        (signal.SIGKILL, None, ""),
        (signal.SIGINT, None, ""),
        (signal.SIGKILL, "keep", r"20 batches were appended again, the first 0\.\d+ s before the last"),
        (signal.SIGINT, "__exit__", "20 batches were appended again after an orderly stop"),
    ],
)
def test_a_store_that_loses_more_than_the_last_moments_is_noticed(tmp_path, monkeypatch, number, broken, fault):
    exit_ = Extraction.__exit__
    if broken == "keep":
        monkeypatch.setattr(Extraction, "keep", lambda self: None)
    elif broken:  # an end that is not told of the signal, but of an error of the disk
        monkeypatch.setattr(kill_work, "SYNC_S", 60.0)
        monkeypatch.setattr(Extraction, "__exit__", lambda self, kind, *rest: exit_(self, kind, OSError(), None))
    worked(tmp_path, 20, number)
    worked(tmp_path, 40, None)
    batches = kill_work.appended(tmp_path)
    first = batches[0].process
    found = kill_work.again(batches, {first} if number == signal.SIGINT else ())
    assert re.fullmatch(fault, found.fault)
    repeated = [batch for batch, count in Counter(batch.batch for batch in batches).items() if count > 1]
    assert found.batches == len(repeated)
    assert {batch.batch for batch in batches} == set(range(len(BATCHES)))


@pytest.fixture(scope="module")
def campaign(tmp_path_factory):
    """Two kills of runs of one model on one task; the folder, and the record."""
    work = tmp_path_factory.mktemp("campaign")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kills, "STUDY", {**kills.STUDY, "models": [{"checkpoint": "logmel"}]})
        patch.setattr(kills, "SIZES", kills.SIZES[:1])
        yield work, kills.campaign(work, 2, 0, "process")


@pytest.mark.slow
def test_killed_runs_end_with_the_rows_of_an_undisturbed_one(campaign):
    _, record = campaign
    assert record.facts["wrong"] == []
    phases = record.facts["kills_by_way_and_phase"].values()
    assert record.facts["kills"] == sum(sum(counts.values()) for counts in phases) >= 2
    assert record.facts["rows"] == 1
    assert record.facts["batches_undisturbed"] == 24
    assert record.facts["seconds_again_at_most"] < kill_work.SYNC_S


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("runs/kills/rows.csv", b"xavier", b"Xavier", r"rows\.csv: "),
        ("store", None, None, "its rows are not what was written"),
        ("runs/kills/jobs", None, None, r"its predictions .*\.npz are not those that were written"),
        ("runs/kills/.0123.tmp", b"", b"half", r"\.0123\.tmp remains"),
    ],
)
def test_other_results_are_noticed(campaign, tmp_path, name, old, new, message):
    work, _ = campaign
    undisturbed = Place(work / "undisturbed", work / "kills.yaml")
    other = Place(tmp_path, work / "kills.yaml")
    shutil.copytree(undisturbed.folder, tmp_path, dirs_exist_ok=True)
    compare(other, undisturbed)
    place = other.folder / name
    if name == "store":
        (place,) = place.rglob("test/scene/mean@own.npy")
        array = np.load(place, mmap_mode="r+")
        array[0, 0] += 1
        array.flush()
    elif old is None:
        (place,) = place.glob("*.npz")
        with np.load(place) as arrays:
            changed = {key: arrays[key] for key in arrays.files}
        changed["test.prediction"] = changed["test.prediction"] * 0.5
        np.savez_compressed(place, **changed)
    else:
        before = place.read_bytes() if place.exists() else b""
        place.write_bytes(before.replace(old, new))
    with pytest.raises((ValueError, WrongEnding), match=message):
        compare(other, undisturbed)


def test_a_run_that_fails_by_itself_is_no_kill(tmp_path):
    study = tmp_path / "kills.yaml"
    study.write_text("name: kills\nmodels: [{checkpoint: no_such_model}]\ntasks: [x]\n")
    with pytest.raises(WrongEnding, match=r"ended with 1, expected 0: (.|\n)*hear:MODULE"):
        Place(tmp_path, study).finish()
