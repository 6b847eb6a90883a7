"""What a run's folder says of its study, and cells of it that were not measured."""

import dataclasses
import json

import pandas as pd
import pytest

import results
from results import figures
from results.reference.published import published
from results.rows import rows
from results.scores import beside
from results.scores.kinds import is_missing
from results.scores.missing import with_missing
from results.scores.records import (
    NotApplicable,
    RecordedCall,
    RecordedFailure,
    RecordedModel,
    RunRecord,
    read_record,
    write_record,
)
from results.scores.scores import scores
from results.tables import compose
from tests.results.rows.test_rows import all_texts
from tests.results.scores.test_beside import measured

MODELS = tuple(RecordedModel(name, "m", name, "published") for name in "ba")
RECORD = RunRecord(
    "s",
    figure="heatmap",
    reference=("fig10",),
    models=MODELS,
    tasks=("esc50", "fsd50k", "mine", "crema_d"),
    failures=(
        RecordedFailure((), "crema_d", "task crema_d is absent: `ablate download crema_d` fetches it", absent=True),
        RecordedFailure(("b",), "fsd50k", "out of memory"),
    ),
    not_applicable=(NotApplicable("b", "mine", "its only level mel is no scene level"),),
    finished=True,
    comparisons=(("b", "a"),),
    calls=(RecordedCall("2026-01-01T00:00:00.000+00:00", "ablate run s", "1.0.0", "", 2),),
)
ROWS = measured(
    ("a", "esc50", "top1_acc", (0.5, 0.7)),
    ("a", "fsd50k", "mAP", (0.4,)),
    ("a", "mine", "top1_acc", (0.3,)),
    ("b", "esc50", "top1_acc", (0.25,)),
)
WHOLE = with_missing(ROWS, RECORD)


def test_a_record_is_read_as_it_was_written(tmp_path):
    assert read_record(tmp_path) is None
    write_record(RECORD, tmp_path)
    assert read_record(tmp_path) == RECORD
    assert [path.name for path in tmp_path.iterdir()] == ["study.json"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", '{"study": "s", "colour": 1}', '{"figure": "bars"}', '{"models": [1]}'),
        *('{"study": "s", "comparisons": ["ab"]}', '{"study": "s", "comparisons": [["a", 1]]}'),
    ],
)
def test_what_is_no_record_is_named(tmp_path, text):
    (tmp_path / "study.json").write_text(text)
    with pytest.raises(ValueError, match=r"study.json: not the record of a run: .*; `ablate run` writes it anew"):
        read_record(tmp_path)


def test_records_of_earlier_versions_have_sentences(tmp_path):
    text = "b on mine: its only level mel is no scene level"
    (tmp_path / "study.json").write_text(json.dumps({"study": "s", "not_applicable": [text]}))
    (cell,) = read_record(tmp_path).not_applicable
    assert cell == RECORD.not_applicable[0]
    assert str(cell) == text


def test_cells_without_rows_are_added_with_the_reason():
    added = WHOLE[is_missing(WHOLE)]
    assert dict(zip(zip(added["model"], added["task"], strict=True), added["reason"], strict=True)) == {
        ("b", "fsd50k"): "out of memory",
        ("b", "crema_d"): "the task is absent",
        ("a", "crema_d"): "the task is absent",
    }, "what does not apply is not missing"
    assert added["score"].isna().all()
    assert list(WHOLE.columns) == list(rows.COLUMNS)
    assert WHOLE["model"].drop_duplicates().tolist() == ["b", "a"], "in the study's order"
    pd.testing.assert_frame_equal(with_missing(WHOLE, RECORD), WHOLE)
    assert with_missing(ROWS, None) is ROWS
    assert is_missing(ROWS).sum() == 0


def test_what_was_never_run_says_so():
    record = dataclasses.replace(RECORD, failures=(), not_applicable=())
    added = with_missing(ROWS.iloc[:0], record)
    assert len(added) == 2 * 4
    assert set(added["reason"]) == {"has not been run"}


def test_scores_that_were_measured_stay_what_they_are():
    keys = ["model", "task"]
    before, after = (scores(each).set_index(keys).sort_index() for each in (ROWS, WHOLE))
    pd.testing.assert_frame_equal(after.loc[before.index], before)
    assert after.loc[("b", "fsd50k"), "count"] == 0


def test_a_table_has_a_dash_for_every_missing_cell():
    found = compose.compose(WHOLE)
    assert found.texts.to_dict("index") == {
        "b": {"crema_d (top1_acc)": "–", "esc50 (top1_acc)": "0.250", "fsd50k (mAP)": "–", "mine (top1_acc)": "–"},
        "a": {
            "crema_d (top1_acc)": "–",
            "esc50 (top1_acc)": "0.600 ± 0.141",
            "fsd50k (mAP)": "0.400",
            "mine (top1_acc)": "0.300",
        },
    }
    assert {
        "– not measured: b on fsd50k: out of memory.",
        "– not measured: every model on crema_d: the task is absent.",
    } <= set(found.notes)
    assert not any(note.startswith("nan") for note in found.notes)


def test_means_are_of_what_was_measured():
    found = compose.table(WHOLE, means=True)
    assert found.loc["a", "general (normalized)"] == compose.table(ROWS, means=True).loc["a", "general (normalized)"]
    assert found.loc["b", "general (normalized)"].endswith(" [1/2]")
    assert "speech (normalized)" not in found, "of which nothing was measured"


def test_published_scores_stand_on_measured_tasks_alone():
    both = pd.concat([WHOLE, published(["fig10"])], ignore_index=True)
    found = compose.table(both)
    assert found.loc["PaSST M+H hop=10‡", "crema_d (top1_acc)"] == "–"
    assert found.loc["PaSST M+H hop=10‡", "fsd50k (mAP)"].startswith("≈")
    assert set(beside.shown(both)["task"]) == {"esc50", "fsd50k", "mine"}


@pytest.mark.parametrize("kind", ["bars", "grouped_bars", "heatmap", "category_boxes", "fig10"])
def test_figures_show_what_is_missing(kind):
    figure = figures.FIGURES[kind](WHOLE, None, None)
    texts = " ".join(all_texts(figure)).replace("\n", " ")
    assert "– not measured: b on fsd50k: out of memory." in texts
    assert "every model on crema_d: the task is absent" in texts
    if kind in ("bars", "grouped_bars", "heatmap"):
        assert "–" in all_texts(figure)


def test_untrained_models_keep_their_mark():
    record = dataclasses.replace(RECORD, models=(RecordedModel("c", "m", "c", "untrained-0"), *MODELS))
    found = compose.compose(with_missing(ROWS, record))
    assert set(found.texts.loc["c†"]) == {"–"}
    assert any(note.startswith("† untrained") for note in found.notes)


def test_a_run_of_a_folder_has_them(tmp_path):
    rows.write_rows(ROWS.to_dict("records"), tmp_path / "rows.csv")
    write_record(RECORD, tmp_path)
    assert is_missing(results.load(tmp_path)).sum() == 3
    assert len(rows.read_rows(tmp_path)) == len(ROWS), "rows.csv has measured rows alone"
