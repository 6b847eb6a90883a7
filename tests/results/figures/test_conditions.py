"""Scores along conditions, of small tables of rows."""

import pandas as pd
import pytest

from results import figures
from tests.results.figures.test_figures import legend, made, notes_of, spec

DIGITS, BEEPS = ("digits", "top1_acc"), ("beeps", "event_onset_200ms_fms")


def under(task: tuple[str, str], conditions: str) -> tuple[str, str]:
    return f"{task[0]}{conditions}", task[1]


MODELS = ("a", spec()), ("b", spec(weights="untrained-0"))


def rows_of(*conditions, tasks=(DIGITS,)):
    """Each condition takes a tenth more away; two folds that differ by 0.02."""
    return made(
        *(
            (model, of, under(task, text), (0.9 - 0.1 * number, 0.92 - 0.1 * number))
            for model, of in MODELS
            for task in tasks
            for number, text in enumerate(conditions)
        )
    )


def ticks(axes) -> list[str]:
    return [label.get_text() for label in axes.get_xticklabels()]


def line_of(axes, name: str):
    (container,) = [container for container in axes.containers if container.get_label() == name]
    return container.lines[0]


def test_a_panel_a_kind_and_a_row_a_task():
    texts = ("", "+snr20", "+snr0", "+reverb0.5", "+band2000", "+gain-20")
    figure = figures.conditions(rows_of(*texts, tasks=(DIGITS, BEEPS)), "title")
    assert len(figure.axes) == 8
    assert [axes.get_title() for axes in figure.axes[:4]] == ["noise", "room", "level", "band"]
    assert [axes.get_xlabel() for axes in figure.axes[:2]] == ["signal-to-noise ratio in dB", "reverberation in s"]
    assert [ticks(axes) for axes in figure.axes[:4]] == [
        ["clean", "20", "0"],
        ["clean", "0.5"],
        ["clean", "-20"],
        ["clean", "2000"],
    ]
    assert figure.axes[4].get_ylabel() == "beeps\nevent_onset_200ms_fms"
    assert legend(figure) == ["a", "b†"]
    assert "Error bars: standard deviation over folds" in notes_of(figure)


def test_lines_start_at_the_clean_score_and_go_to_less_signal():
    figure = figures.conditions(rows_of("", "+snr20", "+snr10", "+snr0"))
    line = line_of(figure.axes[0], "a")
    assert line.get_ydata() == pytest.approx([0.91, 0.81, 0.71, 0.61])
    steps = line.get_xdata()[1:] - line.get_xdata()[:-1]
    assert steps == pytest.approx([10, 10, 10])  # clean scores are one step from the first
    assert line_of(figure.axes[0], "b†").get_linestyle() == "--"


def test_a_narrower_band_stands_farther_right_in_octaves():
    axes = figures.conditions(rows_of("", "+band1000", "+band8000", "+band4000")).axes[0]
    assert ticks(axes) == ["clean", "8000", "4000", "1000"]
    x = line_of(axes, "a").get_xdata()
    assert x[3] - x[2] == pytest.approx(2 * (x[2] - x[1]))


def test_conditions_in_a_row_and_in_training():
    figure = figures.conditions(
        rows_of("", "+reverb0.5+snr20", "+reverb0.5+snr0", "+train+snr0", "+train+reverb1+snr0")
    )
    assert [axes.get_title() for axes in figure.axes] == [
        "reverb0.5, then noise",
        "noise\nin training, too",
        "reverb1, then noise\nin training, too",
    ]
    assert ticks(figure.axes[0]) == ["clean", "20", "0"]


def test_tasks_without_clean_scores_are_named():
    figure = figures.conditions(rows_of("+snr20", "+snr0"))
    assert "Without clean scores: digits" in notes_of(figure)
    assert len(line_of(figure.axes[0], "a").get_xdata()) == 2


def test_a_condition_that_one_task_has_leaves_a_gap():
    rows = rows_of("", "+snr20", "+reverb0.5"), rows_of("", "+snr20", tasks=(BEEPS,))
    figure = figures.conditions(pd.concat(rows, ignore_index=True))
    assert [axes.axison for axes in figure.axes] == [True, True, True, False]


def test_names_of_hear_tasks():
    figure = figures.conditions(rows_of("", "+snr20", tasks=(("esc50", "top1_acc"),)))
    assert figure.axes[0].get_ylabel() == "ESC-50\ntop1_acc"
    bars = figures.bars(rows_of("", "+snr20", tasks=(("esc50", "top1_acc"),)))
    assert [axes.get_title() for axes in bars.axes] == ["ESC-50", "ESC-50+snr20"]


def test_rows_without_conditions_are_refused():
    with pytest.raises(ValueError, match="no task has conditions"):
        figures.conditions(rows_of(""))
