"""ablate compare, and ablate table's formats."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.report.compare import clip_metrics, compared
from results.rows import rows
from tests.results.statistics.test_versus import write_job
from tests.results.tables.test_compose import crossed


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of three models on two scene tasks and an event task, with predictions."""
    folder = tmp_path_factory.mktemp("runs") / "mine"
    (folder / "jobs").mkdir(parents=True)
    found = crossed(models=("good", "bad", "worst"), tasks=("esc50", "fsd50k", "dcase2016_task2"), folds=1, seeds=1)
    found["job"] = found["model"] + found["task"]
    shares = {"good": 0.95, "bad": 0.5, "worst": 0.2}
    for row in found.itertuples():
        event = row.task == "dcase2016_task2"
        found.loc[row.Index, "score"] = write_job(folder, row.job, shares[row.model], clips=5, event=event)
        job = {"job": row.job, "seed": 0, "folds": [{"fold": "fold00", "tried": []}]}
        (folder / "jobs" / f"{row.job}.json").write_text(json.dumps(job))
    found = found.assign(lr=3.2e-3, weights=found["model"].map({"worst": "untrained-0"}).fillna("published"))
    rows.write_rows(found.astype(object).where(found.notna(), None).to_dict("records"), folder / "rows.csv")
    return folder


def test_two_models_on_clips_and_over_tasks(run):
    result = invoke("compare", "mine", "good", "bad", "--runs", run.parent, "--resamples", 200)
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    (esc50,) = [line.split() for line in lines if line.startswith("esc50 ")]
    scored = rows.read_rows(run).query("task == 'esc50'").set_index("model")["score"]
    assert esc50[1:5] == [
        "top1_acc",
        f"{scored['good']:.3f}",
        f"{scored['bad']:.3f}",
        f"{scored['good'] - scored['bad']:+.3f}",
    ]
    assert esc50[-4:] == ["40", "–", "1", "differ"]  # clips, groups, seeds, verdict
    assert "- fsd50k (mAP): needs --all-metrics." in lines
    notes = [line for line in lines if line.startswith("- esc50 (top1_acc), dcase2016_task2 (event_onset_200ms_fms): ")]
    assert [note.split(": ", 1)[1] for note in notes] == [
        "groups are not recorded in this run; clips are taken as independent.",
        "one seed: that training with another seed gives another score is not in it.",
    ]
    (events,) = [line.split() for line in lines if line.startswith("dcase2016_task2 ")]
    assert events[1] == "event_onset_200ms_fms"
    assert float(events[4]) > 0
    assert "Not established over tasks: 3 tasks; at least 6 are needed for 95%." in lines
    assert any(line.startswith("Friedman of 3 models over 3 tasks: chi-square ") for line in lines)
    assert any(line.startswith("good ") and " bad " in line for line in lines)
    assert any(line.startswith("The best learning rate is the highest that hear2021 tries") for line in lines)
    assert not any("worst" in line for line in lines if line.startswith("The best learning"))


def test_the_twin_has_frames(run):
    found = compared(run, [("good", "bad")], all_metrics=True, resamples=50)
    clips = found.clips.set_index("task")
    assert clips["reason"].tolist() == ["", "", clips.loc["dcase2016_task2", "reason"]]
    assert clips.loc["esc50", "p"] < 0.05
    assert clips.loc["fsd50k", "difference"] > 0
    assert list(found.tasks[["a", "b"]].iloc[0]) == ["good", "bad"]
    assert set(found.variance["model"]) == {"good", "bad"}
    assert set(found.ranking.ranks.index) == {"good", "bad", "worst†"}
    assert found.notes == ()


def test_all_models_pair_by_pair(run):
    found = compared(run)
    assert found.clips is None
    assert len(found.tasks) == 3
    assert invoke("compare", run).exit_code == 0


def test_a_model_is_not_compared_with_itself(run):
    found = compared(run, [("bad", "bad")], resamples=50)
    assert set(found.clips["verdict"]) == {"not compared"}
    assert found.tasks.empty


