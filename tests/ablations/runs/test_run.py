"""Studies from end to end: rows, sharing, failures, resuming."""

import json
import logging
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.runs.run import run_study
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units import execute as unit_module
from ablations.units.where import Where
from passt import EmbeddingSpec, PasstEmbedder
from passt.network.precision import available
from results.rows.event_counts import f_measure
from results.rows.predictions import read_predictions
from results.rows.rows import RESULT_COLUMNS, read_rows
from results.scores.records import read_record
from tests.conftest import metadata, run_environment, write_clip

MODELS = [
    {"checkpoint": "logmel", "windows_ms": [[160], [320]]},
    {"checkpoint": "crepe_tiny", "timestamp_hop_ms": 100},
]


def declare(tmp_path, tasks, models=MODELS, **changes) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(
        yaml.safe_dump({"name": "mine", "models": models, "tasks": [str(task) for task in tasks], **changes})
    )
    return path


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def run(study: Path, tmp_path: Path):
    return run_study(Study.load(study), Where(tmp_path / "runs", tmp_path / "store"), Machine("cpu"))


def test_rows_of_a_study(tmp_path, scene_task, event_task):
    pair = ["logmel 160 ms", "logmel 320 ms"]
    study = declare(tmp_path, [scene_task(), event_task()], seeds=[0, 1], comparisons=[pair])
    outcome = run(study, tmp_path)
    assert outcome.failures == ()
    assert read_record(outcome.folder).comparisons == (tuple(pair),)
    rows = read_rows(outcome.folder)
    primary = rows[rows["primary"]]
    assert len(primary) == 3 * 2 * 2
    assert set(primary["model"]) == {"logmel 160 ms", "logmel 320 ms", "crepe_tiny"}
    assert set(primary["metric"]) == {"top1_acc", "event_onset_200ms_fms"}
    assert set(primary["seed"]) == {0, 1}
    assert primary["score"].dropna().between(0, 1).all()
    assert primary["score"].notna().any()
    assert rows["versions"].str.contains("torch=").all()
    # scene embeddings do not depend on the windows of timestamps: one job, two models
    scenes = primary[(primary["task"] == "tones") & primary["model"].str.startswith("logmel")]
    assert scenes.groupby("seed")["job"].nunique().tolist() == [1, 1]
    for row in primary[primary["task"] == "beeps"].itertuples():
        (fold,) = read_predictions(outcome.folder, row.job)
        assert f_measure(fold.counts) == pytest.approx(row.score) or not fold.counts[:, 1].any()  # nothing predicted
    events = primary[(primary["task"] == "beeps") & primary["model"].str.startswith("logmel")]
    assert events.groupby("seed")["job"].nunique().tolist() == [2, 2]


def test_a_job_keeps_what_was_tried_and_its_predictions(tmp_path, scene_task):
    folder = scene_task()
    (folder / "groups.json").write_text('{"test": {"test0.wav": "anna", "test3.wav": "anna"}}')
    outcome = run(declare(tmp_path, [folder], MODELS[1:]), tmp_path)
    (file,) = (outcome.folder / "jobs").glob("*.json")
    job = json.loads(file.read_text())
    assert job["taps"] == [["layer5", None]]
    (fold,) = job["folds"]
    assert len(fold["tried"]) == 8
    with np.load(file.with_suffix(".npz")) as arrays:
        correct = arrays["test.prediction"].argmax(1) == arrays["test.target"].argmax(1)
        assert correct.mean() == fold["scores"]["top1_acc"]
        assert len(arrays["test.files"]) == 6
        groups = dict(zip(arrays["test.files"].tolist(), arrays["test.groups"].tolist(), strict=True))
        assert groups == {f"test{i}.wav": "anna" if i in (0, 3) else "" for i in range(6)}


def test_nothing_is_done_twice(tmp_path, scene_task, monkeypatch):
    study = declare(tmp_path, [scene_task()])
    first = run(study, tmp_path)

    def never(*args, **kwargs):
        raise AssertionError("computed again")

    monkeypatch.setattr("ablations.units.extraction.extract", never)
    monkeypatch.setattr("ablations.units.execute.evaluate_all", never)
    record = read_record(first.folder)
    (call,) = record.calls
    assert call.jobs == len(list((first.folder / "jobs").glob("*.json")))
    again = run(study, tmp_path)
    assert again.failures == ()
    assert read_record(first.folder) == record, "a call that computes nothing is not recorded"
    pd.testing.assert_frame_equal(read_rows(first.folder), read_rows(again.folder))


