"""Measured scores beside published ones."""

import pandas as pd
import pytest

from results import figures
from results.reference.published import published
from results.tables import agreement, formats
from tests.results.rows.test_rows import all_texts
from tests.results.scores.test_beside import measured

FIG10 = published(["fig10"]).set_index(["model", "task"])["score"]
NAME = "PaSST M+H hop=10"
VALUE = FIG10[NAME, "esc50"]


def beside(*scores: float, weights: str = "published", name: str = NAME) -> pd.DataFrame:
    ours = measured((name, "esc50", "top1_acc", scores)).assign(weights=weights)
    return pd.concat([ours, published(["fig10", "leaderboard:OpenL3"])], ignore_index=True)


@pytest.mark.parametrize(
    ("off", "within"), [(0.0, True), (0.003, True), (-0.0034, True), (0.0036, False), (-0.1, False)]
)
def test_within_is_what_could_be_read_off(off, within):
    (row,) = agreement.pairs(beside(VALUE + off)).itertuples()
    assert (row.model, row.task, row.set, row.read_off) == (NAME, "esc50", "fig10", True)
    assert row.difference == pytest.approx(off)
    assert row.tolerance == 0.003
    assert bool(row.within) is within
    assert pd.isna(row.within_spread), "one fold has no spread"


def test_within_the_spread_over_folds():
    near, far = (agreement.pairs(beside(VALUE + off - 0.02, VALUE + off + 0.02)) for off in (0.02, 0.05))
    assert not near["within"].any()
    assert near["within_spread"].all(), "0.020 < 0.003 + 0.028"
    assert not far["within_spread"].any()


def test_exact_values_have_no_tolerance():
    exact = published(["leaderboard:OpenL3"]).set_index("task")["score"]["esc50"]
    (row,) = agreement.pairs(beside(exact + 0.001, name="OpenL3")).itertuples()
    assert (row.tolerance, row.read_off, bool(row.within)) == (0, False, False)


def test_untrained_weights_and_other_names_are_compared_with_nothing():
    for rows in (beside(0.5, weights="untrained-0"), beside(0.5, name="mine")):
        assert agreement.pairs(rows).empty
        assert agreement.table(agreement.pairs(rows)) is None


def test_the_table_marks_what_was_read_off():
    found = agreement.table(agreement.pairs(beside(VALUE + 0.001)))
    assert found.texts.loc[NAME].to_dict() == {
        "task": "esc50 (top1_acc)",
        "measured": f"{VALUE + 0.001:.3f}",
        "published": f"≈{VALUE:.3f}",
        "set": "fig10",
        "difference": "+0.001",
        "tolerance": "0.003",
        "within": "yes",
        "within ±": "–",
        "re-runs differ": "0.001 (1 re-run)",
        "within re-runs": "yes",
    }
    assert found.notes[0].startswith("1 of 1 within the tolerance of the published value, 0 within that and")
    for write in (formats.to_text, formats.to_markdown, formats.to_latex, formats.to_html):
        assert "+0.001" in write(found)


def test_within_what_re_runs_of_the_model_differ_by():
    """The leaderboard's PaSST base on Gunshot: 0.9405 there, 0.8959 measured by others."""
    rows = published(["leaderboard:CP-JKU PaSST base"])
    value = rows.set_index("task")["score"]["gunshot"]
    name = "CP-JKU PaSST base"
    for off, within in ((-0.044, True), (0.044, True), (-0.046, False)):
        ours = measured((name, "gunshot", "top1_acc", (value + off,)))
        (row,) = agreement.pairs(pd.concat([ours, rows], ignore_index=True)).itertuples()
        assert (row.reruns, row.rerun_of) == (1, "this model")
        assert row.rerun_spread == pytest.approx(value - 0.8959)
        assert (row.rerun_low, row.rerun_high) == (0.8959, value)
        assert bool(row.within_reruns) is within
        assert not row.within


def test_re_runs_of_other_models_stand_in_brackets():
    rows = published(["leaderboard:OpenL3"])
    values = rows.set_index("task")["score"]
    cells = [
        ("gunshot", "top1_acc", 0.1),
        ("gtzan_music_speech", "top1_acc", 0.1),
        ("maestro_5h", "event_onset_50ms_fms", 0.1),
    ]
    ours = measured(*[("OpenL3", task, metric, (values[task] + off,)) for task, metric, off in cells])
    both = agreement.pairs(pd.concat([ours, rows], ignore_index=True))
    shown = agreement.table(both)
    assert shown.texts["re-runs differ"].tolist() == ["0.173 (9 models)", "0.024 (5 models)", "–"]
    assert shown.texts["within re-runs"].tolist() == ["(yes)", "(no)", "–"]
    assert both["within_reruns"].isna().tolist() == [False, False, True]
    (note,) = [line for line in shown.notes if line.startswith("Re-runs by others")]
    assert note.startswith("Re-runs by others: 1 of 2 within what re-runs of other models differ by. Re-runs differ by")


def test_re_runs_say_nothing_of_another_protocol_of_ours():
    rows = beside(VALUE)
    rows["protocol"] = rows["protocol"].where(rows["family"] == "published", "hear2021+linear")
    both = agreement.pairs(rows)
    assert both["within_reruns"].isna().all()
    assert "within re-runs" not in agreement.table(both).texts
    assert agreement.rerun_summary(both) == ""


def test_scores_of_another_protocol_are_not_paired():
    rows = published(["usad:USAD Base*", "mwmae"])
    name = rows["model"].iloc[0]
    ours = measured((name, "esc50", "top1_acc", (0.8,)))
    assert agreement.pairs(pd.concat([ours, rows], ignore_index=True)).empty
    same = pd.concat([ours.assign(protocol="hear2021-usad"), rows], ignore_index=True)
    assert agreement.pairs(same)["set"].tolist() == ["usad"]


def test_the_figure_draws_what_re_runs_differ_by():
    names = ["leaderboard:CP-JKU PaSST base", "leaderboard:OpenL3"]
    rows = published(names)
    values = rows.set_index(["model", "task"])["score"]
    ours = measured(
        *[(model, "gunshot", "top1_acc", (values[model, "gunshot"] + 0.01,)) for model in rows["model"].unique()]
    )
    figure = figures.agreement(pd.concat([ours, rows], ignore_index=True))
    bands = {bar.get_gid(): bar for bar in figure.axes[1].patches if bar.get_gid()}
    assert bands["this model"].get_width() == pytest.approx(2 * (values["CP-JKU PaSST base", "gunshot"] - 0.8959))
    assert bands["other models"].get_width() == pytest.approx(2 * 0.1726, abs=1e-3)
    assert all(bar.get_x() + bar.get_width() / 2 == pytest.approx(0) for bar in bands.values())
    left, right = figure.axes[1].get_xlim()
    assert left < bands["other models"].get_x() < 0 < -bands["other models"].get_x() < right
    texts = " ".join(all_texts(figure)).replace("\n", " ")
    assert "Beige: what others' re-runs of the same model differ by" in texts
    assert "Dashes: the largest such difference of other models on the task" in texts
    without = " ".join(all_texts(figures.agreement(beside(VALUE, name="PaSST L+M 2RF hop=5")))).replace("\n", " ")
    assert "Beige" not in without


def test_the_figure_says_how_many_are_within():
    texts = " ".join(all_texts(figures.agreement(beside(VALUE + 0.2)))).replace("\n", " ")
    assert "0 of 1 within the tolerance of the published value" in texts
    assert "largest difference +0.200" in texts