def test_two_clips_establish_nothing(run, tmp_path):
    """22 and 19 of 24 events found in two clips: a bootstrap over clips would give p .0005."""
    hits = {"good": [(12, 12, 12), (10, 12, 12)], "bad": [(10, 12, 12), (9, 12, 12)]}
    table = rows.read_rows(run).query("task == 'dcase2016_task2' and model != 'worst'")
    (tmp_path / "jobs").mkdir()
    for row in table.itertuples():
        arrays = {"files": ["0", "1"], "prediction": [[0.0]] * 2, "target": [[0]] * 2, "offsets": [0, 1, 2]}
        arrays |= {"timestamps": [0.0, 0.0], "counts": hits[row.model], "groups": ["", ""]}
        path = tmp_path / "jobs" / row.job
        np.savez(path, **{f"fold00.{name}": np.array(values) for name, values in arrays.items()})
        job = {"job": row.job, "seed": 0, "folds": [{"fold": "fold00", "tried": []}]}
        path.with_suffix(".json").write_text(json.dumps(job))
    rows.write_rows(table.astype(object).where(table.notna(), None).to_dict("records"), tmp_path / "rows.csv")
    (line,) = compared(tmp_path, [("good", "bad")]).clips.itertuples()
    assert (line.p, line.verdict) == (0.5, "not established")
    assert math.isnan(line.low)
    assert math.isnan(line.high)
    output = invoke("compare", tmp_path, "good", "bad").output
    assert "2 independent clips; at least 6 are needed for 95%." in output
    assert "[" not in next(text for text in output.splitlines() if text.startswith("dcase2016_task2 "))


def test_several_models_and_pairs_are_corrected_together_and_written(run, tmp_path):
    out = tmp_path / "compare.md"
    options = ("--runs", run.parent, "--resamples", 200, "--pair", "bad=worst", "--out", out)
    result = invoke("compare", "mine", "good", "bad", "worst", *options)
    assert result.exit_code == 0, result.output
    found = compared(run, [("good", "bad"), ("good", "worst"), ("bad", "worst")], resamples=200)
    assert len(found.clips) == 9
    one = compared(run, [("good", "bad")], resamples=200).clips
    assert found.clips["p"].tolist()[0] == one["p"].tolist()[0]
    assert found.clips["p_holm"].tolist()[0] > one["p_holm"].tolist()[0]
    text = out.read_text()
    assert text.startswith('# mine: models compared\n\n`ablate compare mine --pair "good=bad" --pair ')
    assert text.count("## A: ") == 3
    assert "| task " in text
    assert "corrected for the number of comparisons here that can reach 95% (6)" in text
    assert not list(tmp_path.glob(".*"))
    again = invoke("compare", run, "--pair", "good=bad", "--out", tmp_path / "compare.md" / "no")
    assert again.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("x", "bad"), 1, "unknown model 'x' in "),
        (("bad",), 2, "expected two models or more, or none, got 1: bad"),
        (("--pair", "bad"), 2, "--pair must be two models with = between them, got 'bad'"),
        (("--pair", "bad=x"), 1, "unknown model 'x' in "),
        (("good", "bad", "--confidence", "95"), 1, "confidence must be between 0 and 1"),
    ],
)
def test_what_cannot_be_compared_is_one_line(run, arguments, status, message):
    result = invoke("compare", run, *arguments)
    assert result.exit_code == status
    assert message in result.output.splitlines()[-1]


def test_without_predictions_the_rest_is_said(run, tmp_path):
    (tmp_path / "rows.csv").write_bytes((run / "rows.csv").read_bytes())
    result = invoke("compare", tmp_path, "good", "bad")
    assert result.exit_code == 0, result.output
    assert "No comparison on clips: no predictions at " in result.output
    assert "Friedman of 3 models" in result.output
    assert "no run at" in invoke("compare", tmp_path / "none").output


def test_clips_metrics_are_hears():
    wanted = {"top1_acc", "pitch_acc", "chroma_acc", "mAP", "aucroc", "d_prime", "r2", "pearson", "rmse", "mae"}
    assert set(clip_metrics()) == wanted


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((), "worst†"),
        (("--format", "markdown"), "| worst†"),
        (("--format", "latex"), r"\toprule"),
        (("--format", "html"), '<table class="dataframe scores">'),
        (("--format", "csv"), "model,dcase2016_task2 (event_onset_200ms_fms),esc50 (top1_acc),fsd50k (mAP)"),
        (("--average", "leaderboard"), "(standardized)"),
        (("--statistic", "ci"), "Intervals: 95% confidence"),
        (("--statistic", "none", "--transposed", "--format", "csv"), ",good,bad,worst†"),
        (("--by-category", "--format", "csv"), "general / dcase2016_task2"),
    ],
)
def test_tables_in_every_format(run, arguments, expected):
    result = invoke("table", "mine", "--runs", run.parent, *arguments)
    assert result.exit_code == 0, result.output
    assert expected in result.output
    assert "\033" not in result.output
    if "csv" not in arguments:
        assert "The best learning rate is the highest that hear2021 tries" in result.output
    if not arguments or "markdown" not in arguments:
        assert "**" not in result.output
    if not arguments:  # with options nothing in the folder changes
        assert (run / "table.md").is_file()
        assert len(pd.read_csv(run / "table.csv")) == 3


def test_means_of_one_scheme(run):
    result = invoke("table", run, "--average", "paper", "--format", "csv")
    header = result.output.splitlines()[0]
    assert "all (normalized)" in header
    assert "standardized" not in header