def test_each_call_that_computes_is_recorded(tmp_path, scene_task):
    task = scene_task()
    for seeds in ([0], [0, 1]):
        outcome = run(declare(tmp_path, [task], MODELS[1:], seeds=seeds), tmp_path)
    first, second = read_record(outcome.folder).calls
    assert first.started < second.started
    assert (first.jobs, second.jobs) == (1, 1)
    assert first.command == "", "Python called"
    assert first.version


def test_fits_of_a_job_that_is_done_are_cleared_up(tmp_path, scene_task):
    """A kill between a job's results and the removal of its fits leaves these behind."""
    study = declare(tmp_path, [scene_task()], MODELS[1:])
    (file,) = (run(study, tmp_path).folder / "jobs").glob("*.json")
    left = file.with_suffix(".fits")
    left.mkdir()
    (left / "0.pt").write_bytes(b"left over")
    run(study, tmp_path)
    assert not left.exists()


def test_an_extraction_that_a_kill_left_behind_is_cleared_up_where_all_jobs_are_done(tmp_path, scene_task):
    """One run is killed behind its last tap, and another one that waits for it does the job."""
    study = declare(tmp_path, [scene_task()], MODELS[1:])
    run(study, tmp_path)
    folder = next((tmp_path / "store").glob("*/*/*/scene"))
    left = folder / ".partial-0123456789abcdef"
    left.mkdir()
    run(study, tmp_path)
    assert not left.exists()


def test_a_job_that_another_run_made_meanwhile_has_its_rows(tmp_path, scene_task, monkeypatch):
    study = declare(tmp_path, [scene_task()], MODELS[1:], seeds=[0, 1])
    evaluate_all = unit_module.evaluate_all

    def disturbed(evaluations, *rest):
        monkeypatch.setattr(unit_module, "evaluate_all", evaluate_all)
        run(study, tmp_path)  # the other run
        (tmp_path / "runs/mine/rows.csv").unlink()
        raise OSError("disturbed")

    monkeypatch.setattr(unit_module, "evaluate_all", disturbed)
    outcome = run(study, tmp_path)
    assert outcome.failures == ()
    assert set(read_rows(outcome.folder)["seed"]) == {0, 1}


def test_a_failure_leaves_the_rows_that_were_there(tmp_path, scene_task):
    folder = scene_task()
    run(declare(tmp_path, [folder], MODELS[1:]), tmp_path)
    sound = (folder / "16000/valid/valid2.wav").read_bytes()
    (folder / "16000/valid/valid2.wav").unlink()
    outcome = run(declare(tmp_path, [folder], MODELS), tmp_path)
    assert len(outcome.failures) == 2
    assert set(read_rows(outcome.folder)["model"]) == {"crepe_tiny"}
    (folder / "16000/valid/valid2.wav").write_bytes(sound)
    outcome = run(declare(tmp_path, [folder], MODELS), tmp_path)
    assert outcome.failures == ()
    assert read_rows(outcome.folder)["model"].nunique() == 3


def test_a_tap_that_is_not_finite_fails_only_jobs_that_need_it(tmp_path, scene_task, monkeypatch):
    from ablations.models.baselines.logmel import LogMelEmbedder

    original = LogMelEmbedder.levels

    def levels(self, views, levels):
        found = original(self, views, levels)
        return found | ({"std": [part * float("nan") for part in found["std"]]} if "std" in found else {})

    monkeypatch.setattr(LogMelEmbedder, "levels", levels)
    variants = [{"checkpoint": "logmel", "levels": [["mean"], ["std"]]}]
    outcome = run(declare(tmp_path, [scene_task()], variants), tmp_path)
    (failure,) = outcome.failures
    assert "logmel std on tones" in str(failure)
    assert "its embedding std is not finite" in str(failure)
    assert set(read_rows(outcome.folder)["model"]) == {"logmel mean"}


def test_tasks_of_one_name_are_told_apart(tmp_path, scene_task):
    first, second = scene_task("a/tones"), scene_task("b/tones", clips=8)
    outcome = run(declare(tmp_path, [first, first, second], MODELS[1:]), tmp_path)
    (failure,) = outcome.failures
    assert f"{second}: a task is called 'tones' already, {first}" in str(failure)
    assert read_rows(outcome.folder)["task"].eq("tones").all()


