"""`ablate tasks` and `ablate studies`: what there is, what is here, and filters."""

import pandas as pd
import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.search.declared import FOLDER
from ablations.study.declaration import packaged
from ablations.study.study import Study
from downstream.tasks.packaged import MAKERS
from results.rows.rows import task_table


@pytest.fixture
def lists(tmp_path, monkeypatch):
    """Invokes a command, and returns the rows of its CSV file by the first column, and what it printed."""
    monkeypatch.setenv("ABLATE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("HEAR_TASKS", str(tmp_path / "tasks"))

    def run(*arguments):
        file = tmp_path / "list.csv"
        result = CliRunner().invoke(main, [*arguments, "--csv", str(file)])
        assert result.exit_code == 0, result.output
        return pd.read_csv(file, index_col=0), result.output

    return run


def test_all_tasks_are_listed(lists, scene_task, tmp_path):
    scene_task("tasks/own", clips=7)
    scene_task(f"tasks/{task_table().loc['esc50', 'hear_folders']}", clips=4)
    (tmp_path / "tasks" / "empty").mkdir()
    table, text = lists("tasks")
    assert list(table.index) == [*MAKERS, *task_table().index, "own"]
    assert set(table.index[table["installed"]]) == {*MAKERS, "esc50", "own"}
    own = table.loc["own"]
    assert (own["kind"], own["metric"], own["labels"], own["clips"]) == ("scene", "top1_acc", 2, 21)
    assert own["hours"] == pytest.approx(21 * 0.4 / 3600)
    assert own["where"] == str(tmp_path / "tasks" / "own")
    assert table.loc["esc50", "clips"] == 12, "what is here, not what is published"
    beehive = table.loc["beehive"]
    assert (beehive["kind"], beehive["category"], beehive["clips"], beehive["hours"]) == ("scene", "general", 576, 96)
    assert "`ablate download TASK` fetches one of HEAR's" in text


def test_a_task_that_can_not_be_read_is_said(lists, scene_task, tmp_path):
    folder = scene_task("tasks/own")
    (folder / "labelvocabulary.csv").write_text("idx\n")
    table, text = lists("tasks", "own")
    assert not table.loc["own", "installed"]
    assert "labelvocabulary.csv" in table.loc["own", "problem"]
    assert f"Broken: {table.loc['own', 'problem']}" in text


def test_tasks_are_filtered(lists, scene_task):
    scene_task("tasks/own")
    assert list(lists("tasks", "esc50")[0].index) == ["esc50"]
    assert list(lists("tasks", "mridangam", "LIBRI*")[0].index) == ["libricount", "mridangam_stroke", "mridangam_tonic"]
    assert {"dcase2016_task2", "maestro_5h"} <= set(lists("tasks", "--kind", "event")[0].index)
    assert set(lists("tasks", "--installed")[0].index) == {*MAKERS, "own"}
    speech = lists("tasks", "--category", "speech", "--kind", "scene")[0]
    assert set(speech.index) == set(task_table().index[task_table()["category"] == "speech"])
    empty, text = lists("tasks", "no such task")
    assert empty.empty
    assert "0 of " in text


def test_all_studies_are_listed_with_their_size(lists):
    table, text = lists("studies")
    assert list(table.index) == [*packaged(), *sorted(path.stem for path in FOLDER.glob("*.yaml"))]
    study = Study.load("fig5_receptive_field")
    row = table.loc["fig5_receptive_field"]
    assert (row["kind"], row["models"], row["tasks"]) == ("paper", str(len(study.models)), len(study.tasks))
    assert row["figure"] == study.figure
    assert "fig5_receptive_field" in text
    assert "Figure 5: receptive field on the" in text


def test_studies_are_filtered_and_one_is_shown_in_full(lists):
    assert set(lists("studies", "--kind", "search")[0].index) == {path.stem for path in FOLDER.glob("*.yaml")}
    timestamps = lists("studies", "--task", "maestro_5h", "--kind", "paper", "fig")[0]
    assert {"fig4_embedding_level", "fig5_receptive_field"} <= set(timestamps.index)
    one, text = lists("studies", "blocks")
    assert list(one.index) == ["blocks"]
    assert one.loc["blocks", "description"] in text
    assert "Tasks: " in text
    assert lists("studies", "receptive")[0].shape[0] > 2
