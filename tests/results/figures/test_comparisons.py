"""Figures of scores along an axis, against published scores, against cost, and of ranks."""

import itertools
import math

import pandas as pd
import pytest

from results import figures
from results.figures.agreement import pairs
from results.figures.cost import cost_table
from results.figures.critical_difference import critical_difference, groups
from results.reference.published import published
from results.scores.axes import along, with_axes
from results.scores.scores import scores
from tests.results.figures.test_figures import BASE, EVENTS, FINE, MODELS, SCENES, legend, made, notes_of, spec
from tests.results.rows.test_rows import all_texts


def test_the_parts_of_specs():
    cells = [
        ("a", spec(windows="640"), EVENTS, (0.5,)),
        ("b", spec(scene="640"), SCENES, (0.5,)),
        ("c", spec(FINE, "block3.patches"), SCENES, (0.5,)),
        ("d", spec(windows="160+640"), EVENTS, (0.5,)),
        ("e", spec("logmel", "mean+std", weights="none"), SCENES, (0.5,)),
    ]
    found = with_axes(scores(made(*cells)), MODELS).set_index("model")
    assert along(found, "window").fillna(-1).to_dict() == {"a": 640, "b": 640, "c": math.inf, "d": -1, "e": math.inf}
    assert along(found, "hop").fillna(-1).to_dict() == {"a": 10, "b": 10, "c": 5, "d": 10, "e": -1}
    assert found.loc["c", ["level", "pool"]].tolist() == ["block3", "patches"]
    assert pd.isna(found.loc["e", "level"])


def test_along_a_window():
    cells = [
        (f"{c} {w}", spec(c, windows=w), EVENTS, (s, s + 0.2))
        for c, s in ((BASE, 0.3), (FINE, 0.5))
        for w in (640, 160)
    ]
    cells.append(("two", spec(windows="160+640"), EVENTS, (0.9,)))
    figure = figures.FIGURES["along_window"](made(*cells), "title", MODELS)
    (axes,) = figure.axes
    across, base, fine = axes.lines
    assert list(base.get_xdata()) == [160, 640]
    assert base.get_ydata().tolist() == pytest.approx([0.4, 0.4])
    assert fine.get_ydata().tolist() == pytest.approx([0.6, 0.6])
    assert set(across.get_ydata()) == {0.9}
    assert legend(figure) == [BASE, FINE, "two"]
    low, high = axes.collections[0].get_datalim(axes.transData).intervaly
    assert (low, high) == pytest.approx((0.4 - 0.1414, 0.4 + 0.1414), abs=1e-4)
    assert [label.get_text() for label in axes.get_xticklabels()] == ["160", "640"]
    assert notes_of(figure).startswith("Bands: standard deviation over folds.")


def test_settings_of_one_value_are_left_out_beside_lines_and_named():
    line = [(f"{w}", spec(windows=w), EVENTS, (0.5,)) for w in (160, 640)]
    lone = [(level, spec(levels=level), EVENTS, (0.2,)) for level in ("block3", "logits")]
    figure = figures.FIGURES["along_window"](made(*line, *lone), None, MODELS)
    (axes,) = figure.axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [[0.5, 0.5]]
    assert "Not drawn, with one receptive field: block3, logits." in notes_of(figure)
    many = [(f"block{i}", spec(levels=f"block{i}"), EVENTS, (0.2,)) for i in range(1, 9)]
    figure = figures.FIGURES["along_window"](made(*line, *many), None, MODELS)
    assert "Not drawn, with one receptive field: block1, block2, block3, block4 and 4 more." in notes_of(
        figure
    ).replace("\n", " ")


def test_tasks_of_one_value_are_left_out_and_named():
    cells = [(f"{w}", spec(windows=w), task, (0.5,)) for w in (160, 640) for task in (EVENTS, SCENES)]
    figure = figures.FIGURES["along_window"](made(*cells), None, MODELS)
    assert [axes.get_title().splitlines()[0] for axes in figure.axes] == ["DCASE 2016 Task 2"]
    assert "Not drawn: ESC-50, where all models have one receptive field." in notes_of(figure)


def test_an_axis_of_one_value_is_refused():
    cells = [(level, spec(levels=level), task, (0.2,)) for level in ("block3", "logits") for task in (EVENTS, SCENES)]
    message = "along_window: every model has one receptive field on a task, 160 ms or whole clip; vary windows, such as"
    with pytest.raises(ValueError, match=message):
        figures.FIGURES["along_window"](made(*cells), None, MODELS)
    with pytest.raises(ValueError, match="along_level: every model has one embedding level on a task, features; vary"):
        figures.FIGURES["along_level"](made(("a", spec(), SCENES, (0.2,))), None, MODELS)
    with pytest.raises(ValueError, match="along_hop: every model has one STFT hop on a task, 10 ms; vary the checkpoi"):
        figures.FIGURES["along_hop"](made(("a", spec(), SCENES, (0.2,))), None, MODELS)