def test_one_broken_folder_of_a_glob_leaves_the_others(tmp_path, scene_task):
    scene_task("tasks/good")
    (scene_task("tasks/bad") / "labelvocabulary.csv").write_text("label,idx\nhigh\n")
    outcome = run(declare(tmp_path, ["tasks/*"], MODELS[1:]), tmp_path)
    assert ["bad" in str(failure) for failure in outcome.failures] == [True]
    assert set(read_rows(outcome.folder)["task"]) == {"good"}


def test_the_task_fingerprint_is_the_same_for_all_models(tmp_path, scene_task):
    rows = read_rows(run(declare(tmp_path, [scene_task()]), tmp_path).folder)
    assert len(set(rows["task_fp"])) == 1
    assert len(set(rows["embedder_fp"])) == 2


def test_changed_sound_is_run_anew(tmp_path, scene_task):
    folder = scene_task()
    study = declare(tmp_path, [folder], MODELS[1:])
    before = read_rows(run(study, tmp_path).folder)["job"].unique()
    path = folder / "16000/train/train0.wav"
    write_clip(path, np.zeros(4000))
    after = read_rows(run(study, tmp_path).folder)["job"].unique()
    assert len(before) == len(after) == 1
    assert before != after


def test_one_bad_job_does_not_stop_the_others(tmp_path, scene_task, event_task):
    broken, good = scene_task("broken"), event_task()
    (broken / "16000/valid/valid2.wav").write_bytes(b"nothing")
    study = declare(tmp_path, [broken, "no_such_task", good], [*MODELS, {"checkpoint": "stfthop160"}])
    result = invoke("run", study, "--runs", tmp_path / "runs", "--store", tmp_path / "store")
    assert result.exit_code == 1
    failed = [line for line in result.stderr.splitlines() if line.startswith("Failed: ")]
    assert len(failed) == 3, result.stderr
    assert sum("valid2.wav: not readable as audio" in line for line in failed) == 2
    absent = [
        line for line in result.stderr.splitlines() if line.startswith("Task 'no_such_task' is absent: no folder")
    ]
    assert len(absent) == 1
    assert "`ablate tasks` lists all" in absent[0]
    assert sum("no published weights at" in line for line in failed) == 1
    rows = read_rows(tmp_path / "runs/mine")
    assert set(rows["task"]) == {"beeps"}
    assert rows["model"].nunique() == 3
    record = read_record(tmp_path / "runs/mine")
    assert record.finished
    assert record.tasks == ("broken", "beeps", "no_such_task")
    assert [failure.absent for failure in record.failures].count(True) == 1
    assert {failure.task for failure in record.failures} == {"broken", "no_such_task", ""}
    missing = [line for line in result.stdout.splitlines() if line.startswith("– not measured")]
    assert any("valid2.wav: not readable as audio" in line for line in missing)
    assert "every model on no_such_task: the task is absent." in "".join(missing)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda folder: (folder / "task_metadata.json").unlink(), "task_metadata.json is missing"),
        (
            lambda folder: (folder / "task_metadata.json").write_text(json.dumps(metadata(split_mode="holdout"))),
            "split_mode must be one of trainvaltest, presplit_kfold, new_split_kfold, got 'holdout'",
        ),
        (lambda folder: (folder / "16000/test/test0.wav").unlink(), "test0.wav is listed in test.json but absent"),
        (
            lambda folder: (folder / "test.json").write_text(json.dumps({"test0.wav": ["mid"]})),
            "test0.wav: label 'mid' is not in labelvocabulary.csv (high, low)",
        ),
        (
            lambda folder: write_clip(folder / "16000/test/test0.wav", np.zeros(0)),
            "test0.wav: 0 samples, expected at least 1",
        ),
        (
            lambda folder: write_clip(folder / "16000/test/test0.wav", np.zeros(800), 8000),
            "test0.wav: sampled at 8000 Hz, expected 16000 Hz",
        ),
    ],
)
def test_bad_tasks_end_in_one_line(tmp_path, scene_task, break_it, message):
    folder = scene_task()
    break_it(folder)
    result = invoke(
        "run", declare(tmp_path, [folder], MODELS[1:]), "--runs", tmp_path / "runs", "--store", tmp_path / "s"
    )
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Failed: ")]
    assert message in line
    assert str(folder) in line


def test_a_bad_study_ends_in_one_line(tmp_path):
    result = invoke("run", declare(tmp_path, ["digits"], [{"checkpoint": "logmel", "levels": [["max"]]}]))
    assert result.exit_code == 1
    assert result.stderr.strip().startswith("Error: ")
    assert len(result.stderr.strip().splitlines()) == 1
    assert "mine.yaml: logmel: unknown level 'max'; expected one of mean, std" in result.stderr


