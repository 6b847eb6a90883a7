"""The figure of effective receptive fields, by what is drawn in it."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.patches import StepPatch

from results.figures.field import field_curves


def tables(levels=("block1", "block6"), windows=(160.0, 640.0), methods=("occlusion", "gradients")):
    """Numbers and curves of an even effect within each window."""
    numbers, curves = [], []
    for window in windows:
        half = 32.0 if np.isnan(window) else window / 2
        for level in levels:
            for method in methods:
                about = {"level": level, "window_ms": window, "method": method}
                ends = {"nominal_start": -half, "nominal_stop": half, "start_95": -0.95 * half, "stop_95": 0.95 * half}
                numbers.append({**about, **ends, "start_50": -half, "stop_50": 0.0, "clips": 16, "reason": ""})
                for start in np.arange(-half, half, half / 8):
                    share = {"share": 1 / 16, "share_low": 0.05, "share_high": 0.08}
                    curves.append({**about, "start_ms": start, "stop_ms": start + half / 8, **share})
    return pd.DataFrame(numbers), pd.DataFrame(curves)


def drawn(figure):
    return [axes for axes in figure.axes if axes.axison]


def test_a_panel_a_window_and_method_with_bars_below():
    figure = field_curves(*tables(), "a model")
    panels = drawn(figure)
    assert len(panels) == 2 * 2 * 2
    titles = [axes.get_title() for axes in panels if axes.get_title()]
    assert titles == ["160 ms, occlusion", "640 ms, occlusion", "160 ms, gradients", "640 ms, gradients"]
    bars = panels[2]
    lines = [line.get_xdata() for line in bars.lines if len(set(line.get_ydata())) == 1]
    assert [list(ends) for ends in lines] == [[-76, 76], [-80, 0]] * 2
    heights, *others = [patch.get_data()[0] for patch in panels[0].patches if isinstance(patch, StepPatch)]
    assert len(others) == 1
    assert np.concatenate([heights, *others]) == pytest.approx(100 / 16 / 10), "percent of the effect a ms"


def test_windows_of_the_models_own_and_many_levels():
    levels = [f"block{number}" for number in range(1, 13)]
    figure = field_curves(*tables(levels, (np.nan,), ("occlusion",)))
    assert [axes.get_title() for axes in drawn(figure) if axes.get_title()] == ["own, 64 ms"]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == levels
    colors = {line.get_color() for line in legend.get_lines()}
    assert len(colors) == 12


def test_more_windows_than_columns_stand_below():
    figure = field_curves(*tables(windows=(40.0, 80.0, 160.0, 320.0), methods=("occlusion",)))
    assert len(drawn(figure)) == 8


def test_levels_without_a_field_are_not_drawn():
    numbers, curves = tables()
    numbers.loc[numbers["level"] == "block6", "reason"] = "the embedding is the same for every sound"
    (legend,) = field_curves(numbers, curves).legends
    assert [text.get_text() for text in legend.get_texts()] == ["block1"]
    with pytest.raises(ValueError, match="no level has a receptive field to draw"):
        field_curves(numbers.assign(reason="constant"), curves)
