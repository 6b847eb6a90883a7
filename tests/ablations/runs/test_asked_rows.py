"""What becomes of a run's earlier rows when its study has changed, or its tasks have broken."""

import shutil

import pandas as pd
import pytest
import torch

from ablations.runs.run import run_study
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units.outcome import Failure
from ablations.units.unit import Shard
from ablations.units.where import Where
from passt.network.precision import available
from results.rows.rows import read_rows
from results.scores.records import read_record

LOGMEL = {"checkpoint": "logmel", "windows_ms": [[160]]}
TWO = {"checkpoint": "logmel", "windows_ms": [[160], [320]]}
LIGHT = {"checkpoint": "mn01_as", "levels": [["block0"]], "weights": "untrained-0"}


def study(tasks, models=(LOGMEL,), **changes) -> Study:
    found = {"name": "mine", "models": list(models), "tasks": list(map(str, tasks)), "protocol": "hear2021+grid1"}
    return Study.from_dict(found | changes)


@pytest.fixture
def run(tmp_path):
    def run_it(declared: Study, precision: str | None = None, **options):
        where = Where(tmp_path / "runs", tmp_path / "store", tmp_path)
        return run_study(declared, where, Machine("cpu", precision), **options)

    return run_it


def same(rows: pd.DataFrame, others: pd.DataFrame) -> None:
    """Equal, in whichever order: rows of tasks that can't be read come last."""
    order = ["spec", "task", "task_fp", "fold", "seed"]
    pd.testing.assert_frame_equal(*(found.sort_values(order, ignore_index=True) for found in (rows, others)))


def left_out(caplog) -> list[str]:
    lines = [line.split("rows.csv: ")[1] for line in caplog.messages if "rows left out" in line]
    caplog.clear()
    return lines


def test_rows_of_another_protocol_are_left_out_and_come_back(run, tmp_path, scene_task, caplog):
    folder = scene_task()
    before = read_rows(run(study([folder])).folder)
    changed = study([folder], protocol="hear2021+linear")
    assert left_out(caplog) == []
    (folder / "16000/valid/valid2.wav").rename(tmp_path / "away.wav")
    outcome = run(changed)
    assert len(outcome.failures) == 1
    assert read_rows(outcome.folder).empty
    assert left_out(caplog) == [
        "1 rows left out that the study does not ask for now: protocol hear2021+grid1 (1); their jobs stay in jobs/, "
        "and the rows come back when the study asks for them again"
    ]
    (tmp_path / "away.wav").rename(folder / "16000/valid/valid2.wav")
    assert set(read_rows(run(changed).folder)["protocol"]) == {"hear2021+linear"}
    pd.testing.assert_frame_equal(read_rows(run(study([folder])).folder), before)


def test_a_part_of_a_changed_study_is_not_finished_with_rows_of_the_old_one(run, scene_task, caplog):
    tasks = [scene_task("a"), scene_task("b")]
    run(study(tasks))
    changed = study(tasks, protocol="hear2021+linear")
    for number, finished in ((1, False), (2, True)):
        outcome = run(changed, shard=Shard(number, 2))
        assert set(read_rows(outcome.folder)["protocol"]) == {"hear2021+linear"}
        assert len(read_rows(outcome.folder)) == number
        assert read_record(outcome.folder).finished == finished
    assert [line.split(";")[0].split(": ")[1] for line in left_out(caplog)] == ["protocol hear2021+grid1 (2)"]


def test_a_part_of_a_study_with_a_seed_more_is_not_finished(run, scene_task):
    tasks = [scene_task("a"), scene_task("b")]
    run(study(tasks))
    outcome = run(study(tasks, seeds=[0, 1]), shard=Shard(1, 2))
    assert sorted(read_rows(outcome.folder)["seed"]) == [0, 0, 1]
    assert not read_record(outcome.folder).finished
    assert read_record(run(study(tasks, seeds=[0, 1]), shard=Shard(2, 2)).folder).finished


