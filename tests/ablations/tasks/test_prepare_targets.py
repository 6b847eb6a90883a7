"""Lists with a column target, which make regression tasks."""

import json
import math

import numpy as np
import pytest

from ablations.tasks.prepare.listing import read_listing
from downstream.checks import check_task
from downstream.tasks.task import Task
from tests.ablations.tasks.listed import invoke, report
from tests.conftest import tone, write_clip

CLIPS = 18


@pytest.fixture
def pitched(tmp_path):
    """Call with a function of the rows; writes clips and a list of their pitches, three clips a recording."""

    def write(change=lambda rows: rows):
        rows = []
        for number in range(CLIPS):
            target = 7 * number % CLIPS + 0.25
            write_clip(tmp_path / "clips" / f"{number}.wav", tone(200 * 2 ** (target / 12), 0.2))
            rows.append({"file": f"clips/{number}.wav", "target": target, "recording": f"r{number // 3}"})
        rows = change(rows)
        lines = [",".join(rows[0]), *(",".join(map(str, row.values())) for row in rows)]
        path = tmp_path / "list.csv"
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def with_column(name, values):
    return lambda rows: [{**row, name: value} for row, value in zip(rows, values, strict=True)]


def test_folds_are_drawn_by_groups_and_even_in_targets(tmp_path, pitched):
    done = invoke("prepare", pitched(), "--out", tmp_path / "tones-v1", "--folds", 3)
    assert done.exit_code == 0, done.output
    task = Task.from_dir(tmp_path / "tones-v1")
    check_task(task)
    assert task.is_regression
    assert (task.labels, task.metrics, task.split_mode) == (("target",), ("r2", "pearson"), "new_split_kfold")
    found = {file: values for files in task.items.values() for file, values in files.items()}
    assert found == {f"{number}.wav": (7 * number % CLIPS + 0.25,) for number in range(CLIPS)}
    recordings = [{int(file.split(".")[0]) // 3 for file in task.items[split]} for split in task.splits]
    assert sum(map(len, recordings)) == len(set.union(*recordings)) == 6
    assert {group for groups in task.groups.values() for group in groups.values()} == {f"r{i}" for i in range(6)}
    means = [np.mean([value for (value,) in files.values()]) for files in task.items.values()]
    assert np.ptp(means) < 5, "of targets from 0.25 to 17.25"
    again = invoke("prepare", tmp_path / "list.csv", "--out", tmp_path / "again" / "tones-v1", "--folds", 3)
    assert again.exit_code == 0
    assert Task.from_dir(tmp_path / "again" / "tones-v1").items == task.items


def test_the_report_describes_the_targets(tmp_path, pitched):
    done = invoke("prepare", pitched(), "--out", tmp_path / "tones-v1", "--folds", 3)
    assert "- kind: scene, regression" in done.output
    assert "## Targets" in done.output
    assert "Files of each label" not in done.output
    found = report(tmp_path)
    assert found["labels"] == []
    assert [row["split"] for row in found["targets"]] == ["fold00", "fold01", "fold02", "all"]
    targets = np.array([7 * number % CLIPS + 0.25 for number in range(CLIPS)])
    last = found["targets"][-1]
    assert (last["different"], last["smallest"], last["largest"]) == (18, 0.25, 17.25)
    assert last["median"] == np.median(targets)
    assert last["standard deviation"] == pytest.approx(targets.std())
    assert found["findings"] == []


def test_splits_of_the_list_and_other_metrics(tmp_path, pitched):
    splits = ["train"] * 9 + ["test"] * 9
    path = pitched(with_column("split", splits))
    done = invoke("prepare", path, "--out", tmp_path / "tones-v1", "--metric", "mae", "--metric", "r2", "--folds", 3)
    assert done.exit_code == 0, done.output
    task = Task.from_dir(tmp_path / "tones-v1")
    assert task.metrics == ("mae", "r2")
    assert [len(task.items[split]) for split in ("train", "valid", "test")] == [6, 3, 9]


@pytest.mark.parametrize(
    "text", ["loud", "nan", "inf", "-inf", "", "1e400", "1e18", "1_000", "0x10", "60 dB", "true", "٣"]
)
def test_targets_that_are_no_numbers(tmp_path, pitched, text):
    def change(rows):
        rows[4]["target"] = text
        return rows

    done = invoke("prepare", pitched(change), "--out", tmp_path / "tones-v1")
    assert done.exit_code == 1
    assert f"list.csv: line 6: clips/4.wav: target must be a number, got '{text}'" in done.output
    assert done.output.strip().count("\n") == 0


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (with_column("start", range(CLIPS)), [], "a target is of a whole file, so that it must have no columns start"),
        (lambda rows: [{**row, "target": 3} for row in rows], [], "target must have several values among the files"),
        (lambda rows: rows[:1], [], "folds can't be drawn of 1 groups"),
        (lambda rows: rows, ["--metric", "mAP"], "metric mAP is not one of regression tasks"),
        (lambda rows: rows, ["--metric", "segment_1s_er"], "metric segment_1s_er is not one of scene tasks"),
        (lambda rows: rows, ["--multiclass"], "multiclass is of the column labels"),
        (lambda rows: rows, ["--labels", "LIST"], "a vocabulary is of labels"),
    ],
)
def test_what_makes_no_regression_task(tmp_path, pitched, change, options, message):
    path = pitched(change)
    options = [path if option == "LIST" else option for option in options]
    done = invoke("prepare", path, "--out", tmp_path / "tones-v1", *options)
    assert done.exit_code == 1
    assert message in done.output
    assert done.output.strip().count("\n") == 0
    assert not (tmp_path / "tones-v1").exists()


