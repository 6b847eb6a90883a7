"""Runs of tasks under conditions beside the clean ones."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.kit.export import export
from ablations.report.compare import compared
from ablations.report.compare_text import to_text
from ablations.runs.plan import plan_study
from ablations.runs.run import run_study
from ablations.store.listing import prune, store_table
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units.where import Where
from downstream.kit.read import read_folder
from results import load
from results.rows.predictions import read_clips
from results.rows.rows import read_rows
from results.statistics.conditions import against_clean, changes_compared
from tests.conftest import write_beeps, write_pitches, write_tones

CPU = Machine("cpu")
FOLDS = {"split_mode": "presplit_kfold", "splits": ["fold00", "fold01", "fold02"]}


def study_of(*tasks, protocol="hear2021+grid1", models=("logmel",)) -> Study:
    entries = [{"checkpoint": name} for name in models]
    return Study.from_dict({"name": "noisy", "models": entries, "tasks": list(map(str, tasks)), "protocol": protocol})


def where_of(tmp_path, runs="runs") -> Where:
    return Where(tmp_path / runs, tmp_path / "store", tmp_path)


def made(tmp_path, *tasks, runs="runs", **options) -> pd.DataFrame:
    """The rows of a run, whose jobs all ended."""
    outcome = run_study(study_of(*tasks, **options), where_of(tmp_path, runs), CPU)
    assert not outcome.failures
    return read_rows(outcome.folder)


@pytest.fixture(params=["folds", "trainvaltest"])
def folder(request, scene_task):
    return scene_task(clips=8, **(FOLDS if request.param == "folds" else {}))


def test_probes_are_those_of_the_clean_task(folder, tmp_path):
    """Everything up to the test is the same, and its clips are the same ones."""
    rows = made(tmp_path, folder, f"{folder}+snr-10")
    clean, noisy = (rows[rows["task"] == task].reset_index(drop=True) for task in ("tones", "tones+snr-10"))
    chosen = ["fold", "validation_score", "hidden_layers", "lr", "epoch"]
    pd.testing.assert_frame_equal(clean[chosen], noisy[chosen])
    assert set(clean["job"]).isdisjoint(noisy["job"])
    assert set(clean["task_fp"]).isdisjoint(noisy["task_fp"])
    first, second = (read_clips(tmp_path / "runs/noisy", rows["job"].iloc[0]) for rows in (clean, noisy))
    for one, other in zip(first, second, strict=True):
        assert one.files.tolist() == other.files.tolist()
        assert np.array_equal(one.target, other.target)
        assert not np.array_equal(one.prediction, other.prediction)


def test_clean_jobs_are_the_same_alone(folder, tmp_path):
    beside = made(tmp_path, folder, f"{folder}+snr0")
    alone = made(tmp_path, folder, runs="alone")
    assert set(alone["job"]) < set(beside["job"])


def test_clean_embeddings_are_shared(folder, tmp_path):
    made(tmp_path, folder)
    before = store_table(tmp_path / "store")
    made(tmp_path, folder, f"{folder}+gain-6", runs="second")
    after = store_table(tmp_path / "store")
    added = after[~after["path"].isin(before["path"]) & (after["kind"] == "scene")]
    tested = FOLDS["splits"] if "fold00" in set(before["split"]) else ["test"]
    assert sorted(added["split"]) == tested
    assert set(added["clips"]) == {"tones+gain-6"}
    assert set(after.loc[after["kind"] == "scene", "clips"]) == {"tones", "tones+gain-6"}
    assert len(prune(tmp_path / "store", models=["logmel*"])) == len(before[before["kind"] == "scene"]) + len(added)


def test_a_plan_counts_shared_clips_once(scene_task, tmp_path):
    folder = scene_task(clips=4)
    plan = plan_study(study_of(folder, f"{folder}+snr0", f"{folder}+snr9"), where_of(tmp_path), CPU, measure=False)
    assert plan["clips"].tolist() == [12, 4, 4]
    assert plan["task"].tolist() == ["tones", "tones+snr0", "tones+snr9"]


def test_training_under_the_condition(scene_task, tmp_path):
    rows = made(tmp_path, folder := scene_task(clips=8), f"{folder}+train+snr0", f"{folder}+snr0")
    jobs = rows.drop_duplicates("task").set_index("task")["job"]
    of_train, of_test = (read_clips(tmp_path / "runs/noisy", jobs[f"tones{text}"]) for text in ("+train+snr0", "+snr0"))
    assert not np.array_equal(of_train[0].prediction, of_test[0].prediction)  # other probes on the same sound
    assert len(store_table(tmp_path / "store").query("kind == 'scene'")) == 6  # three splits, clean and changed


@pytest.mark.parametrize("protocol", ["knn", "hear2021+grid1+fewshot2", "hear2021+grid1+limit4+standardized"])
def test_other_protocols(protocol, folder, tmp_path):
    rows = made(tmp_path, folder, f"{folder}+snr0", protocol=protocol)
    assert len(set(rows.groupby("task").size())) == 1
    validations = [of["validation_score"].tolist() for _, of in rows.groupby("task")]
    assert validations[0] == validations[1]


def test_event_tasks(event_task, tmp_path):
    folder = event_task()
    rows = made(tmp_path, folder, f"{folder}+reverb0.5+snr0")
    for column in ("metric", "validation_score"):
        assert len(set(rows.groupby("task")[column].apply(tuple))) == 1


def test_differences_to_clean_are_paired(folder, tmp_path):
    made(tmp_path, folder, f"{folder}+gain0", f"{folder}+snr-20", protocol="knn")
    table = against_clean(tmp_path / "runs/noisy").set_index("conditions")
    assert (table["model"] == "logmel").all()
    assert (table["task"] == "tones").all()
    scores = load(tmp_path / "runs/noisy").groupby("task")["score"].mean()
    assert table.loc["+gain0", "difference"] == 0
    assert table.loc["+gain0", "p"] == 1
    assert table.loc["+snr-20", "difference"] == pytest.approx(scores["tones+snr-20"] - scores["tones"])
    assert table.loc["+snr-20", "clean"] == pytest.approx(scores["tones"])
    assert len(set(table["clips"])) == 1


def test_compare_shows_them_and_leaves_them_out_over_tasks(scene_task, tmp_path):
    made(
        tmp_path,
        folder := scene_task(clips=8),
        f"{folder}+snr-20",
        f"{folder}+gain-6",
        protocol="knn",
        models=("logmel", "melproj", "chance"),
    )
    comparison = compared(tmp_path / "runs/noisy")
    assert len(comparison.conditions) == 6
    assert comparison.ranking is None
    assert any("scores of 1 task;" in note for note in comparison.notes)
    text = to_text(comparison)
    assert "Against clean sound" in text
    assert "+snr-20" in text
    assert "leave out tasks under conditions" in text
    named = compared(tmp_path / "runs/noisy", [("logmel", "chance")])
    assert set(named.conditions["model"]) == {"logmel", "chance"}
    assert named.changes["difference"].tolist() == pytest.approx(_lost(comparison.conditions, "logmel", "chance"))
    assert "What the conditions change in A and in B" in to_text(named)
    assert "Against clean sound" in named._repr_html_()


def _lost(against_clean: pd.DataFrame, a: str, b: str) -> list[float]:
    """The differences of two models' differences to clean."""
    of_model = against_clean.set_index("model")["difference"]
    return (of_model[[a]].to_numpy() - of_model[[b]].to_numpy()).tolist()


