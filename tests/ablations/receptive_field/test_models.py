"""Fields of models that decide more themselves: whole clips, their own timestamps; and what is refused."""

import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import ablations as ab
from ablations.cli import main
from tests.ablations.hear_fakes import TORCH
from tests.ablations.models.hf import tiny

QUICK = ["--clips", "3", "--stretch", "40"]


@pytest.fixture
def invoke(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABLATE_STORE", str(tmp_path / "store"))
    return lambda *arguments: CliRunner().invoke(main, ["field", *map(str, arguments)])


def test_a_hear_module_at_its_own_timestamps(hear_module):
    """Its timestamps are the beginnings of stretches of 40 ms: all of the field lies behind them."""
    found = ab.field("hear:" + hear_module(TORCH), task=None, clips=4, stretch_ms=10, reach_ms=120)
    (row,) = found.numbers.itertuples()
    assert row.method == "occlusion"
    assert np.isnan(row.nominal_start)
    assert row.future == pytest.approx(1)
    assert 0 <= row.start_95 < row.stop_95 <= 40
    assert (found.curves.loc[found.curves["start_ms"] >= 40, "share"] == 0).all()


def test_whole_clips_and_windows_of_an_encoder(tmp_path):
    pytest.importorskip("transformers")
    folder = tiny.save("wavlm", tmp_path / "wavlm")
    found = ab.field(
        f"hf:{folder}", levels=["block0", "block2"], windows_ms=["own", 200], task=None, clips=2, reach_ms=200
    )
    numbers = found.numbers.set_index(["level", "window_ms"])
    assert list(found.numbers["method"].unique()) == ["occlusion"]
    own = found.numbers[found.numbers["window_ms"].isna()]
    assert list(own["level"]) == ["block0", "block2"]
    assert own["nominal_start"].isna().all()
    assert (numbers.loc[[("block0", 200), ("block2", 200)], "outside"] == 0).all()
    beyond = found.curves[found.curves["window_ms"].isna() & (found.curves["stop_ms"] < -120)]
    reaches = beyond.groupby("level")["share"].sum()
    assert reaches["block2"] > 0, "attention hears the whole clip"


def test_files_and_table_of_the_command(invoke, tmp_path):
    result = invoke("passt_demo", "--levels", "block1", "--levels", "block2..block3", "--windows", 160, *QUICK)
    assert result.exit_code == 0, result.output
    folder = tmp_path / "field"
    assert sorted(path.name for path in folder.iterdir()) == ["field.csv", "field.json", "field.md", "field.png"]
    curves, content = pd.read_csv(folder / "field.csv"), json.loads((folder / "field.json").read_text())
    assert list(curves["level"].unique()) == ["block1", "block2", "block3"]
    sums = curves.groupby(["level", "method"])["share"].sum()
    assert sums.to_numpy() == pytest.approx(1, abs=1e-4)
    assert len(sums) == len(content["numbers"]) == 6
    expected = "ablate field passt_demo --levels block1 --levels block2..block3 --windows 160 --clips 3 --stretch 40"
    assert content["command"] == expected
    assert f"`{expected}`" in (folder / "field.md").read_text()
    assert "-80 to +80" in result.stdout
    assert "3 clips of digit_events; stretches of 40 ms" in result.stdout


def test_the_same_command_gives_the_same_files(invoke, tmp_path):
    for out in ("one", "two"):
        assert invoke("logmel", "--windows", 160, *QUICK, "--replace", "silence", "--out", out).exit_code == 0
    for name in ("field.csv", "field.json", "field.md"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert "replaced by silence" in (tmp_path / "one" / "field.md").read_text()


def test_clips_of_a_task_with_conditions(invoke, scene_task):
    task = scene_task("tasks/tones")
    result = invoke("logmel", "--levels", "mean", "--windows", 160, "--task", f"{task}+snr10", *QUICK)
    assert result.exit_code == 0, result.output
    assert "tones+snr10" in result.stdout


def refused(result) -> str:
    assert result.exit_code == 1, result.output
    (line,) = result.stderr.strip().splitlines()
    assert line.startswith("Error: ")
    return line


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chance"], "the embedding is the same for every sound"),
        (["passt_demo", "--levels", "block99"], "unknown level 'block99'"),
        (["passt_demo", "--levels", "block1..layer3"], "unknown level 'layer3'"),
        (["passt_demo", "--windows", "5"], "windows_ms must be"),
        (["passt_demo", "--windows", "wide"], "windows_ms must be whole milliseconds or own, got 'wide'"),
        (["passt_demo", "--windows", "160", "--stretch", "81"], "at most half of the window, 160 ms, got 81"),
        (["passt_demo", "--stretch", "0"], "stretch_ms must be a whole number of at least 1, got 0"),
        (["passt_demo", "--clips", "1"], "clips must be a whole number of at least 2, got 1"),
        (["passt_demo@block1", "--levels", "block2"], "levels are given twice"),
        (["passt_demo@block1+block2@weighted"], "weighted"),
        (["passt_demo", "--windows", "9000"], "0 of its clips are as long as 10 s, a window with its margins"),
        (["passt_demo", "--task", "nothing"], "task 'nothing' is absent"),
        (["nothing"], "unknown checkpoint 'nothing'"),
        (["passt_demo ++ logmel"], "expected one model, got 2 side by side"),
        (["logmel", "--method", "gradients", "--noise", "--clips", "2"], "logmel@none: no gradients: torch does not"),
        (["crepe_tiny", "--windows", "160"], "its receptive field is its own"),
    ],
)
def test_one_line_says_what_is_wrong(invoke, arguments, message):
    assert message in refused(invoke(*arguments))


def test_noise_is_no_task(invoke):
    result = invoke("logmel", "--noise", "--task", "digits")
    assert result.exit_code == 2
    assert "--noise is in place of a task" in result.output


def test_short_clips_are_passed_over(invoke):
    result = invoke("logmel", "--levels", "mean", "--windows", 600, "--task", "digits", "--clips", 4, "--stretch", 60)
    assert result.exit_code == 0, result.output
    assert "shorter ones were passed over" in result.stdout


def test_python_values_are_checked():
    for options, message in (
        ({"levels": "block1"}, "levels must be a list"),
        ({"windows_ms": []}, "windows_ms must be a list"),
        ({"methods": ["guess"]}, "unknown method 'guess'"),
        ({"replacement": "music"}, "unknown replacement 'music'"),
        ({"reach_ms": 1.5}, "reach_ms must be a whole number"),
    ):
        with pytest.raises(ValueError, match=message):
            ab.field("passt_demo", task=None, **options)
