"""Tasks from lists, end to end: what is made is a HEAR task."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml

from ablations.inputs.lists import read_vocabulary
from downstream.checks import check_task
from downstream.tasks.audio import SplitAudio, read_clip
from downstream.tasks.task import Event, Task
from results.rows.rows import read_rows
from tests.ablations.tasks.listed import contents, invoke, report, sound
from tests.conftest import write_clip


def test_folds_are_drawn_by_recordings_and_files_copied_as_they_are(tmp_path, listed):
    done = invoke("prepare", listed(), "--out", tmp_path / "tones-v1", "--folds", 3)
    assert done.exit_code == 0, done.output
    assert "| fold00  |       4 |        2 |" in done.output
    task = Task.from_dir(tmp_path / "tones-v1")
    check_task(task)
    assert (task.metadata["task_name"], task.metadata["version"], task.split_mode) == ("tones", "v1", "new_split_kfold")
    assert (task.labels, task.metrics) == (("high", "low"), ("top1_acc",))
    assert task.metadata["sample_duration"] == 0.4
    recordings = [{int(Path(file).stem) // 2 for file in task.items[split]} for split in task.splits]
    assert sum(map(len, recordings)) == len(set.union(*recordings)) == 6
    for split in task.splits:
        for file in task.items[split]:
            copied = task.folder / "16000" / split / file
            assert copied.read_bytes() == (tmp_path / "clips" / file).read_bytes()


def test_a_task_names_the_group_of_each_clip(tmp_path, listed):
    assert invoke("prepare", listed(), "--out", tmp_path / "tones-v1", "--folds", 3).exit_code == 0
    task = Task.from_dir(tmp_path / "tones-v1")
    found = {file: group for groups in task.groups.values() for file, group in groups.items()}
    assert found == {f"{i}.wav": f"r{i // 2}" for i in range(12)}


def test_clips_of_one_sound_are_a_group_and_others_stand_by_themselves(tmp_path, listed):
    def ungrouped(rows):
        return [{"file": row["file"], "label": row["label"]} for row in rows]

    def with_a_copy(rows):
        write_clip(tmp_path / "clips" / "3.wav", sound(1, 16000), 16000)
        return ungrouped(rows)

    assert invoke("prepare", listed(with_a_copy), "--out", tmp_path / "tones-v1", "--folds", 3).exit_code == 0
    task = Task.from_dir(tmp_path / "tones-v1")
    found = {file: group for groups in task.groups.values() for file, group in groups.items()}
    assert found == {"1.wav": "clips/1.wav", "3.wav": "clips/1.wav"}
    assert invoke("prepare", listed(ungrouped), "--out", tmp_path / "alone-v1", "--folds", 3).exit_code == 0
    assert not (tmp_path / "alone-v1" / "groups.json").exists()


def test_the_same_list_and_seed_make_the_same_bytes(tmp_path, listed):
    path = listed(rates=(16000, 8000))
    for place, seed in (("a", 0), ("b", 0), ("c", 1)):
        assert invoke("prepare", path, "--out", tmp_path / place / "t-v1", "--folds", 3, "--seed", seed).exit_code == 0
    first, second, other = (contents(tmp_path / place) for place in "abc")
    assert first == second
    assert first.keys() != other.keys()


def test_rates_formats_and_channels_are_made_one(tmp_path, listed):
    def change(rows):
        stereo = np.stack([sound(1, 32000), 0 * sound(1, 32000)], axis=1)
        soundfile.write(tmp_path / "clips" / "1.flac", stereo, 32000)
        rows[1]["file"] = "clips/1.flac"
        return rows

    path = listed(change, rates=(16000, 32000))
    assert invoke("prepare", path, "--out", tmp_path / "tones-v1", "--folds", 3).exit_code == 0
    assert (
        invoke("prepare", path, "--out", tmp_path / "t-v1", "--folds", 3, "--rate", 8000, "--rate", 16000).exit_code
        == 0
    )
    task = Task.from_dir(tmp_path / "tones-v1")
    assert report(tmp_path)["facts"]["mixed down to mono"] == "1"
    for split in task.splits:
        clips = SplitAudio.of(task, split, 32000, tmp_path / "cache")
        for file in clips.files:
            number = int(Path(file).stem)
            wanted = sound(number, 32000) * (0.5 if number == 1 else 1)
            assert np.abs(clips.load(file).numpy() - wanted)[500:-500].max() < 2e-3
    made = tmp_path / "t-v1"
    assert {path.name for path in made.iterdir() if path.is_dir()} == {"8000", "16000"}
    assert Task.from_dir(made).metadata["sample_duration"] == 0.4
    assert all(read_clip(path, int(path.parts[-3])).size == 0.4 * int(path.parts[-3]) for path in made.rglob("*.wav"))


def test_sums_above_full_scale_are_kept(tmp_path, listed):
    def change(rows):
        soundfile.write(tmp_path / "clips" / "0.wav", 3 * sound(0, 32000), 32000, subtype="FLOAT")
        return rows

    assert invoke("prepare", listed(change, (32000,)), "--out", tmp_path / "t-v1", "--rate", 16000).exit_code == 0
    (made,) = (tmp_path / "t-v1" / "16000").rglob("0.wav")
    assert np.abs(read_clip(made, 16000)).max() == pytest.approx(0.9, abs=0.02)


def test_an_absent_valid_is_drawn_from_train(tmp_path, listed):
    path = listed(lambda rows: [{**row, "split": "train" if i < 10 else "test"} for i, row in enumerate(rows)])
    assert invoke("prepare", path, "--out", tmp_path / "tones-v1").exit_code == 0
    task = Task.from_dir(tmp_path / "tones-v1")
    assert {split: len(task.items[split]) for split in task.splits} == {"train": 8, "valid": 2, "test": 2}
    assert set(task.items["test"]) == {"10.wav", "11.wav"}
    assert len({int(Path(file).stem) // 2 for file in task.items["valid"]}) == 1
    assert "valid drawn with seed 0 from train" in report(tmp_path)["facts"]["splits"]


def test_events_in_seconds_become_events_in_ms(tmp_path, listed):
    def change(rows):
        found = [{"file": row["file"], "start": 0.1, "end": 0.3, "label": row["label"]} for row in rows]
        found[5].update(start="", end="", label="")
        found[6]["end"] = 0.45  # 50 ms after its clip
        return [*found, {"file": "clips/0.wav", "start": 0.2, "end": 0.25, "label": "high"}]

    path = listed(change)
    options = ("--folds", 3, "--median-filter-ms", 150, "--min-duration-ms", 50)
    done = invoke("prepare", path, "--out", tmp_path / "tones-v1", *options)
    assert done.exit_code == 0, done.output
    task = Task.from_dir(tmp_path / "tones-v1")
    check_task(task)
    events = {file: found for split in task.splits for file, found in task.items[split].items()}
    assert events["0.wav"] == (Event("low", 100.0, 300.0), Event("high", 200.0, 250.0))
    assert events["5.wav"] == ()
    assert events["6.wav"] == (Event("low", 100.0, 400.0),)
    assert task.metrics == ("event_onset_200ms_fms", "segment_1s_er")
    assert task.evaluation_params["event_postprocessing_grid"] == {"median_filter_ms": [150.0], "min_duration": [50.0]}
    wrong = invoke("prepare", path, "--out", tmp_path / "tones-v2", "--unit", "ms", "--metric", "top1_acc")
    assert "metric top1_acc is not one of event tasks" in wrong.output


def test_a_vocabulary_has_an_order_of_its_own(tmp_path, listed):
    (tmp_path / "words.csv").write_text("idx,label\n0,low\n1,middle\n2,high\n")
    done = invoke("prepare", listed(), "--out", tmp_path / "a-v1", "--folds", 3, "--labels", tmp_path / "words.csv")
    assert done.exit_code == 0, done.output
    assert Task.from_dir(tmp_path / "a-v1").labels == ("low", "middle", "high")
    assert read_vocabulary(tmp_path / "a-v1" / "labelvocabulary.csv") == ("low", "middle", "high")
    path = listed(lambda rows: [{**row, "label": str(8 + i % 5)} for i, row in enumerate(rows)])
    assert invoke("prepare", path, "--out", tmp_path / "b-v1", "--folds", 3).exit_code == 0
    assert Task.from_dir(tmp_path / "b-v1").labels == ("8", "9", "10", "11", "12")


def test_equal_names_of_several_folders_are_told_apart(tmp_path, listed):
    def change(rows):
        write_clip(tmp_path / "more" / "0.wav", sound(20))
        return [*rows, {"file": "more/0.wav", "label": "low", "recording": "r9"}]

    assert invoke("prepare", listed(change), "--out", tmp_path / "tones-v1", "--folds", 3).exit_code == 0
    items = Task.from_dir(tmp_path / "tones-v1").items.values()
    assert {"clips_0.wav", "more_0.wav", "1.wav"} <= {file for found in items for file in found}


def test_a_study_runs_on_what_was_made(tmp_path, listed):
    assert invoke("prepare", listed(), "--out", tmp_path / "tones-v1", "--folds", 3).exit_code == 0
    metadata = json.loads((tmp_path / "tones-v1" / "task_metadata.json").read_text())
    metadata["evaluation_params"] = {"task_specific_param_grid": {"max_epochs": [4]}}  # to be quick
    (tmp_path / "tones-v1" / "task_metadata.json").write_text(json.dumps(metadata))
    study = {"name": "mine", "models": [{"checkpoint": "logmel"}], "tasks": ["tones-v1"]}
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(study))
    done = invoke("run", tmp_path / "mine.yaml", "--runs", tmp_path / "runs", "--store", tmp_path / "store")
    assert done.exit_code == 0, done.output
    rows = read_rows(tmp_path / "runs" / "mine")
    assert list(rows["fold"]) == ["fold00", "fold01", "fold02"]
    assert rows["score"].between(0, 1).all()