def test_models_of_one_embedding_count_once(scene_task, tmp_path):
    """On a scene task the windows of timestamps change nothing."""
    folder = scene_task(clips=8)
    entries = [{"checkpoint": "logmel", "windows_ms": [[160], [320]]}, {"checkpoint": "melproj"}]
    tasks = [str(folder), f"{folder}+snr-20"]
    study = Study.from_dict({"name": "noisy", "models": entries, "tasks": tasks, "protocol": "knn"})
    run_study(study, where_of(tmp_path), CPU)
    table = against_clean(tmp_path / "runs/noisy")
    assert len(table) == 3
    assert len(set(table["model"])) == 3
    assert table.attrs["corrected"] == 2
    first, second = (table.drop(columns=["model", "groups"]).iloc[place].to_dict() for place in (0, 1))
    assert first == second
    pair = tuple(table["model"].iloc[:2])
    (line,) = changes_compared(tmp_path / "runs/noisy", [pair]).to_dict("records")
    assert (line["verdict"], line["reason"]) == ("not compared", "both have the same embedding there")


@pytest.mark.parametrize(("write", "protocol"), [(write_beeps, "knn"), (write_tones, "knn"), (write_pitches, "ridge")])
def test_changes_of_all_kinds_of_scores(write, protocol, tmp_path):
    """A model against one of no sound at all: the second changes nothing, the first what it changes against clean."""
    folder = write(tmp_path / "made", clips=6)
    made(tmp_path, folder, f"{folder}+snr-20", protocol=protocol, models=("logmel", "chance"))
    (line,) = changes_compared(tmp_path / "runs/noisy", [("logmel", "chance")]).to_dict("records")
    alone = against_clean(tmp_path / "runs/noisy", models=frozenset(["logmel"])).iloc[0]
    assert line["change_b"] == pytest.approx(0, abs=1e-6)
    assert line["change_a"] != 0
    assert line["difference"] == pytest.approx(alone["difference"])
    assert line["clips"] == alone["clips"] == 6