@pytest.mark.parametrize("device", ["tpu", "mps", ""])
def test_a_device_that_is_not_here(tmp_path, device):
    result = invoke("run", "quickstart", "--runs", tmp_path, "--store", tmp_path, "--device", device)
    assert result.exit_code == 1
    assert "device must be cpu" in result.stderr
    assert f"got '{device}'" in result.stderr


def test_mel_alone_is_not_applicable_to_scenes(tmp_path, scene_task, event_task):
    models = [
        {
            "checkpoint": "passt_l_kd_p16_128_ap47",
            "weights": "untrained-0",
            "levels": [["mel"]],
            "timestamp_hop_ms": 250,
        }
    ]
    outcome = run(declare(tmp_path, [scene_task(), event_task()], models), tmp_path)
    assert outcome.failures == ()
    (cell,) = outcome.not_applicable
    assert str(cell) == "passt_l_kd_p16_128_ap47 on tones: its only level mel is no scene level"
    rows = read_rows(outcome.folder)
    assert set(rows["task"]) == {"beeps"}
    assert set(rows["weights"]) == {"untrained-0"}


def test_a_file_without_a_head_gives_its_other_levels(tmp_path, scene_task):
    state = PasstEmbedder(EmbeddingSpec("passt_demo", ("features",), weights="demo"), device="cpu").net.state_dict()
    torch.save({name: value for name, value in state.items() if not name.startswith("head")}, tmp_path / "mine.pt")
    variant = {"checkpoint": "passt_demo", "levels": [["logits"], ["melmean"]], "weights": "./mine.pt"}
    outcome = run(declare(tmp_path, [scene_task()], [variant]), tmp_path)
    assert outcome.failures == ()
    (cell,) = outcome.not_applicable
    assert (cell.task, cell.reason) == ("tones", "its weights have no level logits")
    assert read_rows(outcome.folder)["model"].str.contains("melmean").all()


def test_tables_and_figures_from_rows(tmp_path, scene_task):
    study = declare(tmp_path, [scene_task()], MODELS[1:])
    runs = ("--runs", tmp_path / "runs")
    missing = invoke("table", study, *runs)
    assert missing.exit_code == 1
    assert "no rows at" in missing.stderr
    ran = invoke("run", study, *runs, "--store", tmp_path / "store")
    assert ran.exit_code == 0, ran.stderr
    shown = invoke("table", study, *runs)
    assert "crepe_tiny" in shown.output
    assert shown.output.strip() in ran.output
    (warned,) = [line for line in shown.output.splitlines() if line.startswith("The best learning rate")][:1] or [""]
    marked = invoke("table", study, *runs, "--format", "markdown")
    assert (tmp_path / "runs/mine/table.md").read_text() == marked.output
    assert warned in marked.output
    drawn = invoke("figure", study, *runs)
    assert Path(drawn.output.strip()).is_file()


def test_failures_are_told_where_the_figure_can_not_be_written(tmp_path, scene_task, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "figure.png")

    monkeypatch.setattr("ablations.cli.running.printed.write_figure", full)
    study = declare(tmp_path, [scene_task(), "none/such"], MODELS[:1])
    result = invoke("run", study, "--runs", tmp_path / "runs", "--store", tmp_path / "store")
    assert result.exit_code == 1
    assert "top1_acc" in result.stdout
    told = [line for line in result.stderr.splitlines() if line.startswith(("Failed", "Task"))]
    assert any("No space left on device: 'figure.png'" in line for line in told)
    assert any("none/such" in line for line in told)


def test_runs_that_can_not_be_written_are_said_before_anything_is_computed(tmp_path, scene_task):
    (tmp_path / "runs").write_text("a file")
    study = declare(tmp_path, [scene_task()])
    result = invoke("run", study, "--runs", tmp_path / "runs", "--store", tmp_path / "store")
    assert result.exit_code == 1
    (line,) = result.stderr.strip().splitlines()
    assert "can't be written: Not a directory; expected a folder for results" in line
    assert not (tmp_path / "store").exists()


def test_hear_keys_are_looked_up_in_the_tasks_folder(tmp_path, scene_task, caplog):
    folder = scene_task("esc50-v2.0.0-full")
    study = declare(tmp_path, ["esc50", "crema_d"], MODELS[1:])
    with caplog.at_level(logging.ERROR):
        outcome = run_study(
            Study.load(study), Where(tmp_path / "runs", tmp_path / "store", folder.parent), Machine("cpu")
        )
    assert set(read_rows(outcome.folder)["task"]) == {"esc50"}
    (failure,) = outcome.failures
    assert f"task crema_d is absent: no folder {folder.parent / 'tfds_crema_d-1.0.0-full'}" in str(failure)


