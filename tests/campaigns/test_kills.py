"""The kill campaign: what a run was at when it was killed, and whether it notices what is wrong after a kill."""

import shutil

import numpy as np
import pytest

from downstream.store.unfinished import unfinished
from tests.campaigns import kills
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
