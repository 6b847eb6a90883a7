"""Tables and figures of measured and published scores."""

import itertools

import pandas as pd
import pytest

import results
from results import figures
from results.reference.published import published
from results.rows import rows
from results.scores.labels import labels
from results.scores.notes import notes
from results.scores.scores import scores
from results.tables import compose
from tests.results.rows.test_rows import all_texts, job


def measured(*cells) -> pd.DataFrame:
    """Rows of (model, task, metric, scores of folds)."""
    found = []
    for model, task, metric, values in cells:
        identity = {"study": "s", "model": model, "family": "m", "spec": model, "weights": "published", "task": task}
        found += rows.rows_of(job(metric, *values), identity)
    return pd.DataFrame(found, columns=rows.COLUMNS)


OURS = measured(
    ("OpenL3", "dcase2016_task2", "event_onset_200ms_fms", (0.5, 0.7)),
    ("OpenL3", "esc50", "top1_acc", (0.25,)),
)


def together(ours: pd.DataFrame, *names: str) -> pd.DataFrame:
    return pd.concat([ours, published(names)], ignore_index=True)


def test_published_models_come_last_marked_on_measured_tasks():
    found = compose.table(together(OURS, "leaderboard:openl3", "fig5:*L+M*"))
    assert list(found.columns) == ["dcase2016_task2 (event_onset_200ms_fms)", "esc50 (top1_acc)"]
    assert {model: found.loc[model].tolist() for model in found.index} == {
        "OpenL3": ["0.600 ± 0.141", "0.250"],
        "OpenL3 (leaderboard)‡": ["0.833", "0.751"],
        "PaSST L+M (fig5)‡": ["≈0.852", "–"],
        "PaSST L+M+2RF (fig5)‡": ["≈0.918", "–"],
        "PaSST L+M large RF (fig5)‡": ["≈0.932", "–"],
    }
    assert found.index[0] == "OpenL3"


def test_order_does_not_depend_on_the_order_of_rows():
    mixed = pd.concat([published(["fig5"]), OURS], ignore_index=True)
    pd.testing.assert_frame_equal(compose.table(mixed), compose.table(together(OURS, "fig5")))


def test_models_of_one_set_need_no_name_of_it():
    found = compose.table(together(OURS, "leaderboard"))
    assert found.index[:2].tolist() == ["OpenL3", "AMAAI Lab wav2vec2+DDSP‡"]
    assert len(found) == 1 + 34


def test_models_without_a_measured_task_are_left_out():
    found = compose.table(together(OURS[OURS["task"] == "dcase2016_task2"], "leaderboard"))
    assert not any("hearline" in model for model in found.index), "reported no DCASE 2016"
    assert len(found) == 1 + 33


def test_without_measured_rows_everything_is_shown():
    found = compose.table(published(["fig10", "ced"]))
    assert found.shape == (6, 19)
    assert not (found == "–").any(axis=None)
    text = compose.to_markdown(published(["fig10"]))
    assert "Protocol" not in text
    assert "‡ published, not measured here: Koutini et al. 2022 (PMLR 166), Figure 10." in text


def test_notes_name_sources_exactness_and_traps():
    found = notes(together(OURS, "leaderboard:*PANNs*", "fig5:OpenL3"))
    assert found == [
        "‡ published, not measured here: leaderboard: HEAR leaderboard (hearbenchmark.com/hear-leaderboard); "
        "fig5: Koutini et al. 2022 (PMLR 166), Figure 5.",
        "≈ read off a figure: within 0.003 of the value that was drawn.",
        "‡ CVSSP PANNS (leaderboard) on dcase2016_task2: zeros as published: the submission gave timestamps in "
        "seconds, HEAR's interface asks for milliseconds.",
        "‡ OpenL3 (fig5): the leaderboard has the exact scores.",
    ]
    exact = notes(together(OURS[OURS["task"] == "esc50"], "leaderboard:*PANNs*"))
    assert exact == ["‡ published, not measured here: HEAR leaderboard (hearbenchmark.com/hear-leaderboard)."]
    assert notes(OURS) == []


def test_another_metric_is_no_comparison():
    ours = measured(("m", "fsd50k", "aucroc", (0.9,)), ("m", "esc50", "top1_acc", (0.5,)))
    both = together(ours, "leaderboard:OpenL3")
    found = compose.table(both)
    assert found.loc["OpenL3‡"].to_dict() == {"esc50 (top1_acc)": "0.751", "fsd50k (aucroc)": "–"}
    assert "‡ Published scores of fsd50k are left out: mAP, measured is aucroc." in notes(both)
    assert compose.table(together(ours[ours["task"] == "fsd50k"], "leaderboard")).index.tolist() == ["m"]