KILLS = [
    ("downstream.store.extraction:Extraction.append", 1),
    ("downstream.store.extraction:Extraction.append", 5),
    ("downstream.store.extraction:Extraction.finish", 2),
    ("downstream.store.extraction:header_of", 3),
    ("downstream.probes.pack:_Pack._validate", 9),
    ("ablations.units.execute:write_json", 1),
    ("ablations.units.execute:write_json", 4),
    ("results.rows.rows:write_rows", 2),
    ("shutil:rmtree", 2),
    ("os:fsync", 30),
]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Filled by the first test that needs it: the rows of a run that nobody killed."""
    return {}


@pytest.mark.parametrize(("target", "count"), KILLS)
def test_a_killed_run_goes_on_to_the_same_rows(tmp_path, scene_task, event_task, undisturbed, target, count):
    study = declare(tmp_path, [scene_task(), event_task()])

    def ablate(count: int, name: str) -> int:
        places = ["--runs", str(tmp_path / name / "runs"), "--store", str(tmp_path / name / "store"), "--device", "cpu"]
        script = [sys.executable, str(Path(__file__).with_name("killing.py")), target, str(count), "--"]
        environment = {**run_environment(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}
        command = [*script, "run", str(study), *places]
        return subprocess.run(command, env=environment, capture_output=True, timeout=300, check=False).returncode

    def rows(name: str) -> pd.DataFrame:
        return read_rows(tmp_path / name / "runs/mine")[list(RESULT_COLUMNS)]

    if not undisturbed:
        assert ablate(0, "undisturbed") == 0
        undisturbed["rows"] = rows("undisturbed")
    assert ablate(count, "killed") == -signal.SIGKILL
    assert ablate(0, "killed") == 0
    pd.testing.assert_frame_equal(rows("killed"), undisturbed["rows"])
    left = {path.name for path in (tmp_path / "killed/store").rglob(".*")}
    if target != "shutil:rmtree":  # what that kill leaves is swept by the next extraction there (test_store)
        assert left == {".lock", ".used"}


LIGHT = {"checkpoint": "passt_l_kd_p16_128_ap47", "levels": [["block1"]], "weights": "untrained-0"}


def test_precision_is_part_of_row_and_job(tmp_path, scene_task):
    if "bf16" not in available(torch.device("cpu")):
        pytest.skip("this processor has no bfloat16 products")
    study = declare(tmp_path, [scene_task(clips=2)], [LIGHT])
    exact = read_rows(run(study, tmp_path).folder)
    declared = Study.load(declare(tmp_path, [tmp_path / "tones"], [LIGHT], precision="bf16"))
    outcome = run_study(declared, Where(tmp_path / "runs", tmp_path / "store"), Machine("cpu"))
    short = read_rows(outcome.folder)
    assert set(exact["precision"]) == {"fp32"}
    assert set(short["precision"]) == {"bf16"}
    assert set(exact["embedder_fp"]).isdisjoint(short["embedder_fp"])
    assert set(exact["job"]).isdisjoint(short["job"])


def test_a_precision_that_is_not_here_ends_the_run_before_it_starts(tmp_path, scene_task):
    study = declare(tmp_path, [scene_task(clips=2)], [LIGHT])
    result = invoke("run", study, "--runs", tmp_path / "runs", "--device", "cpu", "--precision", "tf32")
    assert result.exit_code == 1
    assert "Error: precision must be one of fp32" in result.output
    assert "on this cpu, got 'tf32'" in result.output
    assert not (tmp_path / "runs").exists()


def test_named_specs_stand_for_a_checkpoint(tmp_path):
    study = Study.from_dict(
        {"name": "n", "models": [{"checkpoint": "hop160-2level-mel", "weights": "untrained-0"}], "tasks": ["t"]}
    )
    assert str(study.models[0].spec) == (
        "passt_s_swa_f128_stfthop160_p16_s10_ap473@logits+features+mel@w160+640@smax@t50@untrained-0"
    )
    study = Study.from_dict(
        {"name": "n", "models": [{"checkpoint": "2level", "levels": [["features"], ["block6"]]}], "tasks": ["t"]}
    )
    assert [model.spec.levels for model in study.models] == [("features",), ("block6",)]
    assert study.models[0].spec.windows_ms == (160, 640)
