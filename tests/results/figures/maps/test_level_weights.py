"""The weights of levels: their table of numbers, their heat map, and what is no score."""

import numpy as np
import pandas as pd
import pytest

from results import figures
from results.rows.rows import rows_of
from results.scores.level_weights import level_weights
from results.scores.scores import Scored, scores
from results.tables.compose import compose
from results.tables.formats import to_csv, to_text
from results.tables.level_weights import weights_table

SPEC = "passt_demo@block1+block2+block3@{}@w160@smax@t50@demo"
WEIGHTS = {"block1": 0.2, "block2": 0.5, "block3": 0.3}
FOLDS, SEEDS = ("fold00", "fold01"), (0, 1)


def job(task, seed, shift, weights=WEIGHTS):
    """A job's JSON whose weights move with the fold and the seed."""
    chosen = {"validation_score": 0.5, "hidden_layers": 1, "lr": 1e-3, "init": "xavier_uniform", "epoch": 9}
    folds = []
    for number, fold in enumerate(FOLDS):
        moved = number * shift + seed * shift / 2
        first, second, *rest = weights
        values = {first: weights[first] + moved, second: weights[second] - moved, **{n: weights[n] for n in rest}}
        scores = {"top1_acc": 0.5 + number / 10, "mAP": 0.4}
        folds.append({"fold": fold, "scores": scores, **chosen, "level_weights": values})
    return {"job": f"{task}{seed}{shift}", "versions": {}, "folds": folds, "task_fp": task, "protocol": "hear2021"}


def rows(*poolings, tasks=("esc50", "speech_commands"), **fields):
    found = []
    for pooling in poolings:
        for task in tasks:
            for seed in SEEDS:
                identity = {"study": "s", "model": f"small {pooling}", "family": "passt", "spec": SPEC.format(pooling)}
                identity |= {"weights": "demo", "task": task, "seed": seed}
                found += rows_of(job(task, seed, 0.04, **fields), identity)
    return pd.DataFrame(found)


def test_weights_are_averaged_over_folds_and_seeds():
    table = level_weights(rows("weighted")).set_index(["task", "level"]).loc["esc50"]
    assert list(table.index) == list(WEIGHTS)
    moved = np.array([0, 0.02, 0.04, 0.06])
    assert table.loc["block1", "weight"] == pytest.approx(0.2 + moved.mean())
    assert table.loc["block1", "std"] == pytest.approx(moved.std(ddof=1))
    assert table.loc["block1", "std_folds"] == pytest.approx(np.std([0.01, 0.05], ddof=1))
    assert table.loc["block1", "std_seeds"] == pytest.approx(np.std([0.02, 0.04], ddof=1))
    assert (table.loc["block3", ["std", "std_folds", "std_seeds"]].astype(float) < 1e-12).all()
    assert set(zip(table["folds"], table["seeds"], table["levels"], table["pooling"], strict=True)) == {
        (2, 2, 3, "weighted")
    }
    assert table["weight"].sum() == pytest.approx(1)


def test_rows_that_two_studies_share_count_once():
    both = pd.concat([rows("weighted"), rows("weighted").assign(study="t")])
    pd.testing.assert_frame_equal(level_weights(both), level_weights(rows("weighted")))


def test_weights_are_no_scores():
    whole, without = rows("weighted"), rows("weighted").query("not metric.str.startswith('weight.')")
    pd.testing.assert_frame_equal(scores(whole), scores(without))
    assert to_csv(compose(whole)) == to_csv(compose(without))
    assert set(Scored.of(whole).scores["metric"]) == {"top1_acc"}


def test_the_table_says_what_equal_weights_would_be():
    text = to_text(weights_table(rows("weighted", "weighted_normalized")))
    assert "small weighted: block1" in text
    assert "0.230 ± 0.026" in text
    assert "over 2 folds and 2 seeds. Equal weights are 0.333 for 3 levels." in text
    assert "not normalized" in text
    assert "not normalized" not in to_text(weights_table(rows("weighted_normalized")))
    standardized = rows("weighted").assign(protocol="hear2021+standardized")
    assert "not normalized" not in to_text(weights_table(standardized))
    lines = to_csv(weights_table(rows("weighted", tasks=["esc50"]))).splitlines()
    assert lines[0].startswith("model,task,level,weight,std,std_folds,std_seeds,folds,seeds,levels,pooling")
    assert len(lines) == 1 + 3


def test_the_map_has_a_panel_a_model_and_a_number_in_each_cell():
    figure = figures.figure(rows("weighted", "weighted_normalized"), "level_weights", "title", notes=True)
    first, second, scale = figure.axes
    assert [axes.get_title() for axes in (first, second)] == ["small weighted", "small weighted_normalized"]
    assert [label.get_text() for label in first.get_yticklabels()] == list(WEIGHTS)
    assert [label.get_text() for label in first.get_xticklabels()] == ["ESC-50", "speech_commands"]
    assert len(first.texts) == len(second.texts) == 6
    assert first.texts[0].get_text().startswith(("0.230 ± 0.026", "0.23 ± 0.03", ".23", ".230 ± .026"))
    assert scale.get_ylabel() == "times the equal weight"
    image = first.images[0].get_array()
    assert float(image[0, 0]) == pytest.approx(3 * 0.23)
    assert first.images[0].get_clim() == second.images[0].get_clim() == pytest.approx((1 - 0.41, 1 + 0.41))


def test_models_may_have_other_levels_and_tasks():
    other = rows("weighted_normalized", tasks=["esc50"], weights={"block4": 0.6, "block5": 0.4})
    figure = figures.figure(pd.concat([rows("weighted"), other]), "level_weights")
    assert [len(axes.get_yticks()) for axes in figure.axes[:2]] == [3, 2]
    assert [len(axes.texts) for axes in figure.axes[:2]] == [6, 2]


def test_one_model_can_be_chosen_and_drawn_into_a_panel():
    from matplotlib.figure import Figure

    ax = Figure().subplots()
    both = rows("weighted", "weighted_normalized")
    figures.figure(both, "level_weights", order=["small weighted_normalized"], ax=ax, palette="viridis")
    assert len(ax.texts) == 6


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        (rows("weighted").query("primary"), {}, "no row has the weight of a level; a study asks for them by"),
        (rows("weighted"), {"palette": "tab:blue"}, "palette of a heat map is the name of a colormap"),
        (rows("weighted"), {"order": ["large"]}, "order names 'large', which is no model of these rows"),
        (rows("weighted", "weighted_normalized"), {"ax": object()}, "ax is one panel, and 2 models have one each"),
    ],
)
def test_what_can_not_be_drawn_is_named(table, options, message):
    with pytest.raises(ValueError, match=message):
        figures.figure(table, "level_weights", **options)