def test_without_the_clean_task_nothing_is_compared(folder, tmp_path):
    made(tmp_path, f"{folder}+snr0", protocol="knn")
    (line,) = against_clean(tmp_path / "runs/noisy").to_dict("records")
    assert line["verdict"] == "not compared"
    assert line["reason"] == "the clean task is not in the run"
    assert compared(tmp_path / "runs/noisy").conditions is None


def test_export_for_hear_eval_kit(scene_task, tmp_path):
    folder = scene_task(clips=4)
    (clean,), (noisy,) = (
        export("logmel", str(name), tmp_path / "out", where=where_of(tmp_path), machine=CPU)
        for name in (folder, f"{folder}+snr0")
    )
    assert noisy.name == "tones+snr0"
    (_, before), (task, after) = read_folder(clean), read_folder(noisy)
    assert task.splits == ("train", "valid", "test")
    same = {split: np.array_equal(before[split].x[:], after[split].x[:]) for split in task.splits}
    assert same == {"train": True, "valid": True, "test": False}
    assert all(before[split].files == after[split].files for split in task.splits)


def test_folds_are_exported_whole_or_not_at_all(scene_task, tmp_path):
    folder = scene_task(clips=4, **FOLDS)
    with pytest.raises(ValueError, match="one embedding of a clip"):
        export("logmel", f"{folder}+snr0", tmp_path / "out", where=where_of(tmp_path), machine=CPU)
    assert not (tmp_path / "out").exists()
    assert export("logmel", f"{folder}+train+snr0", tmp_path / "out", where=where_of(tmp_path), machine=CPU)


def test_bad_conditions_end_in_one_line(scene_task, tmp_path):
    """The other tasks of the study are run."""
    folder = scene_task(clips=4)
    tasks = [folder, f"{folder}+snr", f"{folder}+noise3", f"{folder}+band9000"]
    outcome = run_study(study_of(*tasks, protocol="knn"), where_of(tmp_path), CPU)
    reasons = "\n".join(map(str, outcome.failures))
    assert len(outcome.failures) == 3
    for part in (
        "condition snr must have a number",
        "unknown condition 'noise3'",
        "condition band must be below 8000 Hz",
    ):
        assert part in reasons
    assert read_rows(outcome.folder)["task"].unique().tolist() == ["tones"]


def test_from_the_command_line(scene_task, tmp_path):
    folder = scene_task(clips=4)
    study = tmp_path / "asked.yaml"
    study.write_text(
        f"name: asked\nmodels: [{{checkpoint: logmel}}]\nprotocol: knn\nfigure: conditions\n"
        f"tasks: [{folder}, {folder}+snr0, {folder}+snr10]\n"
    )
    runs = ["--runs", str(tmp_path / "runs")]
    done = CliRunner().invoke(main, ["run", str(study), *runs, "--store", str(tmp_path / "store"), "--device", "cpu"])
    assert done.exit_code == 0, done.output
    assert "tones+snr0" in done.output
    assert (tmp_path / "runs/asked/figure.png").is_file()
    made_again = CliRunner().invoke(main, ["compare", "asked", *runs])
    assert "Against clean sound" in made_again.output, made_again.output
    job = json.loads(next((tmp_path / "runs/asked/jobs").glob("*.json")).read_text())
    assert job["task_folder"].startswith("tones")
