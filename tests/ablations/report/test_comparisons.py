"""Comparisons of a page: only those that could be significant."""

import pandas as pd
import pytest

from ablations.report.compare import compared
from ablations.report.comparisons import sheets, too_few_tasks
from results.statistics.ranks import pairwise_wilcoxon
from tests.results.scores.test_beside import measured
from tests.results.statistics.test_versus import made


def wilcoxon_of(tasks: int, models: int) -> pd.DataFrame:
    lines = [
        {"model": f"m{model}", "task": f"t{task}", "metric": "top1_acc", "mean": 0.1 * model + 0.001 * task}
        for model in range(models)
        for task in range(tasks)
    ]
    return pairwise_wilcoxon(pd.DataFrame(lines))


@pytest.mark.parametrize(("tasks", "models", "enough"), [(5, 2, False), (6, 2, True), (6, 3, False), (7, 3, True)])
def test_pairs_are_left_out_where_no_p_could_be_small_enough(tasks, models, enough):
    tests = wilcoxon_of(tasks, models)
    assert (too_few_tasks(tests) == "") == enough
    assert (tests["verdict"] == "differ").any() == enough, "all models differ on every task here"


def test_a_line_says_what_was_left_out():
    assert too_few_tasks(wilcoxon_of(2, 3)) == (
        "Pairs are not tested over tasks: with 2 tasks and 3 pairs, none can reach 95%."
    )
    assert "with 1 task, none can" in too_few_tasks(wilcoxon_of(1, 2))


def test_pairs_on_clips_are_a_table_that_sorts(tmp_path):
    folder = made(tmp_path, seeds=1)
    tables, notes = sheets(compared(folder, [("good", "bad")]))
    (table,) = tables
    assert table.caption == "Pairs of models on the same test clips"
    assert [row[1].text for row in table.rows] == ["esc50", "dcase2016_task2"], "compared alone"
    kinds = {head.text: head.kind for head in table.heads}
    assert kinds["difference"] == kinds["95% interval"] == "number"
    assert kinds["verdict"] == ""
    assert any("no function for mAP" in note for note in table.notes)
    assert any(note.startswith("Pairs are not tested over tasks: with 3 tasks") for note in notes)


def test_without_pairs_there_is_no_table_of_clips(tmp_path):
    ours = measured(("a", "esc50", "top1_acc", (0.5,)), ("b", "esc50", "top1_acc", (0.4,)))
    tables, notes = sheets(compared(tmp_path, rows=ours))
    assert tables == []
    assert len(notes) == 2
