"""Figures of searches: the front and only the front is on its line, the best so far never falls."""

import numpy as np
import pandas as pd
import pytest

from results.figures.search import search_front, search_history, search_importances
from tests.results.figures.test_figures import notes_of


@pytest.fixture
def trials() -> pd.DataFrame:
    rows = [
        (0, "complete", 0.50, 2.0, False),
        (1, "complete", 0.40, 0.1, True),
        (3, "pruned", 0.30, np.nan, False),
        (4, "failed", np.nan, np.nan, False),
        (5, "complete", 0.55, 0.4, True),
        (6, "complete", 0.70, 3.0, True),
        (7, "complete", 0.45, 3.0, False),
    ]
    found = pd.DataFrame(rows, columns=["trial", "state", "score", "gmacs_per_s", "front"])
    return found.assign(weights="none", label=[f"passt_demo block{n} 160 ms" for n in found["trial"]])


def lines(figure, **looks) -> list[np.ndarray]:
    """(points, 2) of every line that looks so."""
    found = figure.axes[0].lines
    return [each.get_xydata() for each in found if all(getattr(each, f"get_{k}")() == v for k, v in looks.items())]


def test_the_front_is_what_its_column_says(trials):
    figure = search_front(trials, "made", cost="gmacs_per_s", label="multiply-adds")
    (step,) = lines(figure, linestyle="-")
    assert step.tolist() == [[0.1, 0.4], [0.4, 0.55], [3.0, 0.7]]
    assert [text.get_text() for text in figure.axes[0].texts] == ["1", "2", "3"]
    named = [f"{number}: passt_demo block{trial} 160 ms" for number, trial in ((1, 1), (2, 5), (3, 6))]
    assert notes_of(figure).splitlines() == named
    untrained = notes_of(search_front(trials.assign(weights="untrained-0"), cost="gmacs_per_s")).splitlines()
    assert untrained[:3] == [f"{line}†" for line in named]
    assert "untrained" in untrained[3]
    assert figure.axes[0].get_xscale() == "log"
    assert figure.axes[0].get_xlabel() == "multiply-adds"


def test_costs_of_nothing_are_drawn_on_a_linear_axis(trials):
    figure = search_front(trials.assign(gmacs_per_s=trials["gmacs_per_s"] - 0.1), cost="gmacs_per_s")
    assert figure.axes[0].get_xscale() == "linear"


def test_the_best_so_far_never_falls(trials):
    figure = search_history(trials)
    (best,) = lines(figure, linestyle="-")
    assert best.tolist() == [[1, 0.5], [2, 0.5], [5, 0.55], [6, 0.7], [7, 0.7]]
    (pruned,) = lines(figure, marker="x")
    assert pruned.tolist() == [[3, 0.3]]
    assert "1 of 7 trials" in notes_of(figure)


def test_importances_are_bars_in_their_order():
    found = pd.DataFrame({"parameter": ["windows_ms 1", "levels 1", "hop"], "importance": [0.2, 0.7, 0.1]})
    figure = search_importances(found)
    assert [bar.get_width() for bar in figure.axes[0].patches] == [0.1, 0.2, 0.7]
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["hop", "windows_ms 1", "levels 1"]


def test_nothing_to_draw(trials):
    none = trials[trials["state"] == "failed"]
    for draw in (search_history, lambda found: search_front(found, cost="gmacs_per_s")):
        with pytest.raises(ValueError, match="no complete trial to draw"):
            draw(none)
    with pytest.raises(ValueError, match="no importances to draw"):
        search_importances(pd.DataFrame({"parameter": [], "importance": []}))
