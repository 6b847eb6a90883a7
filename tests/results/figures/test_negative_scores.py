"""Figures of scores below 0, as R2 of what is worse than the mean."""

import numpy as np
import pytest

from results.figures import FIGURES
from tests.results.tables.test_compose import crossed

SCORES = {
    "pitches": {"best": 0.8, "fair": 0.4, "bad": -30.0},
    "levels": {"best": -0.2, "fair": -0.1, "bad": -4.0},
    "esc50": {"best": 0.9, "fair": 0.45, "bad": 0.1},
}


@pytest.fixture
def rows():
    found = crossed(models=("best", "fair", "bad"), tasks=tuple(SCORES), folds=1, seeds=1)
    of_task = found["task"].map({"pitches": "r2", "levels": "r2"}).fillna("top1_acc")
    scores = [SCORES[task][model] for task, model in zip(found["task"], found["model"], strict=True)]
    return found.assign(metric=of_task, score=scores)


def test_colors_of_a_heat_map(rows):
    """One score far below 0 does not take the colors of the others, and the best of a column is the best."""
    axes = FIGURES["heatmap"](rows).axes[0]
    mesh = axes.collections[0]
    columns = [label.get_text() for label in axes.get_xticklabels()]
    shares = np.ma.filled(mesh.get_array().astype(float), np.nan).reshape(3, 3)
    assert mesh.get_clim() == (0, 1)
    by_task = {task: shares[:, place] for place, task in enumerate(columns)}
    assert by_task["pitches"] == pytest.approx([1, 0.5, 0])
    assert np.isnan(by_task["levels"]).all(), "no share of a best that is not above 0"
    texts = {text.get_text(): text.get_fontweight() for text in axes.texts}
    assert {text for text, weight in texts.items() if weight == "bold"} == {"0.800", "-0.100", "0.900"}
    assert "-30.000" in texts


@pytest.mark.parametrize("kind", ["bars", "grouped_bars"])
def test_bars_below_zero_are_seen_whole(rows, kind):
    figure = FIGURES[kind](rows[rows["task"] != "esc50"])
    across = kind == "bars"
    ends = [axes.get_xlim() if across else axes.get_ylim() for axes in figure.axes if axes.patches]
    assert min(low for low, _ in ends) < -30
    for axes in figure.axes:
        for text in axes.texts:
            if text.get_text().startswith("-"):
                assert (text.xy[0] if across else text.xy[1]) >= 0, "values stand beside bars, not on them"


def test_a_heat_map_without_a_score_above_zero(rows, recwarn):
    figure = FIGURES["heatmap"](rows[rows["task"] == "levels"])
    assert {"-0.200", "-0.100", "-4.000"} <= {text.get_text() for text in figure.axes[0].texts}
    assert not [str(warning.message) for warning in recwarn]
