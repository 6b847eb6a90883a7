"""Runs as they are looked at from Python."""

from pathlib import Path

import pandas as pd
import pytest

import ablations as ab
import results
from results.rows.rows import COLUMNS, write_rows

TASKS = {"esc50": ("top1_acc", "mAP"), "fsd50k": ("mAP", "d_prime")}


@pytest.fixture
def folder(tmp_path) -> Path:
    """A run of two models on two tasks of two metrics each; both tasks of a model are one job with two folds."""
    rows = [
        {
            **dict.fromkeys(COLUMNS),
            **{"study": "made", "model": model, "family": "logmel", "weights": "none", "protocol": "hear2021"},
            **{"spec": f"passt_demo@{level}@w160@smax@t50@demo", "task": task, "fold": f"fold{fold}", "seed": 0},
            **{"metric": metric, "primary": place == 0, "score": 0.1 * (fold + 1) + place + 0.01 * (model == "a")},
            **{"job": f"{model}-{task}", "seconds": 7.0, "task_fp": task},
        }
        for model, level in (("a", "block1"), ("b", "block2"))
        for task, metrics in TASKS.items()
        for fold in range(2)
        for place, metric in enumerate(metrics)
    ]
    write_rows(rows, tmp_path / "runs" / "made" / "rows.csv")
    return tmp_path / "runs" / "made"


def test_one_call_gives_primary_scores_as_numbers(folder):
    scores = ab.scores(folder)
    assert scores.dtypes.eq("float64").all()
    assert scores.loc["a", "esc50"] == pytest.approx(0.16)
    assert list(scores.columns) == ["esc50", "fsd50k"]
    pd.testing.assert_frame_equal(results.score(ab.load(folder), wide=True), scores)
    with pytest.raises(ValueError, match="interval is of lines"):
        results.score(ab.load(folder), 0.95, wide=True)


def test_several_metrics_of_a_task_do_not_mix(folder):
    rows = ab.load(folder)
    other = rows.assign(primary=~rows["primary"], model=rows["model"] + "2")
    with pytest.raises(ValueError, match="scores on esc50 are of several metrics, top1_acc and mAP"):
        ab.scores(pd.concat([rows, other]))


def test_rows_have_the_axes_and_say_which_are_primary(folder):
    rows = ab.load(folder)
    assert {"level", "window_ms", "hop_ms", "scene_window_ms", "is_primary"} <= set(rows)
    assert rows["is_primary"].tolist() == rows["primary"].tolist()
    assert set(rows["level"]) == {"block1", "block2"}
    assert set(rows["window_ms"]) == {160}


def test_seconds_count_once_a_job(folder):
    rows = ab.load(folder)
    assert rows["seconds"].sum() == 4 * 7.0
    assert rows.groupby("job")["seconds"].sum().eq(7.0).all()


def test_a_name_in_runs_is_a_run(folder, monkeypatch):
    monkeypatch.chdir(folder.parents[1])
    assert len(ab.load("made")) == len(ab.load(folder)) == len(ab.load([ab.Run(folder)]))


def test_tables_and_figures_show_themselves(folder):
    table = ab.table(folder)
    assert "esc50" in repr(table)
    assert "<table" in table._repr_html_()
    assert ab.figure(folder, "heatmap").axes
    assert ab.figure(ab.load(folder)).axes


@pytest.mark.parametrize("call", [ab.Run, ab.load, ab.table, ab.figure, ab.scores, ab.compare])
def test_a_folder_that_is_no_run_is_named(call, tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere: no folder of a run: expected one with rows.csv"):
        call(tmp_path / "elsewhere")


@pytest.mark.parametrize("call", [ab.load, ab.table, ab.figure, ab.scores])
def test_something_that_is_no_run_is_named(call):
    with pytest.raises(ValueError, match="a run must be a Run or the folder of one, got int"):
        call([3])


def test_comparisons_name_their_models(folder):
    with pytest.raises(ValueError, match="expected two models or more, or none, got 1: a"):
        ab.compare(folder, "a")
    with pytest.raises(ValueError, match="unknown model 'c'"):
        ab.compare(folder, "a", "c")
    compared = ab.compare(folder, "a", "b")
    assert compared.pairs == ab.compare(folder, [("a", "b")]).pairs == (("a", "b"),)
    assert ab.compare(folder).pairs == ()
    assert "no comparison on clips" in compared._repr_html_()
    assert repr(compared).startswith("Over tasks, Wilcoxon")
