"""The overview: a panel a task and axis, levels by depth, one color a network, floors across, its notes."""

import pandas as pd
import pytest
from matplotlib.colors import to_rgb

from results import figures
from results.figures.overview import overview
from results.scores.axes import depths, stage, with_axes
from results.scores.scores import scores
from tests.results.figures.test_figures import EVENTS, SCENES, laid_out, legend, made, notes_of, spec
from tests.results.rows.test_rows import all_texts

LEVELS = {
    "passt_demo": ("melmean", "block1", "block2", "features", "logits"),
    "cnn_demo": ("melmean", "block0", "block1", "clf1"),
}
MODELS = pd.DataFrame({"name": list(LEVELS), "levels": list(LEVELS.values()), "hop_ms": 10.0, "max_window_ms": 10000})


def network(checkpoint, weights="demo", value=0.5, tasks=(SCENES, EVENTS)) -> list[tuple]:
    """Cells of a network along both axes: its levels at 160 ms, and its second block at two windows."""
    cells = []
    for number, level in enumerate(LEVELS[checkpoint][:4]):
        cells.append((spec(checkpoint, level, "160", "max", weights), value + 0.05 * number))
    cells.append((spec(checkpoint, "block1", "640", "640", weights), value))
    return [(text, text, task, (score, score + 0.1)) for text, score in cells for task in tasks]


def floor(name, value, tasks=(SCENES, EVENTS)) -> list[tuple]:
    return [(name, spec(name, "mean", weights="none"), task, (value,)) for task in tasks]


@pytest.fixture
def rows() -> pd.DataFrame:
    trained, untrained = (
        [*network("passt_demo", weights, value), *network("cnn_demo", weights, value + 0.02)]
        for weights, value in (("demo", 0.5), ("untrained-0", 0.2))
    )
    return made(*trained, *untrained, *floor("chance", 0.1), *floor("logmel", 0.3))


def lines_of(axes) -> dict[str, list]:
    """The containers of error bars, by their labels."""
    return {container.get_label(): container.lines[0] for container in axes.containers}


def test_a_panel_a_task_and_axis(rows):
    figure = overview(rows, "title", MODELS)
    assert len(figure.axes) == 4
    assert [axes.get_title("left") for axes in figure.axes[:2]] == ["ESC-50 (top1_acc)"] * 2
    assert figure.axes[0].get_ylim() == figure.axes[1].get_ylim()
    assert set(lines_of(figure.axes[0])) == {"passt_demo", "cnn_demo", "passt_demo untrained", "cnn_demo untrained"}


def test_levels_stand_at_their_depth_in_each_network(rows):
    level = lines_of(overview(rows, None, MODELS).axes[0])
    assert level["passt_demo"].get_xdata().tolist() == [0, 0.25, 0.5, 0.75]
    assert level["cnn_demo"].get_xdata().tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert level["passt_demo"].get_ydata().tolist() == pytest.approx([0.55, 0.6, 0.65, 0.7])


def test_untrained_networks_are_shown_at_the_setting_of_the_trained_one():
    cells = [(spec("passt_demo", "block2", str(w)), 0.5) for w in (160, 640)]
    cells += [(spec("passt_demo", level, "160", weights="untrained-0"), 0.2) for level in ("block1", "block2")]
    figure = overview(made(*((text, text, EVENTS, (score,)) for text, score in cells)), None, MODELS)
    assert "Receptive fields: of passt_demo block2." in notes_of(figure)


def test_whole_clips_are_called_so_behind_the_longest_window(rows):
    scenes, events = (overview(rows, None, MODELS).axes[number] for number in (1, 3))
    assert [text.get_text() for text in scenes.get_xticklabels()] == ["640", "whole clip"]
    assert [text.get_text() for text in events.get_xticklabels()] == ["160", "640"]
    places = lines_of(scenes)["passt_demo"].get_xdata()
    assert places[0] == 640
    assert places[1] > 640
    assert not any("10000" in text for text in all_texts(overview(rows, None, MODELS)))


def test_a_network_has_one_color_solid_trained_and_dashed_untrained(rows):
    for axes in overview(rows, None, MODELS).axes:
        lines = lines_of(axes)
        for name in ("passt_demo", "cnn_demo"):
            assert to_rgb(lines[name].get_color()) == to_rgb(lines[f"{name} untrained"].get_color())
            assert lines[name].get_linestyle() == "-"
            assert lines[f"{name} untrained"].is_dashed()
        assert lines["passt_demo"].get_color() != lines["cnn_demo"].get_color()
    shown = legend(overview(rows, None, MODELS))
    assert shown[-2:] == ["trained", "untrained (random weights)"]