def test_sets_that_have_none_of_the_tasks_are_named():
    both = together(measured(("m", "mine", "top1_acc", (0.9,))), "fig5", "ced")
    assert compose.table(both).shape == (1, 1)
    assert notes(both) == ["‡ No published score of these tasks: fig5, ced."]


def test_scores_of_another_protocol_are_told_apart():
    both = together(OURS.assign(protocol="hear2021+linear"), "fig5")
    found = notes(both)
    assert "Protocol hear2021+linear." in found
    assert "‡ Published scores are of protocol hear2021: others do not compare." in found
    assert not any("do not compare" in note for note in notes(together(OURS, "fig5")))


def test_a_value_read_off_is_marked_wherever_it_stands():
    both = together(OURS, "fig4", "fig5", "fig10", "leaderboard", "ced")
    published_scores = scores(both).assign(label=lambda table: labels(table)).query("published")
    exact = ~published_scores.set_index(["label", "task"])["read_off"]
    texts = compose.table(both)
    assert 0 < exact.sum() < len(exact)
    for (model, task), is_exact in exact.items():
        (cell,) = [text for column, text in texts.loc[model].items() if column.startswith(f"{task} ")]
        assert cell.startswith("≈") is not is_exact


def test_the_figure_marks_them_too():
    figure = figures.bars(together(OURS, "fig5:*RF", "leaderboard:OpenL3"))
    texts = all_texts(figure)
    assert {"OpenL3", "OpenL3 (leaderboard)‡", "PaSST L+M+2RF (fig5)‡", "≈0.918", "0.833"} <= texts
    (notes,) = [text for text in texts if "‡ published" in text]
    assert "≈ read off a figure" in notes
    dcase, esc50 = figure.axes
    assert [len(panel.patches) for panel in (dcase, esc50)] == [4, 2]
    ours, *others = dcase.patches
    assert ours.get_hatch() is None
    assert {bar.get_hatch() for bar in others} == {"....."}
    assert ours.get_facecolor() != others[0].get_facecolor()


def test_error_bars_of_values_read_off_are_their_tolerance():
    figure = figures.bars(together(OURS[OURS["task"] == "dcase2016_task2"], "fig5:PaSST L+M", "leaderboard:OpenL3"))
    (panel,) = figure.axes
    lengths = [
        segments[0][1, 0] - segments[0][0, 0] for lines in panel.collections if len(segments := lines.get_segments())
    ]
    assert lengths == pytest.approx([2 * 0.1414, 2 * 0.003], abs=1e-4)


def test_labels_of_a_large_figure_do_not_overlap():
    figure = figures.bars(together(OURS, "leaderboard", "fig5"), "title")
    figure.draw_without_rendering()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert len(boxes) == 41
    assert all(above.y0 > below.y1 for above, below in itertools.pairwise(boxes))
    (notes,) = [text for text in figure.texts if "‡" in text.get_text()]
    assert notes.get_window_extent().y0 >= 0
    assert notes.get_window_extent().x1 <= figure.bbox.x1
    assert all(notes.get_window_extent().y1 < panel.get_tightbbox().y0 for panel in figure.axes)


def test_published_scores_alone_are_a_figure():
    assert len(figures.bars(published(["fig5"])).axes) == 2


def test_the_rows_of_a_run_with_what_its_study_and_a_name_ask_for(tmp_path):
    rows.write_rows(OURS.to_dict("records"), tmp_path / "rows.csv")
    assert len(results.load(tmp_path)) == len(OURS)
    rows.write_reference(published(["fig5"]), tmp_path / "reference.csv")
    assert len(results.load(tmp_path)) == len(OURS) + 12
    found = results.load(tmp_path, ["fig5:OpenL3", "leaderboard:OpenL3"])
    assert len(found) == len(OURS) + 12 + 19
    pd.testing.assert_frame_equal(compose.table(found), compose.table(together(OURS, "fig5", "leaderboard:OpenL3")))
    with pytest.raises(FileNotFoundError, match="no rows at"):
        results.load(tmp_path / "none", ["fig5"])


def test_a_key_of_two_folders_of_which_one_was_run_is_told():
    one = measured(("a", "beehive", "aucroc", (0.5,)), ("b", "beehive", "aucroc", (0.6,))).assign(task_fp="first")
    both = pd.concat([one, one[one["model"] == "a"].assign(task_fp="second")], ignore_index=True)
    assert notes(both) == ["b on beehive: scores of 1 of 2 folders."]
    assert notes(one.assign(task_fp="")) == []
