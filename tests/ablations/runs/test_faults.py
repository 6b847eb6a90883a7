"""What can go wrong under a run: each fault is named in one line, nothing good is lost, and the next run ends well."""

import json
import os
import re
import shutil
import subprocess
import threading

import numpy as np
import pandas as pd
import pytest
import safetensors.torch

import results.rows.files
from ablations.runs.run import run_study
from ablations.store.check import check
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units.where import Where
from downstream import extract as extraction
from downstream.store.store import TapFolder
from passt.catalog import checkpoints
from passt.weights.load import untrained
from results.rows.job_files import PREDICTIONS, SUM
from results.rows.predictions import read_predictions
from results.rows.rows import RESULT_COLUMNS, read_rows
from tests.ablations.runs.test_run import declare
from tests.downstream.stores import flip


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch):
    monkeypatch.setattr(extraction, "BATCH_CLIPS", 2)


@pytest.fixture
def study(tmp_path, scene_task) -> Study:
    return Study.load(declare(tmp_path, [scene_task()], [{"checkpoint": "logmel"}]))


@pytest.fixture
def disk(tmp_path):
    """A disk of its own, whose size can be set, and which can be made read-only."""

    def mount(options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no disk of its own can be mounted: {done.stderr.strip()}")

    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a disk of its own")
    mount("size=64m")
    try:
        yield place, lambda options: mount(f"remount,{options}")
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def run(study, tmp_path, runs="runs", store="store"):
    return run_study(study, Where(tmp_path / runs, tmp_path / store), Machine("cpu"))


def rows(outcome) -> pd.DataFrame:
    return read_rows(outcome.folder)[list(RESULT_COLUMNS)]


def undisturbed(study, tmp_path) -> pd.DataFrame:
    return rows(run(study, tmp_path, "good/runs", "good/store"))


def one_failure(outcome) -> str:
    (failure,) = outcome.failures
    assert len(str(failure).splitlines()) == 1
    return str(failure)


def jobs(outcome) -> list:
    return sorted((outcome.folder / "jobs").glob("*.json"))


def test_a_full_disk_under_the_store(tmp_path, study, disk):
    place, _ = disk
    filler = place / "filler"
    filler.write_bytes(bytes(64 << 20)[: os.statvfs(place).f_bavail * 4096 - 24576])  # a few pages are left
    assert f"No space left on device: '{place}" in one_failure(run(study, tmp_path, store="disk/store"))
    filler.unlink()
    assert check(place / "store", full=True).empty  # what was written before is whole
    outcome = run(study, tmp_path, store="disk/store")
    assert outcome.failures == ()
    pd.testing.assert_frame_equal(rows(outcome), undisturbed(study, tmp_path))


def test_a_full_disk_under_the_runs(tmp_path, study, disk):
    place, _ = disk
    filler = place / "filler"
    filler.write_bytes(bytes(64 << 20)[: os.statvfs(place).f_bavail * 4096 - 12288])
    with pytest.raises(OSError, match=f"No space left on device: '{place}") as error:
        run(study, tmp_path, runs="disk/runs")
    assert len(str(error.value).splitlines()) == 1
    filler.unlink()
    outcome = run(study, tmp_path, runs="disk/runs")
    assert outcome.failures == ()
    assert not list(place.rglob(".*.tmp"))
    pd.testing.assert_frame_equal(rows(outcome), undisturbed(study, tmp_path))


def test_a_read_only_store_is_used_and_named_where_it_lacks_something(tmp_path, study, disk):
    place, remount = disk
    wanted = rows(run(study, tmp_path, store="disk/store"))
    remount("ro")
    pd.testing.assert_frame_equal(rows(run(study, tmp_path, runs="again", store="disk/store")), wanted)
    assert check(place / "store", full=True).empty
    more = Study.load(declare(tmp_path, study.tasks, [{"checkpoint": "melproj"}]))
    assert f"Read-only file system: '{place}" in one_failure(run(more, tmp_path, store="disk/store"))
    remount("rw")


def test_a_store_that_can_not_be_written(tmp_path, study):
    (tmp_path / "store").write_text("in the way")
    assert str(tmp_path / "store") in one_failure(run(study, tmp_path))
    assert (tmp_path / "store").read_text() == "in the way"


@pytest.mark.parametrize("damage", ["a bit", "no record", "no index", "another fold's"])
def test_what_changed_in_the_store_is_named_and_made_anew(tmp_path, study, caplog, damage):
    first = run(study, tmp_path)
    wanted = rows(first)
    (job,) = jobs(first)
    job.unlink()  # its probes are to be trained again
    store = tmp_path / "store"
    path, other, *_ = sorted(store.rglob("mean@own.npy"))
    before = {file: file.read_bytes() for file in sorted(store.glob("*/*/*/*/*.np?"))}
    if damage == "a bit":
        flip(path, 2000)
    elif damage == "no record":
        path.with_suffix(".json").unlink()
        path.write_bytes(other.read_bytes())
    elif damage == "no index":
        (path.parent / "index.npz").unlink()
    else:
        for name in (path.name, path.with_suffix(".json").name):
            shutil.copy(other.with_name(name), path.with_name(name))
    outcome = run(study, tmp_path)
    assert outcome.failures == ()
    assert f"{path.parent}" in caplog.text
    assert "made anew" in caplog.text
    pd.testing.assert_frame_equal(rows(outcome), wanted)
    assert {file: file.read_bytes() for file in before} == before
    assert check(store, full=True).empty


def test_faults_of_a_run_are_found_moved_away_and_made_anew(tmp_path, study):
    outcome = run(study, tmp_path)
    wanted = rows(outcome)
    (job,) = jobs(outcome)
    arrays, table = job.with_suffix(".npz"), outcome.folder / "rows.csv"
    good = {path: path.read_bytes() for path in (job, arrays, table)}
    sums = table.with_name("rows.csv.sha256")
    record = sums.read_bytes()
    other = json.dumps({**json.loads(good[job]), "seed": 5}).encode()
    for path, broken, message in (
        (arrays, None, f"{job}: not a whole job: its predictions {arrays.name} are absent"),
        (
            arrays,
            good[arrays][:-30],
            f"{job}: not a whole job: its predictions {arrays.name} are not those",
        ),
        (job, good[job][:-30], f"{job}: not the job that was written here; `ablate store check --runs RUNS --fix`"),
        (job, other, f"{job}: not the job that was written here"),
        (table, good[table].replace(b"xavier_", b"Xavier_"), f"{table}: not what was written, by rows.csv.sha256"),
        (table, None, f"{table}: absent, with 1 jobs beside it"),
    ):
        assert check(tmp_path / "store", runs=tmp_path / "runs").empty
        path.unlink() if broken is None else path.write_bytes(broken)
        found = check(tmp_path / "store", runs=tmp_path / "runs", fix=True)["fault"]
        assert message in found.iloc[0]
        assert run(study, tmp_path).failures == ()
        pd.testing.assert_frame_equal(rows(outcome), wanted)
        for restored, content in good.items():  # `seconds` of a job that was made again are others
            restored.write_bytes(content)
        sums.write_bytes(record)


def test_a_byte_of_predictions(tmp_path, study):
    (job,) = jobs(run(study, tmp_path))
    flip(job.with_suffix(".npz"), 120)
    assert "not a whole job" in check(tmp_path / "store", runs=tmp_path / "runs/mine")["fault"].iloc[0]
    with pytest.raises(ValueError, match=rf"{job.stem}.npz: not the predictions that were written with {job.name}"):
        read_predictions(tmp_path / "runs/mine", job.stem)


def without_sums(run_folder) -> None:
    """A run as earlier versions left it."""
    for path in (run_folder / "jobs").glob("*.json"):
        job = json.loads(path.read_text())
        path.write_text(json.dumps({key: value for key, value in job.items() if key not in (SUM, PREDICTIONS)}))
    (run_folder / "rows.csv.sha256").unlink()


def test_a_run_of_an_earlier_version_is_taken(tmp_path, study, caplog):
    outcome = run(study, tmp_path)
    wanted, (job,) = rows(outcome), jobs(outcome)
    without_sums(outcome.folder)
    before = job.read_bytes()
    assert run(study, tmp_path).failures == ()
    assert job.read_bytes() == before, "it is not made again"
    pd.testing.assert_frame_equal(rows(outcome), wanted)
    assert caplog.text.count("jobs of an earlier version carry no sums and are taken as they are") == 1
    assert check(tmp_path / "store", runs=tmp_path / "runs").empty
    assert "1 jobs of an earlier version carry no sums, so only their form was checked" in caplog.text
    assert len(read_predictions(outcome.folder, job.stem)) == 1


@pytest.mark.parametrize("damage", ["a digit", "text behind it", "no keys", "another job's", "a list"])
@pytest.mark.parametrize("earlier", [False, True])
def test_a_damaged_job_is_named_and_made_anew(tmp_path, study, caplog, damage, earlier):
    outcome = run(study, tmp_path)
    wanted, (job,) = rows(outcome), jobs(outcome)
    if earlier:
        without_sums(outcome.folder)
    text = job.read_text()
    if damage == "a digit" and earlier:
        pytest.skip("nothing tells it")
    before = (outcome.folder / "rows.csv").read_bytes()
    job.write_text(
        {
            "a digit": re.sub(r'"top1_acc": [\d.]+', '"top1_acc": 0.123', text),
            "text behind it": f"{text}x",
            "no keys": json.dumps({"job": job.stem}),
            "another job's": text.replace(job.stem, "0" * 16),
            "a list": "[]",
        }[damage]
    )
    assert run(study, tmp_path).failures == ()
    assert f"{job}: not the job that was written here; it is made anew" in caplog.text
    pd.testing.assert_frame_equal(rows(outcome), wanted)
    assert (outcome.folder / "rows.csv").read_bytes() == before, "rows keep the time of the first job"
    assert check(tmp_path / "store", runs=tmp_path / "runs").empty


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (r",True,[\d.]+,", ",True,w91,", r"rows.csv: line 2: score must be a number, got 'w91'"),
        (",True,", ",Yes,", r"rows.csv: line 2: primary must be True or False, got 'Yes'"),
        (r",True,[\d.]+,", ",True,0.123,", r"rows.csv: not what was written, by rows.csv.sha256"),
        ("study,", '"study,', r"rows.csv: not readable as rows|rows.csv: not what was written"),
    ],
)
def test_damaged_rows_are_named(tmp_path, study, old, new, message):
    folder = run(study, tmp_path).folder
    path = folder / "rows.csv"
    good = path.read_text()
    path.write_text(re.sub(old, new, good))
    assert path.read_text() != good
    for use in (lambda: read_rows(folder), lambda: run(study, tmp_path)):
        with pytest.raises(ValueError, match="rows.csv: .*; remove it, and the next `ablate run`") as error:
            use()
        assert "\n" not in str(error.value)
    with pytest.raises(ValueError, match=message):
        read_rows(folder)
    (fault,) = check(tmp_path / "store", runs=tmp_path / "runs", fix=True)["fault"]
    assert str(path) in fault
    assert run(study, tmp_path).failures == ()
    read_rows(folder)


