"""Colors of models: one a checkpoint, shades within it, the same in every figure and for every part of a run."""

import pandas as pd
import pytest
from matplotlib.colors import rgb_to_hsv, to_rgb

from results import figures
from results.figures.canvas.colors import FLOOR_COLORS, UNNAMED, colored
from results.figures.canvas.style import hues
from results.reference.published import published
from results.scores.scores import scores
from tests.results.figures.test_comparisons import costed
from tests.results.figures.test_figures import EVENTS, FINE, MODELS, SCENES, made, spec

CELLS = [
    ("PaSST", spec(), SCENES, (0.9, 0.8)),
    ("PaSST untrained", spec(weights="untrained-0"), SCENES, (0.3, 0.2)),
    ("PaSST logits", spec(levels="logits"), SCENES, (0.7, 0.8)),
    ("mn04", spec("mn04_as"), SCENES, (0.6, 0.7)),
    ("log-mel", spec("logmel", "mean", weights="none"), SCENES, (0.4, 0.4)),
]


def colors(rows: pd.DataFrame, palette=None) -> dict[str, tuple]:
    table = scores(rows)
    return dict(zip(table["model"], colored(table, palette), strict=True))


def test_a_checkpoint_has_a_color_and_its_variants_are_shades():
    found = colors(made(*CELLS))
    assert found["PaSST"] == found["PaSST untrained"] == hues()[0]
    assert found["mn04"] == hues()[1]
    assert found["log-mel"] == FLOOR_COLORS["logmel"]
    assert rgb_to_hsv(found["PaSST logits"])[0] == pytest.approx(rgb_to_hsv(found["PaSST"])[0], abs=0.02)
    assert found["PaSST logits"] != found["PaSST"]


def test_variants_of_one_checkpoint_have_colors_of_their_own():
    found = colors(made(*(cell for cell in CELLS if cell[0] != "mn04")))
    assert (found["PaSST"], found["PaSST logits"]) == tuple(hues()[:2])


def test_published_models_have_the_color_of_the_measured_one_of_their_name():
    ours = made(("PaSST L+M", spec(), EVENTS, (0.8,)), ("mine", spec("mn04_as"), EVENTS, (0.8,)))
    found = colors(pd.concat([ours, published(["fig5:PaSST L+M", "fig5:OpenL3"])]))
    assert found["PaSST L+M"] == hues()[0]
    assert len(set(found.values())) == 3
    many = colors(pd.concat([ours, published(["fig5:PaSST L+M", "leaderboard"])]))
    assert many["PaSST L+M"] == hues()[0]
    assert many["OpenL3"] == UNNAMED


def test_palettes():
    rows = made(*CELLS)
    assert colors(rows, ["red", "blue"])["mn04"] == to_rgb("blue")
    named = colors(rows, {"mn04_as": "red", "PaSST logits": "green"})
    assert (named["mn04"], named["PaSST logits"], named["PaSST"]) == (to_rgb("red"), to_rgb("green"), hues()[0])
    assert colors(rows, "Set2")["PaSST"] == pytest.approx((0.4, 0.76, 0.65), abs=0.01)
    for palette, message in (
        ({"mn4": "red"}, "palette names 'mn4', which is no model or checkpoint of these rows"),
        (["rod"], "palette has 'rod', which is no color"),
        ([], "palette has no colors"),
        ("sunny", "'sunny' is not a valid palette name"),
    ):
        with pytest.raises(ValueError, match=message):
            colors(rows, palette)


def test_a_model_has_one_color_in_all_figures():
    rows = made(*CELLS, ("mn04 logits", spec("mn04_as", "logits"), SCENES, (0.5,)))
    expected = colors(rows)
    bars = figures.bars(rows).axes[0]
    drawn = {
        label.get_text(): bar.get_facecolor()[:3]
        for label, bar in zip(bars.get_yticklabels(), bars.patches, strict=True)
    }
    assert drawn["mn04"] == expected["mn04"]
    for figure in (figures.grouped_bars(rows), figures.category_boxes(rows), figures.bars(rows, order=["mn04"])):
        assert expected["mn04"] in {patch.get_facecolor()[:3] for patch in figure.axes[0].patches}
    points = figures.pareto(rows, None, costed(rows)).axes[0].lines
    assert expected["mn04"] in {to_rgb(line.get_markeredgecolor()) for line in points if line.get_marker() == "o"}
    line = made(
        *((f"{c} {level}", spec(c, level), SCENES, (0.5,)) for c in (FINE, "mn04_as") for level in ("block1", "logits"))
    )
    axes = figures.FIGURES["along_level"](line, None, MODELS).axes[0]
    assert [to_rgb(line.get_color()) for line in axes.lines] == hues()[:2]
