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
    }
    assert found.notes[0].startswith("1 of 1 within the tolerance of the published value, 0 within that and")
    for write in (formats.to_text, formats.to_markdown, formats.to_latex, formats.to_html):
        assert "+0.001" in write(found)


def test_the_figure_says_how_many_are_within():
    texts = " ".join(all_texts(figures.agreement(beside(VALUE + 0.2)))).replace("\n", " ")
    assert "0 of 1 within the tolerance of the published value" in texts
    assert "largest difference +0.200" in texts