def test_r2_is_no_metric_of_labels(tmp_path, pitched):
    def labels(rows):
        return [{"file": row["file"], "label": number % 2} for number, row in enumerate(rows)]

    done = invoke("prepare", pitched(labels), "--out", tmp_path / "tones-v1", "--metric", "r2")
    assert done.exit_code == 1
    assert "metric r2 is not one of multiclass tasks" in done.output


def test_a_list_with_labels_keeps_its_column_target_to_itself(pitched):
    """Lists such as ESC-50's have a number of the label there."""
    listing = read_listing(pitched(with_column("label", ["a", "b"] * (CLIPS // 2))))
    assert listing.prediction_type == "multiclass"
    assert {entry.target for entry in listing.entries} == {None}


def test_splits_of_one_target_and_training_of_one_target(tmp_path, pitched):
    folds = with_column("fold", [number // 3 % 3 for number in range(CLIPS)])

    def test_of_one(rows):
        return [{**row, "target": 5 if row["fold"] == 2 else row["target"]} for row in folds(rows)]

    done = invoke("prepare", pitched(test_of_one), "--out", tmp_path / "tones-v1")
    assert done.exit_code == 1
    assert (
        "target must have several values among the files that are trained on, got 5.0 for each of fold02" in done.output
    )
    splits = with_column("split", ["train"] * 6 + ["valid"] * 6 + ["test"] * 6)

    def one(rows):
        return [{**row, "target": 5 if row["split"] == "test" else row["target"]} for row in splits(rows)]

    done = invoke("prepare", pitched(one), "--out", tmp_path / "tones-v1")
    assert done.exit_code == 0, done.output
    (finding,) = report(tmp_path)["findings"]
    assert finding["kind"] == "one_target"
    assert finding["text"] == "target is 5.0 for each file of test"


def test_one_sound_with_two_targets(tmp_path, pitched):
    def copied(rows):
        (tmp_path / "clips" / "3.wav").write_bytes((tmp_path / "clips" / "0.wav").read_bytes())
        return rows

    assert invoke("prepare", pitched(copied), "--out", tmp_path / "tones-v1", "--folds", 3).exit_code == 0
    found = {finding["kind"]: finding["text"] for finding in report(tmp_path)["findings"]}
    assert found["conflicts"] == "line 2: clips/0.wav: 0.25, but clips/3.wav (line 5) with the same sound: 3.25"
    items = json.loads((tmp_path / "tones-v1" / "fold00.json").read_text())
    assert all(math.isfinite(value) for (value,) in items.values())
