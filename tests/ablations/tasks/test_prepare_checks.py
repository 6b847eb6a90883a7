"""What is wrong with lists and clips is found, and stops a task where it must."""

import numpy as np
import pytest
import soundfile

from downstream.tasks.task import Task
from tests.ablations.tasks.listed import invoke, kinds, report, sound
from tests.conftest import write_clip


def test_one_sound_and_its_copies_lie_in_one_fold(tmp_path, listed):
    def change(rows):
        for i, padding in ((3, 100), (7, 5)):
            padded = np.concatenate([np.zeros(padding), sound(0), np.zeros(padding)])
            write_clip(tmp_path / "clips" / f"{i}.wav", padded)
        return [{**row, "label": "x" if i in (0, 3) else row["label"], "recording": ""} for i, row in enumerate(rows)]

    path = listed(change)
    assert invoke("prepare", path, "--out", tmp_path / "tones-v1", "--folds", 3).exit_code == 0
    task = Task.from_dir(tmp_path / "tones-v1")
    assert sum({"0.wav", "3.wav", "7.wav"} <= set(task.items[split]) for split in task.splits) == 1
    assert {"duplicates", "conflicts"} <= kinds(tmp_path)
    assert invoke("prepare", path, "--out", tmp_path / "tones-v2", "--folds", 3, "--drop", "duplicates").exit_code == 0
    kept = Task.from_dir(tmp_path / "tones-v2").items.values()
    assert {file for items in kept for file in items} == {f"{i}.wav" for i in range(12) if i not in (3, 7)}


@pytest.mark.parametrize("what", ["sound", "group"])
def test_a_leak_stops_the_task_unless_it_is_allowed(tmp_path, listed, what):
    def change(rows):
        if what == "sound":
            write_clip(tmp_path / "clips" / "11.wav", sound(0))
        splits = ["train"] * 6 + ["valid"] * 2 + ["test"] * 4
        group = [f"r{i // 2}" for i in range(11)] + ["r5" if what == "sound" else "r0"]
        return [{**row, "split": s, "recording": g} for row, s, g in zip(rows, splits, group, strict=True)]

    path = listed(change)
    done = invoke("prepare", path, "--out", tmp_path / "tones-v1")
    assert done.exit_code == 1
    shown = "the same sound" if what == "sound" else "group 'r0'"
    last = done.output.splitlines()[-1]
    assert f"line 2: clips/0.wav: {shown} is in train and, by clips/11.wav (line 13), in test" in last
    assert "--allow leaks" in last
    assert not list(tmp_path.glob("*tones-v1"))
    assert "leaks" in kinds(tmp_path)
    assert invoke("prepare", path, "--out", tmp_path / "tones-v1", "--allow", "leaks").exit_code == 0
    assert Task.from_dir(tmp_path / "tones-v1").splits == ("train", "valid", "test")


def test_clips_at_the_scale_of_integers_stop_the_task(tmp_path, listed):
    def change(rows):
        soundfile.write(tmp_path / "clips" / "0.wav", 32768 * sound(0), 16000, subtype="FLOAT")
        return rows

    done = invoke("prepare", path := listed(change), "--out", tmp_path / "tones-v1", "--folds", 3)
    assert done.exit_code == 1
    assert "line 2: clips/0.wav: samples up to 9830, expected [-1, 1]; divide integers" in done.output.splitlines()[-1]
    done = invoke("prepare", path, "--out", tmp_path / "tones-v1", "--folds", 3, "--drop", "unreadable")
    assert done.exit_code == 0, done.output


def test_clips_of_an_open_length_are_written_with_one(tmp_path, listed):
    def change(rows):
        path = tmp_path / "clips" / "0.wav"
        content = path.read_bytes()
        path.write_bytes(content[:40] + b"\0" * 4 + content[44:])
        return rows

    assert invoke("prepare", listed(change), "--out", tmp_path / "tones-v1", "--folds", 3).exit_code == 0
    (made,) = (tmp_path / "tones-v1").rglob("0.wav")
    assert np.abs(soundfile.read(made)[0] - sound(0)).max() < 1e-4


