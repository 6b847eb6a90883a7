"""The axes that vary among a run's models."""

import pytest

from ablations.report.axis_figures import axis_figures, varying_axes
from results.scores.scores import Scored
from tests.results.scores.test_beside import measured

DEMO = "passt_demo@{level}@w{window}@smax@t100@demo"


def run(*specs: str) -> Scored:
    rows = measured(*((spec, "dcase2016_task2", "event_onset_200ms_fms", (0.1 * i,)) for i, spec in enumerate(specs)))
    return Scored.of(rows.assign(spec=rows["model"], family="passt"))


@pytest.mark.parametrize(
    ("specs", "axes"),
    [
        ([DEMO.format(level="block6", window=160)], []),
        ([DEMO.format(level=level, window=160) for level in ("block6", "features")], ["level"]),
        ([DEMO.format(level="block6", window=window) for window in (160, 640)], ["window"]),
        ([DEMO.format(level="block6", window=160), DEMO.format(level="features", window=640)], []),
        ([f"passt_demo{hop}@block6@w160@smax@t100@demo" for hop in ("", "_hop160")], ["hop"]),
    ],
)
def test_an_axis_varies_where_all_else_is_equal(specs, axes):
    assert varying_axes(run(*specs)) == axes


def test_axes_that_the_own_figure_shows_are_not_drawn_again():
    rows = run(*(DEMO.format(level=level, window=window) for level in ("block6", "features") for window in (160, 640)))
    titles = [drawn.title for drawn in axis_figures(rows, "along_level", "mine")]
    assert titles == ["mine: along the receptive field"]
    assert axis_figures(rows, "overview", "mine") == []