def test_untrained_lines_are_dashed_in_the_color_of_their_twins():
    cells = [
        (f"{c} {w} {weights}", spec(c, windows=w, weights=weights), EVENTS, (0.5,))
        for c in (BASE, FINE)
        for weights in ("demo", "untrained-0")
        for w in (160, 640)
    ]
    figure = figures.FIGURES["along_window"](made(*cells), None, MODELS)
    assert legend(figure) == [BASE, f"{BASE}†", FINE, f"{FINE}†"], "weights of one kind have no name"
    base, untrained, fine, _ = figure.axes[0].lines
    assert base.get_color() == untrained.get_color() != fine.get_color()
    assert (base.is_dashed(), untrained.is_dashed()) == (False, True)


def test_floors_are_lines_across():
    cells = [(f"{w}", spec(windows=w), EVENTS, (0.5,)) for w in (160, 640)]
    floors = [(name, spec(name, "mean", weights="none"), EVENTS, (0.1,)) for name in ("chance", "logmel")]
    figure = figures.FIGURES["along_window"](made(*cells, *floors), None, MODELS)
    across = [line for line in figure.axes[0].lines if line.get_gid()]
    assert [line.get_gid() for line in across] == ["across chance", "across log-mel"]


def test_lines_are_called_by_what_differs_among_them():
    line = [(f"{w}", spec(windows=w), EVENTS, (0.5,)) for w in (160, 640)]
    fine = [(f"fine {w}", spec(FINE, windows=w), EVENTS, (0.6,)) for w in (160, 640)]
    figure = figures.FIGURES["along_window"](
        made(*line, *fine, ("lone", spec(levels="logits"), EVENTS, (0.2,))), None, MODELS
    )
    assert legend(figure) == [BASE, FINE]


def test_along_levels_in_their_order_with_patches_as_a_line_of_their_own():
    levels = ["melmean", "block1", "block1.patches", "block2", "block2.patches", "features"]
    cells = [(level, spec(levels=level), SCENES, (0.1 * i,)) for i, level in enumerate(levels)]
    figure = figures.FIGURES["along_level"](made(*cells), None, MODELS)
    (axes,) = figure.axes
    assert [label.get_text() for label in axes.get_xticklabels()] == ["mel", "block1", "block2", "features"]
    tokens, patches = (list(line.get_xdata()) for line in axes.lines)
    assert tokens == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert patches == pytest.approx([1 / 3, 2 / 3])
    assert legend(figure) == ["level", "level.patches"]


def test_levels_of_several_networks_stand_at_their_own_depths():
    orders = {
        BASE: ["melmean", "block1", "block2", "logits"],
        "cnn": ["block0", "block1", "block2", "block3", "logits"],
    }
    cells = [(f"{c} {level}", spec(c, level), SCENES, (0.5,)) for c, levels in orders.items() for level in levels]
    (axes,) = figures.FIGURES["along_level"](made(*cells), None, MODELS).axes
    first, second = ([label.get_text() for label in axes.get_xticklabels(minor=minor)] for minor in (False, True))
    assert first == ["mel", "block1", "block2", "logits"]
    assert second[-2:] == ["block3", "logits"]
    assert {"block2", "block3"} <= set(second), "a line of texts each"
    base, cnn = (list(line.get_xdata()) for line in axes.lines)
    assert base == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert cnn == pytest.approx([0.2, 0.4, 0.6, 0.8, 1])


def test_along_the_hop():
    cells = [(c, spec(c), task, (0.5,)) for c in (BASE, FINE) for task in (EVENTS, SCENES)]
    figure = figures.FIGURES["along_hop"](made(*cells), None, MODELS)
    assert [axes.lines[0].get_xdata().tolist() for axes in figure.axes] == [[5, 10], [5, 10]]
    with pytest.raises(ValueError, match="no measured model has a place on the axis 'hop'"):
        figures.along(made(("a", spec(), SCENES, (0.5,))), axis="hop")
    with pytest.raises(ValueError, match="axis must be one of level, window, hop, lookahead, got 'depth'"):
        figures.along(made(*cells), axis="depth")


def test_measured_against_published():
    ours = made(
        ("PaSST L+M", spec(), EVENTS, (0.80, 0.90)),
        ("PaSST L+M", spec(), ("maestro_5h", "event_onset_50ms_fms"), (0.434,)),
        ("PaSST L+M", spec(), SCENES, (0.9,)),
        ("PaSST L+M+2RF", spec(weights="untrained-0"), EVENTS, (0.1,)),
    )
    both = pd.concat([ours, published(["fig5"])])
    found = pairs(both)
    assert found["task"].tolist() == ["dcase2016_task2", "maestro_5h"], "nothing untrained, nothing unpublished"
    assert found["difference"].tolist() == pytest.approx([-0.002, 0.0])
    assert found["tolerance"].tolist() == [0.003, 0.003]
    left, right = figures.agreement(both).axes
    assert any(line.get_xdata() == pytest.approx(line.get_ydata()) for line in left.lines if len(line.get_xdata()) == 2)
    assert [bar.get_width() for bar in right.patches] == pytest.approx([0.006, 0.006])
    assert left.get_xlim() == left.get_ylim()
    with pytest.raises(
        ValueError, match="no measured model is called like a published one on the same task; published"
    ):
        figures.agreement(pd.concat([ours.assign(model="x"), published(["fig5"])]))