def test_rows_of_another_precision_are_left_out(run, scene_task, caplog):
    if "bf16" not in available(torch.device("cpu")):
        pytest.skip("this processor has no bfloat16 products")
    tasks = [scene_task("a", clips=2), scene_task("b", clips=2)]
    run(study(tasks, [LOGMEL, LIGHT]))
    outcome = run(study(tasks, [LOGMEL, LIGHT]), precision="bf16", shard=Shard(1, 2))
    rows = read_rows(outcome.folder)
    assert set(rows["precision"][rows["family"] == "logmel"]) == {"fp32"}  # it has no other
    assert set(rows["precision"][rows["family"] == "efficientat"]) == {"bf16"}
    assert read_record(outcome.folder).precision == "bf16"
    assert "precision fp32 (" in left_out(caplog)[0]


def test_what_was_removed_from_a_study_is_told_once(run, scene_task, caplog):
    first, second = scene_task("first"), scene_task("second")
    whole = study([first, second], [TWO], seeds=[0, 1])
    before = read_rows(run(whole).folder)
    outcome = run(study([first], seeds=[1]))
    assert len(read_rows(outcome.folder)) == 1
    (line,) = left_out(caplog)
    assert "7 rows left out" in line
    assert "model logmel 320 ms (4), seed 0 (2), task second (1);" in line
    run(study([first], seeds=[1]))
    assert left_out(caplog) == []
    jobs = {file: file.stat().st_mtime_ns for file in (outcome.folder / "jobs").iterdir()}
    pd.testing.assert_frame_equal(read_rows(run(whole).folder), before)
    assert {file: file.stat().st_mtime_ns for file in (outcome.folder / "jobs").iterdir()} == jobs


def test_rows_that_stay_are_called_as_the_study_calls_them_now(run, scene_task):
    tasks = [scene_task("a"), scene_task("b")]
    run(study(tasks))
    outcome = run(study(tasks, [LOGMEL | {"label": "floor"}]), shard=Shard(1, 2))
    assert read_rows(outcome.folder)["model"].tolist() == ["floor", "floor"]


@pytest.mark.parametrize("how", ["labelvocabulary.csv", "test.json", "task_metadata.json"])
@pytest.mark.parametrize("name", ["tones", "esc50-v2.0.0-full"])
def test_rows_of_a_task_that_broke_stay_and_the_failure_is_told(run, scene_task, name, how):
    broken, good = scene_task(name), scene_task("good")
    declared = study(["esc50" if name.startswith("esc50") else broken, good])
    before = read_rows(run(declared).folder)
    (broken / how).write_text("broken")
    outcome = run(declared)
    same(read_rows(outcome.folder), before)
    (failure,) = outcome.failures
    assert how in failure.reason
    assert [failure.reason for failure in read_record(outcome.folder).failures] == [failure.reason]


@pytest.mark.parametrize("named", ["esc50", "tones", "ton*"])
def test_rows_of_a_task_that_went_away_stay(run, scene_task, tmp_path, named):
    gone, good = scene_task("esc50-v2.0.0-full" if named == "esc50" else "tones"), scene_task("good")
    declared = study([named, good])
    before = read_rows(run(declared).folder)
    shutil.rmtree(gone)
    outcome = run(declared)
    assert [failure.absent for failure in outcome.failures] == [True]
    same(read_rows(outcome.folder), before)


def test_one_of_two_folders_of_a_hear_task_that_broke_keeps_its_rows(run, scene_task):
    folders = [scene_task(f"beehive_states_fold{number}-v2-full", clips=6 - number) for number in (0, 1)]
    declared = study(["beehive"])
    before = read_rows(run(declared).folder)
    assert before["task_fp"].nunique() == 2
    (folders[1] / "16000/valid/valid0.wav").unlink()
    outcome = run(declared)
    assert len(outcome.failures) == 1
    same(read_rows(outcome.folder), before)


def test_failures_concern_rows_by_key_folder_and_glob():
    row = {"spec": "x", "task": "esc50"}
    for task in ("esc50", "esc50-v2.0.0-full", "some/esc50-v2.0.0-full", "tasks/esc*", ""):
        assert Failure((), task, "").concerns(row), task
    for task in ("esc10", "tasks/fsd*", "esc50x"):
        assert not Failure((), task, "").concerns(row), task