def test_floors_are_lines_across_with_their_names(rows):
    figure = overview(rows, None, MODELS)
    across = {line.get_gid(): set(line.get_ydata()) for line in figure.axes[0].lines if line.get_gid()}
    assert across == {"across chance": {0.1}, "across log-mel": {0.3}}
    assert {"chance", "log-mel"} <= {text.get_text() for text in figure.axes[1].texts}
    assert not {"chance", "logmel"} & set(legend(figure))


def test_a_network_without_a_place_is_across_too(rows):
    text = spec("crepe_tiny", "block1+block2", windows="own")
    several = [("concat", text, task, (0.4,)) for task in (SCENES, EVENTS)]
    figure = overview(pd.concat([rows, made(*several)]), None, MODELS)
    assert "crepe_tiny" in {text.get_text() for text in figure.axes[1].texts}


def test_it_says_what_it_shows_and_what_its_error_bars_are(rows):
    statement = "Established: passt_demo is above log-mel."
    figure = overview(rows, None, MODELS, statement=statement)
    texts = {text.get_gid(): text for text in figure.texts}
    assert texts["statement"].get_text() == statement
    assert texts["statement"].get_fontsize() > texts["notes"].get_fontsize()
    assert texts["notes"].get_text().startswith("Error bars: standard deviation over folds")
    assert "untrained weights" not in texts["notes"].get_text(), "the legend says it"
    bare = overview(rows, None, MODELS, notes=False)
    assert bare.texts == []
    assert bare.get_figheight() < figure.get_figheight()


def test_many_tasks_fit_a_page():
    tasks = [(f"task{number}", "top1_acc") for number in range(19)]
    figure = overview(made(*network("passt_demo", tasks=tasks), *network("cnn_demo", tasks=tasks)), None, MODELS)
    assert len(figure.axes) == 38
    assert figure.get_figheight() < 10


def test_models_and_colors_can_be_chosen(rows):
    figure = overview(rows, None, MODELS, order=["cnn_demo", "chance"], palette={"cnn_demo": "red"})
    lines = lines_of(figure.axes[0])
    assert set(lines) == {"cnn_demo", "cnn_demo untrained"}
    assert to_rgb(lines["cnn_demo"].get_color()) == (1, 0, 0)
    with pytest.raises(ValueError, match="order names 'cnn', which is no model of these rows"):
        overview(rows, None, MODELS, order=["cnn"])
    with pytest.raises(ValueError, match="palette names 'cnn', which is no model or checkpoint of these rows"):
        overview(rows, None, MODELS, palette={"cnn": "red"})
    with pytest.raises(ValueError, match="palette has 'rod', which is no color; expected one such as 'tab:blue'"):
        overview(rows, None, MODELS, palette={"cnn_demo": "rod"})


def test_one_value_is_no_axis():
    with pytest.raises(ValueError, match="overview needs a network of two embedding levels or two receptive fields"):
        overview(made(("a", spec(), SCENES, (0.5,))), None, MODELS)


def test_nothing_overlaps_or_is_cut(rows):
    figure = overview(rows, "title", MODELS, statement="A statement. " * 20)
    laid_out(figure)
    boxes = [axes.get_tightbbox() for axes in figure.axes] + [text.get_window_extent() for text in figure.texts]
    boxes.append(figure.legends[0].get_window_extent())
    for number, box in enumerate(boxes):
        assert box.x0 >= -1 and box.x1 <= figure.bbox.x1 + 1, "inside"  # noqa: PT018
        assert box.y0 >= -1 and box.y1 <= figure.bbox.y1 + 1, "inside"  # noqa: PT018
        assert not any(box.overlaps(other.padded(-1.5)) for other in boxes[number + 1 :])


def test_the_depth_of_levels():
    ordered = ["melmean", "block0", "block12", "features", "clf1", "clf2", "logits"]
    assert sorted(ordered, key=stage) == ordered
    assert stage("layer5") == stage("se5") == stage("block5")
    assert stage("something") is None
    cells = [(level, spec("m", level), SCENES, (0.5,)) for level in ("melmean", "block3", "block3.patches", "other")]
    table = with_axes(scores(made(*cells)))
    assert depths(table).tolist() == [0, 0.5, 0.5, 1], "unknown names: in the order of the rows"
    table = table[table["level"] != "other"]
    assert depths(table).tolist() == [0, 1, 1]
    known = pd.DataFrame({"name": ["m"], "levels": [("block1", "block6")]})
    assert depths(table, known).tolist() == [0, 0.5, 0.5]


def test_notebooks_show_figures(rows):
    figure = figures.figure(rows, "overview", None, MODELS)
    assert figure._repr_png_().startswith(b"\x89PNG")
    data, metadata = figure._repr_mimebundle_()
    assert set(data) == {"image/png"}
    width = metadata["image/png"]["width"]
    assert 500 <= width <= 800