def test_broken_and_odd_clips_are_found(tmp_path, listed):
    def change(rows):
        (tmp_path / "clips" / "0.wav").write_bytes(b"RIFF")
        (tmp_path / "clips" / "1.wav").unlink()
        write_clip(tmp_path / "clips" / "2.wav", np.zeros(6400))
        write_clip(tmp_path / "clips" / "3.wav", sound(3)[:700])
        write_clip(tmp_path / "clips" / "4.wav", np.clip(9 * sound(4), -1, 1))
        cut = (tmp_path / "clips" / "5.wav").read_bytes()[:-2000]
        (tmp_path / "clips" / "5.wav").write_bytes(cut)
        return rows

    path = listed(change)
    done = invoke("prepare", path, "--out", tmp_path / "tones-v1", "--folds", 3)
    assert done.exit_code == 1
    last = done.output.splitlines()[-1]
    assert "list.csv: line 2: clips/0.wav: not readable as audio (4 bytes)" in last
    assert "for 3 unreadable: --drop unreadable leaves them out" in last
    lines = [finding["text"].split(": ")[0] for finding in report(tmp_path)["findings"]]
    found = [finding["kind"] for finding in report(tmp_path)["findings"]]
    assert list(zip(found, lines, strict=True))[:6] == [
        ("unreadable", "line 2"),
        ("unreadable", "line 3"),
        ("silent", "line 4"),
        ("short", "line 5"),
        ("clipped", "line 6"),
        ("unreadable", "line 7"),
    ]
    drops = ("--drop", "unreadable", "--drop", "silent", "--drop", "short", "--drop", "clipped")
    assert invoke("prepare", path, "--out", tmp_path / "tones-v1", "--folds", 3, *drops).exit_code == 0
    items = Task.from_dir(tmp_path / "tones-v1").items.values()
    assert {file for kept in items for file in kept} == {f"{i}.wav" for i in range(6, 12)}


def test_wrong_lengths_and_lonely_labels_are_found(tmp_path, listed):
    def change(rows):
        write_clip(tmp_path / "clips" / "0.wav", sound(0, seconds=0.3))
        folds = [{**row, "fold": i // 4} for i, row in enumerate(rows)]
        folds[0]["label"], folds[1]["label"], folds[6]["label"], folds[7]["label"] = "one", "01", "two", "two"
        return [{**row, "label": "two" if i == 10 else row["label"]} for i, row in enumerate(folds)]

    done = invoke("prepare", listed(change), "--out", tmp_path / "tones-v1", "--seconds", 0.4)
    assert done.exit_code == 1
    assert "line 2: clips/0.wav: 0.3 s, expected 0.4 s" in done.output.splitlines()[-1]
    texts = [finding["text"] for finding in report(tmp_path)["findings"]]
    assert "label 'one' is in fold00 alone" in texts
    assert "label 'two' is not in fold00" in texts
    allowed = invoke("prepare", tmp_path / "list.csv", "--out", tmp_path / "tones-v1", "--allow", "lengths")
    assert allowed.exit_code == 0
    assert Task.from_dir(tmp_path / "tones-v1").metadata["sample_duration"] is None


def test_labels_that_pandas_would_change_are_found(tmp_path, listed):
    path = listed(lambda rows: [{**row, "label": ("01", "2")[i % 2]} for i, row in enumerate(rows)])
    assert invoke("prepare", path, "--out", tmp_path / "tones-v1", "--folds", 3).exit_code == 0
    assert "kit_labels" in kinds(tmp_path)
    assert Task.from_dir(tmp_path / "tones-v1").labels == ("01", "2")


def test_events_after_their_clip_stop_the_task(tmp_path, listed):
    path = listed(lambda rows: [{"file": r["file"], "start": 100, "end": 300, "label": r["label"]} for r in rows])
    done = invoke("prepare", path, "--out", tmp_path / "tones-v1", "--folds", 3)
    assert "line 2: clips/0.wav: low ends at 300000 ms, but the clip at 400 ms" in done.output.splitlines()[-1]
    assert invoke("prepare", path, "--out", tmp_path / "tones-v1", "--folds", 3, "--unit", "ms").exit_code == 0
