"""Scores along the look-ahead."""

import pytest

from results.figures import figure
from tests.results.figures.test_figures import EVENTS, SCENES, legend, made, notes_of

NAMES = {"": "centered", "@ahead0": "look-ahead 0 ms", "@ahead80": "look-ahead 80 ms", "@ahead160": "look-ahead 160 ms"}
SCORES = {"@ahead0": 0.2, "": 0.5, "@ahead80": 0.4, "@ahead160": 0.3}


def cells(checkpoint, kinds, task=EVENTS, windows="160"):
    return [
        (
            f"{checkpoint} {windows} {NAMES[kind]}",
            f"{checkpoint}@block6@w{windows}@smax@t50{kind}@demo",
            task,
            [SCORES[kind], SCORES[kind] + 0.02],
        )
        for kind in kinds
    ]


def points(axes):
    """What each line of a panel joins, and where rings are."""
    found = [([*map(float, line.get_xdata())], [*map(float, line.get_ydata())]) for line in axes.lines]
    rings = [xy for xy, line in zip(found, axes.lines, strict=True) if line.get_linestyle() == "None"]
    return [xy for xy, line in zip(found, axes.lines, strict=True) if line.get_linestyle() != "None"], rings


def test_a_ring_is_a_centered_window_and_on_the_line_where_no_other_is():
    drawn = figure(made(*cells("passt_demo", SCORES), *cells("cnn_demo", ["", "@ahead0"])), "along_lookahead")
    (axes,) = drawn.axes
    lines, rings = points(axes)
    assert sorted(lines) == [
        ([0.0, 80.0], pytest.approx([0.21, 0.51])),
        ([0.0, 80.0, 160.0], pytest.approx([0.21, 0.41, 0.31])),
    ]
    assert rings == [([80.0], pytest.approx([0.51]))] * 2
    assert legend(drawn) == ["passt_demo", "cnn_demo"]
    assert axes.get_xscale() == "linear"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["0", "80", "160"]
    assert axes.get_xlabel() == "look-ahead in ms"
    assert "Rings: windows centered on their timestamps" in notes_of(drawn)


def test_without_centered_windows_there_are_no_rings_and_no_note():
    drawn = figure(made(*cells("passt_demo", ["@ahead0", "@ahead80"])), "along_lookahead")
    assert points(drawn.axes[0])[1] == []
    assert "Rings" not in notes_of(drawn)


def test_scenes_are_left_out_and_named():
    both = made(*cells("passt_demo", SCORES), *cells("passt_demo", SCORES, SCENES))
    drawn = figure(both, "along_lookahead")
    assert len(drawn.axes) == 1
    assert "Not drawn: ESC-50, where all models have one look-ahead." in notes_of(drawn)


def test_one_look_ahead_is_no_figure():
    with pytest.raises(ValueError, match="every model has one look-ahead on a task, 80 ms; vary look-aheads, such as"):
        figure(made(*cells("passt_demo", [""])), "along_lookahead")