def test_a_kill_between_the_sum_and_the_rows_is_no_fault(tmp_path, study, monkeypatch):
    folder = run(study, tmp_path).folder
    write = results.rows.files.write_text

    def dies(path, text):
        if path.name == "rows.csv":
            raise KeyboardInterrupt
        write(path, text)

    monkeypatch.setattr(results.rows.files, "write_text", dies)
    with pytest.raises(KeyboardInterrupt):
        results.rows.files.write_summed(folder / "rows.csv", "study\n")
    read_rows(folder)


def weights_file(path, seed: int) -> None:
    checkpoint = checkpoints.get("passt_demo")
    safetensors.torch.save_file({n: t.contiguous() for n, t in untrained(checkpoint, seed).items()}, path)


def test_a_checkpoint_that_changes_under_the_cache(tmp_path, scene_task):
    model = {"checkpoint": "passt_demo", "levels": [["block1"]], "weights": "./w.safetensors"}
    weights_file(tmp_path / "w.safetensors", 0)
    path = declare(tmp_path, [scene_task(clips=2)], [model])
    before = Study.load(path)
    assert run(before, tmp_path).failures == ()
    weights_file(tmp_path / "w.safetensors", 1)
    failure = one_failure(run(before, tmp_path, "others", "store"))
    assert f"{tmp_path / 'w.safetensors'}: was changed: it is sha256-" in failure
    after = Study.load(path)  # read anew, it is another model: nothing of the first one's is used
    outcome = run(after, tmp_path)
    assert outcome.failures == ()
    assert before.models[0].spec.weights != after.models[0].spec.weights
    assert set(read_rows(outcome.folder)["weights"]) == {after.models[0].spec.weights}
    assert len(list((tmp_path / "store").glob("[0-9a-f]*/*/train/scene/block1@own.npy"))) == 2


def test_two_runs_at_once(tmp_path, study, monkeypatch, caplog):
    """On the same folders, and both about to extract the same tap: one does, the other waits and finds it."""
    together, outcomes, locked, appended = threading.Barrier(2, timeout=60), [], TapFolder.locked, []
    append = extraction.Extraction.append

    def meets(self, **options):
        if not outcomes and not together.broken:
            together.wait()
        return locked(self, **options)

    def counts(self, *arguments):
        appended.append(self.path)
        append(self, *arguments)

    monkeypatch.setattr(TapFolder, "locked", meets)
    monkeypatch.setattr(extraction.Extraction, "append", counts)
    threads = [threading.Thread(target=lambda: outcomes.append(run(study, tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert [outcome.failures for outcome in outcomes] == [(), ()]
    assert len(appended) == 3 * 3  # six clips a split, two at a time, once
    pd.testing.assert_frame_equal(rows(outcomes[0]), undisturbed(study, tmp_path))
    assert check(tmp_path / "store", full=True, runs=tmp_path / "runs").empty
    assert np.unique([path.suffix for path in (tmp_path / "runs/mine/jobs").iterdir()]).tolist() == [".json", ".npz"]
