"""A kill, a second run and a wrong option leave nothing half-made."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ablations.tasks.listed import contents, invoke
from tests.conftest import run_environment


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folds", 7], "list.csv: 7 folds can't be drawn of 6 groups"),
        (["--folds", 2], "folds must be at least 3 (train, valid, test), got 2"),
        (["--metric", "accuracy"], "unknown metric 'accuracy'; expected one of top1_acc"),
        (["--group", "speaker"], "must have the columns file, speaker; speaker is absent"),
        (["--rate", 0], "rate must be 1000 to 10000000 Hz, got 0"),
        (["--audio", "nowhere"], "clips/0.wav: no such file in nowhere/clips"),
    ],
)
def test_errors_are_one_line(tmp_path, listed, options, message):
    done = invoke("prepare", listed(), "--out", tmp_path / "tones-v1", *options)
    assert done.exit_code == 1
    assert message in done.output.splitlines()[-1]


def test_nothing_is_overwritten_and_a_check_makes_nothing(tmp_path, listed):
    path = listed()
    assert invoke("prepare", path, "--out", tmp_path / "tones-v1", "--folds", 3, "--check").exit_code == 0
    assert not (tmp_path / "tones-v1").exists()
    assert "kind: scene, multiclass" in (tmp_path / "list.report.md").read_text()
    (tmp_path / "tones-v1").mkdir()
    done = invoke("prepare", path, "--out", tmp_path / "tones-v1")
    assert "tones-v1 is there already" in done.output.splitlines()[-1]


def test_a_killed_one_goes_on(tmp_path, listed):
    path = listed(rates=(16000, 8000))
    places = (
        "ablations.tasks.prepare.folder:_write_clip=7",
        "ablations.tasks.prepare.folder:write_json=3",
        "os:fsync=9",
    )
    script = [sys.executable, str(Path(__file__).with_name("killing_prepare.py")), str(path), str(tmp_path), *places]
    found = subprocess.run(script, env=run_environment(tmp_path), capture_output=True, text=True, check=False)
    assert found.stdout.split() == ["-9"] * len(places), found.stderr
    assert invoke("prepare", path, "--out", tmp_path / "whole" / "tones-v1", "--folds", 3).exit_code == 0
    for number in range(len(places)):
        folder = tmp_path / str(number)
        assert not (folder / "tones-v1").exists()
        there = {clip.name: clip.stat().st_mtime_ns for clip in (folder / ".tones-v1.partial").rglob("[!.]*.wav")}
        assert there
        assert invoke("prepare", path, "--out", folder / "tones-v1", "--folds", 3).exit_code == 0
        assert contents(folder / "tones-v1") == contents(tmp_path / "whole" / "tones-v1")
        made = {clip.name: clip.stat().st_mtime_ns for clip in (folder / "tones-v1").rglob("*.wav")}
        assert there.items() <= made.items()
        assert not list(folder.glob(".*"))


def test_what_another_list_left_is_not_used(tmp_path, listed):
    left = tmp_path / ".tones-v1.partial"
    (left / "16000" / "fold00").mkdir(parents=True)
    (left / "plan.json").write_text("another")
    for number in range(12):
        (left / "16000" / "fold00" / f"{number}.wav").write_bytes(b"another")
    assert invoke("prepare", listed(), "--out", tmp_path / "tones-v1", "--folds", 3).exit_code == 0
    assert b"another" not in contents(tmp_path / "tones-v1").values()


def test_two_runs_do_not_write_at_once(tmp_path, listed):
    left = tmp_path / ".tones-v1.partial"
    left.mkdir()
    held = os.open(left, os.O_RDONLY)
    fcntl.flock(held, fcntl.LOCK_EX)
    done = invoke("prepare", listed(), "--out", tmp_path / "tones-v1", "--folds", 3)
    os.close(held)
    assert "tones-v1 is being made by another run" in done.output.splitlines()[-1]
