"""The fault campaign: what a run was at when it was killed; and rows that are not the undisturbed ones are noticed."""

import json
import shutil

import numpy as np
import pytest

from ablations import fault_runs, faults
from ablations.fault_phases import phase_of
from downstream.extraction import unfinished
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
    """One kill of a run of one model on one task."""
    work = tmp_path_factory.mktemp("campaign")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faults, "STUDY", {**faults.STUDY, "models": [{"checkpoint": "logmel"}]})
        patch.setattr(faults, "SIZES", faults.SIZES[:1])
        yield work, faults.campaign(work, kills=1, each=0)


def test_killed_runs_end_with_the_rows_of_an_undisturbed_one(campaign):
    _, found = campaign
    assert found["kills"] == len(found["moments"]) >= 1
    assert found["runs_with_equal_rows_and_predictions"] == found["runs_killed"] >= 1
    assert found["store_faults_after_kills"] == 0
    assert found["rows"] == 1
    assert "kills of" in faults.to_markdown(json.loads(json.dumps(found)))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("runs/faults/rows.csv", b"xavier", b"Xavier", r"rows\.csv: "),
        ("store", None, None, "its rows are not what was written"),
        ("runs/faults/jobs", None, None, r"its predictions .*\.npz are not those that were written"),
    ],
)
def test_other_results_are_noticed(campaign, tmp_path, name, old, new, message):
    work, _ = campaign
    shutil.copytree(work, tmp_path, dirs_exist_ok=True)
    undisturbed, other = (fault_runs.Place(tmp_path / n, work / "faults.yaml", ()) for n in ("undisturbed", "round0"))
    wanted = fault_runs.rows_of_run(undisturbed)
    fault_runs.compare(other, undisturbed, wanted)
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
        place.write_bytes(place.read_bytes().replace(old, new))
    with pytest.raises(ValueError, match=message):
        fault_runs.compare(other, undisturbed, wanted)


def test_a_run_that_fails_by_itself_is_no_kill(tmp_path):
    study = tmp_path / "faults.yaml"
    study.write_text("name: faults\nmodels: [{checkpoint: no_such_model}]\ntasks: [x]\n")
    with pytest.raises(ValueError, match=r"ablate run ended with 1: Error: .*unknown checkpoint"):
        fault_runs.finish(fault_runs.Place(tmp_path, study, ()))