def costed(found: pd.DataFrame) -> pd.DataFrame:
    """What is known of the specs of rows: timestamps cost twice what scenes do."""
    known = pd.DataFrame({"spec": found["spec"].unique()})
    about = MODELS.set_index("name").loc[known["spec"].str.split("@").str[0]].reset_index()
    scenes = about["gmacs_10s"].where(about["gmacs_10s"] > 0)
    return known.assign(
        name=about["name"], parameters=about["parameters"], gmacs_scenes_10s=scenes, gmacs_timestamps_10s=2 * scenes
    )


def test_scores_against_cost():
    cells = [
        ("PaSST", spec(), SCENES, (0.9,)),
        ("mn04", spec("mn04_as"), SCENES, (0.8,)),
        ("mn10", spec("mn10_as"), SCENES, (0.7,)),
        ("PaSST fine", spec(FINE, weights="untrained-0"), SCENES, (0.2,)),
        ("floor", spec("logmel", weights="none"), SCENES, (0.4,)),
    ]
    found = cost_table(made(*cells), costed(made(*cells))).set_index("label")
    assert found["front"].to_dict() == {"PaSST": True, "mn04": True, "mn10": False, "PaSST fine†": False}
    assert found.loc["PaSST", "score"] == pytest.approx(0.9 / 0.947499991)
    figure = figures.pareto(made(*cells), None, costed(made(*cells)))
    (axes,) = figure.axes
    assert {text.get_text() for text in axes.texts} == {"PaSST", "mn04", "mn10", "PaSST fine†", "log-mel"}
    (front,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
    assert list(front.get_xdata()) == [0.1, 117.0]
    (floor,) = [line for line in axes.lines if line.get_gid() == "across log-mel"]
    assert floor.get_ydata()[0] == pytest.approx(0.4 / 0.947499991)
    for models in (None, MODELS, MODELS.assign(spec=MODELS["name"])):
        with pytest.raises(ValueError, match="needs models: what each spec costs, with gmacs_scenes_10s, gmacs_times"):
            figures.pareto(made(*cells), None, models)
    with pytest.raises(ValueError, match="cost must be one of gmacs_10s, parameters, got 'watts'"):
        figures.pareto(made(*cells), None, costed(made(*cells)), cost="watts")
    by_size = figures.pareto(made(*cells), None, costed(made(*cells)), cost="parameters")
    assert by_size.axes[0].get_xlabel() == "parameters"


def test_equal_models_are_both_on_the_front():
    cells = [(name, spec(levels=level), SCENES, (0.5,)) for name, level in (("a", "features"), ("b", "logits"))]
    assert cost_table(made(*cells), costed(made(*cells)))["front"].all()


def test_a_model_costs_what_the_embeddings_of_the_tasks_cost():
    dear, cheap = spec(), spec("mn10_as")
    for tasks, cost in (([SCENES], 117.0), ([EVENTS], 234.0), ([SCENES, EVENTS], 175.5)):
        found = made(*((name, text, task, (0.5,)) for name, text in (("a", dear), ("b", cheap)) for task in tasks))
        assert cost_table(found, costed(found)).set_index("label")["cost"]["a"] == cost


def test_names_of_points_do_not_overlap():
    cells = [(f"model {i}", spec(levels=f"block{i}"), SCENES, (0.5 + 0.004 * i,)) for i in range(1, 5)]
    figure = figures.pareto(made(*cells), None, costed(made(*cells)))
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == 4
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_groups_within_the_critical_distance():
    assert groups([1.2, 2.0, 2.4, 4.3, 4.9], 1.3) == [(1.2, 2.4), (4.3, 4.9)]
    assert groups([1.0, 2.0, 3.0], 1.0) == [(1.0, 2.0), (2.0, 3.0)]
    assert groups([1.0, 3.0], 1.0) == []
    assert groups([1.0, 1.5, 2.0], 5) == [(1.0, 2.0)]


def test_the_critical_difference_diagram():
    figure = critical_difference(["c", "a", "b"], [2.9, 1.1, 2.0], 1.0, "title", ["Nemenyi's test."])
    (axes,) = figure.axes
    assert {"a  1.10", "b  2.00", "2.90  c", "title", "Nemenyi's test."} <= all_texts(figure)
    joined = [line.get_xdata() for line in axes.lines if line.get_gid() == "group"]
    assert [tuple(round(value, 1) for value in ends) for ends in joined] == [(1.1, 2.0), (2.0, 2.9)]
    (distance,) = (line.get_xdata() for line in axes.lines if line.get_gid() == "distance")
    assert distance[1] - distance[0] == pytest.approx(1.0)
    with pytest.raises(ValueError, match="critical_distance must be positive, got 0"):
        critical_difference(["a", "b"], [1, 2], 0)
    with pytest.raises(ValueError, match="same two or more, got 2 and 1"):
        critical_difference(["a", "b"], [1], 1)
