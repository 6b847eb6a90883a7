"""Published scores as they are asked for: a study's key `reference`, the option --reference, ablate reference."""

import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.study.study import Study
from results.reference.published import published
from results.rows.rows import read_rows


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def study(tmp_path, scene_task):
    """Writes a study of one cheap model on a task that is called as HEAR's ESC-50."""
    task = scene_task(name="esc50-v2.0.0-full")

    def write(**changes):
        found = {"name": "mine", "models": [{"checkpoint": "logmel"}], "tasks": [str(task)], **changes}
        path = tmp_path / "mine.yaml"
        path.write_text(yaml.safe_dump(found))
        return path

    return write


def test_a_study_with_published_scores(tmp_path, study):
    places = ["--runs", tmp_path / "runs"]
    store = ["--store", tmp_path / "store", "--device", "cpu"]
    ran = invoke("run", study(reference=["leaderboard:OpenL3", "fig10"]), *places, *store)
    assert ran.exit_code == 0, ran.output
    assert "OpenL3 (leaderboard)‡ " in ran.output
    assert "≈0.959" in ran.output
    folder = tmp_path / "runs" / "mine"
    assert read_rows(folder)["model"].unique().tolist() == ["logmel"]
    assert pd.read_csv(folder / "table.csv")["model"].tolist() == [
        *("logmel", "OpenL3 (leaderboard)‡", "PaSST M+H hop=10 (fig10)‡", "PaSST L+M 2RF hop=5 (fig10)‡")
    ]
    shown = invoke(
        "table",
        "mine",
        *places,
        "--reference",
        "ced:*base",
        "--reference",
        "leaderboard:openl3",
        "--format",
        "markdown",
    )
    assert shown.exit_code == 0, shown.output
    assert [line.split("|")[1].strip() for line in shown.output.splitlines()[2:7]] == [
        *("logmel", "OpenL3 (leaderboard)‡", "PaSST M+H hop=10 (fig10)‡", "PaSST L+M 2RF hop=5 (fig10)‡"),
        "ced-base (ced)‡",
    ]
    drawn = invoke("figure", "mine", *places, "--reference", "ced")
    assert drawn.exit_code == 0, drawn.output
    again = invoke("run", study(), *places, *store)
    assert again.exit_code == 0, again.output
    assert "‡" not in again.output
    assert not (folder / "reference.csv").exists()
    wrong = invoke("table", "mine", *places, "--reference", "fig9")
    assert wrong.exit_code == 1
    assert "unknown reference 'fig9' (Figures 6 to 9 are box plots" in wrong.output


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ("fig5", "reference must be a list, got 'fig5'"),
        ([5], r"reference, number 1, must be text, got 5"),
        (["fig11"], "mine.yaml: unknown reference 'fig11' .did you mean 'fig10'.*; expected one of leaderboard, fig4"),
        (["fig5", "ced:x"], "reference 'ced:x' is of no model; expected one of ced-tiny"),
    ],
)
def test_a_studys_references_are_checked_when_it_is_loaded(study, names, message):
    with pytest.raises(ValueError, match=message):
        Study.load(study(reference=names))


def test_a_study_keeps_its_references(study):
    assert Study.load(study(reference=["fig5", "leaderboard:*PANNs"])).reference == ("fig5", "leaderboard:*PANNs")
    assert Study.load(study()).reference == ()


def test_the_sets_are_listed():
    result = invoke("reference")
    assert result.exit_code == 0
    lines = {line.split()[0]: line for line in result.output.splitlines() if line}
    assert lines["leaderboard"].split()[1:5] == ["34", "19", "616", "exact"]
    assert "read off, within 0.003" in lines["fig5"]


def test_rows_are_shown_and_written(tmp_path):
    path = tmp_path / "rows.csv"
    result = invoke("reference", "leaderboard:*passt*", "ced", "--csv", path)
    assert result.exit_code == 0, result.output
    assert "‡ published, not measured here" in result.output
    (esc50,) = [line for line in result.output.splitlines() if line.startswith("esc50 (top1_acc)")]
    assert esc50.split()[2:] == ["0.947"] * 3 + ["0.958", "0.954", "0.960", "0.967"]
    written = pd.read_csv(path)
    assert written["score"].tolist() == published(["leaderboard:*passt*", "ced"])["score"].tolist()


def test_many_models_are_rows():
    lines = invoke("reference", "leaderboard").output.splitlines()
    assert sum(line.startswith("GURA ") for line in lines) == 11
    assert any(line.startswith("OpenL3‡ ") for line in lines)


def test_what_cannot_be_is_one_line(tmp_path):
    result = invoke("reference", "fig5", "nothing")
    assert result.exit_code == 1
    assert result.output.startswith("Error: unknown reference 'nothing'; expected one of")
    assert result.output.count("\n") == 1
    assert invoke("reference", "--csv", tmp_path / "x.csv").exit_code == 2


def test_the_list_counts_what_the_options_leave():
    lines = {
        line.split()[0]: line.split()
        for line in invoke("reference", "--year", "2025", "--task", "esc50").output.splitlines()
        if line
    }
    assert [lines[name][1:4] for name in ("usad", "gram", "wavjepa")] == [
        ["6", "1", "6"],
        ["14", "1", "14"],
        ["14", "1", "14"],
    ]
    assert "leaderboard" not in lines


def test_options_and_names_together(tmp_path):
    path = tmp_path / "rows.csv"
    options = ("--protocol", "hear2021", "--year", "2022..2024", "--task", "esc50", "--task", "beehive")
    result = invoke("reference", "leaderboard", "dasheng", "usad", *options, "--csv", path)
    assert result.exit_code == 0, result.output
    written = pd.read_csv(path)
    assert set(written["task"]) == {"esc50", "beehive"}
    assert written.groupby(written["spec"].str.split(":").str[0]).size().to_dict() == {"dasheng": 3, "leaderboard": 10}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--protocol", "hear2022"), "unknown protocol 'hear2022' (did you mean 'hear2021'?)"),
        (("--task", "nsynth"), "unknown task 'nsynth' (did you mean 'nsynth_pitch_50h' or 'nsynth_pitch_5h'?)"),
        (("--year", "soon"), "year must be one such as 2024"),
        (("--year", "1999"), "no published score is of all that the options ask for"),
        (("usad", "--protocol", "hear2021"), "no published score is of all that the options ask for"),
    ],
)
def test_what_no_score_is_of_is_one_line(options, message):
    result = invoke("reference", *options)
    assert result.exit_code == 1
    assert message in result.output
    assert result.output.count("\n") == 1


def test_cells_of_models_that_were_trained_on_the_task_are_marked():
    output = invoke("reference", "leaderboard:CREPE", "--task", "nsynth_pitch_5h").output
    assert "0.870§" in output
    assert "§ trained on data of the task: CREPE on nsynth_pitch_5h (NSynth, with labels)." in output
