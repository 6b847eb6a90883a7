"""Figures of several protocols, by what is drawn in them."""

import itertools

import numpy as np
import pandas as pd
import pytest

from results.figures.protocols.rank_lines import rank_lines
from results.figures.protocols.tau_map import tau_map

PROTOCOLS = ["knn", "ridge", "hear2021+grid3+linear+standardized"]
MODELS = [f"block{number}" for number in range(1, 13)]


def ranks(places: np.ndarray, untrained: bool = False) -> pd.DataFrame:
    """A table of ranks: (models, protocols)."""
    table = pd.DataFrame({"model": MODELS[: len(places)]})
    table = table.assign(spec=[f"passt_demo@{name}@w160@smax@t50@demo" for name in table["model"]])
    table = table.assign(untrained=untrained, task="all tasks", models=len(places))
    return table.assign(**dict(zip(PROTOCOLS, places.T, strict=False)))


def agreement(tau: float = 0.5, low: float = 0.25, tasks=("all tasks", "esc50")) -> pd.DataFrame:
    return pd.DataFrame(
        {"a": a, "b": b, "task": task, "models": 12, "tau": tau, "low": low, "high": 0.75, "confidence": 0.95}
        for a, b in itertools.combinations(PROTOCOLS, 2)
        for task in tasks
    )


def texts(figure) -> list[str]:
    return [part.get_text() for part in figure.findobj(lambda part: hasattr(part, "get_text"))]


def test_a_model_is_a_line_from_place_to_place():
    places = np.array([[1.5, 2.0, 1.0], [4.0, 1.0, 3.0], [2.0, 9.0, 2.0]])
    figure = rank_lines(ranks(places), "all tasks")
    lines = [np.asarray(line.get_ydata()) for line in figure.axes[0].get_lines()]
    assert np.array_equal(lines, [[1, 2, 1], [3, 1, 3], [2, 3, 2]])
    assert {"1  block1", "3  block2", "block3"} <= set(texts(figure))
    low, high = figure.axes[0].get_ylim()
    assert low > high, "the best is on top"


def test_tied_models_have_one_place_and_labels_apart():
    figure = rank_lines(ranks(np.array([[1.0, 1.0], [1.0, 2.0], [3.0, 3.0]])), "all tasks")
    lines = [float(line.get_ydata()[0]) for line in figure.axes[0].get_lines()]
    assert lines == [1.5, 1.5, 3]
    assert {"1.5  block1", "1.5  block2"} <= set(texts(figure))


def test_labels_do_not_lie_on_one_another_and_are_in_the_picture():
    rng = np.random.default_rng(0)
    figure = rank_lines(ranks(np.stack([rng.permutation(12) for _ in range(3)], 1).astype(float), True), "all tasks")
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts if text.get_text().strip()]
    ticks = [text.get_window_extent() for text in figure.axes[0].get_xticklabels()]
    width, height = figure.canvas.get_width_height()
    for box in (*boxes, *ticks):
        assert box.x0 >= -1
        assert box.x1 <= width + 1
        assert box.y1 <= height + 1
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert any("untrained weights" in text for text in texts(figure))


def test_protocols_without_the_task_are_left_out():
    table = ranks(np.array([[1.0, 2.0, np.nan], [2.0, 1.0, np.nan]]))
    figure = rank_lines(table, "all tasks")
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == PROTOCOLS[:2]
    with pytest.raises(ValueError, match="two protocols with ranks on 'esc50', got 0"):
        rank_lines(table, "esc50")


def test_a_cell_has_tau_and_its_interval():
    figure = tau_map(agreement())
    assert texts(figure).count(".50\n.25 to .75") == 6
    assert any("Intervals (95%)" in text for text in texts(figure))
    (image,) = figure.axes[0].get_images()
    assert image.get_array().shape == (3, 2)


def test_a_cell_without_an_interval_or_a_tau():
    table = agreement(low=np.nan)
    table.loc[0, "tau"] = np.nan
    found = texts(tau_map(table))
    assert found.count(".50") == 5
    assert found.count("–") == 1
    with pytest.raises(ValueError, match="no two protocols have a tau"):
        tau_map(agreement(tau=np.nan))
