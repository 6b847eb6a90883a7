import math

import numpy as np
import pandas as pd
import pytest

from results.figures.label_curve import label_curve
from results.rows.rows import COLUMNS
from results.scores.kinds import with_flags
from results.statistics.label_curve import points, summary


def runs(kind: str = "fewshot", labels=(1, 4, 16), seeds=(0, 1), whole: bool = False) -> list[pd.DataFrame]:
    """Runs of two models whose scores rise with the logarithm of the labels."""
    made = []
    for value in labels:
        protocol = "knn" if whole and value == labels[-1] else f"knn+{kind}{value:g}"
        rows = [
            {
                **dict.fromkeys(COLUMNS, ""),
                **{"model": model, "spec": f"{model}@mean@published", "task": "esc50", "metric": "top1_acc"},
                **{"primary": True, "fold": f"fold{fold}", "seed": seed, "protocol": protocol, "task_fp": "t"},
                **{"job": f"{model} {seed}", "study": "s", "weights": "published", "tolerance": math.nan},
                "score": slope * math.log(value / labels[0]) + 0.1 + seed / 100,
            }
            for model, slope in (("logmel", 0.05), ("crepe_full", 0.1))
            for fold in range(2)
            for seed in seeds
        ]
        made.append(with_flags(pd.DataFrame(rows)))
    return made


def test_points_are_means_over_folds():
    table = points(runs())
    assert list(table["labels"].unique()) == [1, 4, 16]
    assert set(table["protocol"]) == {"knn"}
    assert set(table["unit"]) == {"training clips a label"}
    assert len(table) == 2 * 3 * 2
    line = table[(table["model"] == "crepe_full") & (table["labels"] == 4) & (table["seed"] == 1)]
    assert line["score"].item() == pytest.approx(0.1 * math.log(4) + 0.11)


def test_a_run_of_all_clips_is_the_share_1():
    assert list(points(runs("fraction", (0.1, 1), whole=True))["labels"].unique()) == [0.1, 1.0]


@pytest.mark.parametrize(
    "made",
    [[*runs("fewshot"), *runs("fraction", (0.1,))], [], runs("fraction", (1,), whole=True)],
    ids=["two", "no", "whole"],
)
def test_runs_that_make_no_curve(made):
    with pytest.raises(ValueError, match="a label curve is of one protocol and one kind of draw"):
        points(made)


def test_area_is_the_mean_along_the_logarithm():
    table = summary(points(runs()))
    line = table.set_index("model").loc["crepe_full"]
    assert line["area"] == pytest.approx(0.105 + 0.1 * math.log(16) / 2)
    assert line["area_std"] == pytest.approx(0.01 / math.sqrt(2))
    assert line["draws"] == 2


def test_labels_needed_are_interpolated_on_the_logarithm():
    line = summary(points(runs()), reach=0.105 + 0.1 * math.log(8)).set_index("model")["labels_needed"]
    assert line["crepe_full"] == pytest.approx(8)
    assert np.isnan(line["logmel"])
    assert (summary(points(runs()), reach=0.0)["labels_needed"] == 1).all()


def test_one_draw_has_no_spread_and_one_point_no_area():
    assert summary(points(runs(seeds=(0,))))["area_std"].isna().all()
    assert summary(points(runs(labels=(4,))))["area"].isna().all()


def test_the_figure_has_a_line_a_model():
    figure = label_curve(points(runs()), "knn")
    (axes,) = figure.axes
    assert len(axes.lines) == 2
    assert axes.get_xscale() == "log"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "4", "16"]
    with pytest.raises(ValueError, match="needs two numbers of labels or more, got 1"):
        label_curve(points(runs(labels=(4,))))


def test_an_error_reaches_from_above():
    """Errors that are 1 less the scores reach what the scores reach, with as many labels."""
    scores, errors = (points(runs()) for _ in range(2))
    errors = errors.assign(metric="rmse", score=1 - errors["score"])
    for reach, of_error in ((None, None), (0.105 + 0.1 * math.log(8), 0.895 - 0.1 * math.log(8))):
        wanted, found = (
            summary(table, value).set_index("model") for table, value in ((scores, reach), (errors, of_error))
        )
        assert found["labels_needed"].to_dict() == pytest.approx(wanted["labels_needed"].to_dict(), nan_ok=True)
        assert found["reach"].to_dict() == pytest.approx((1 - wanted["reach"]).to_dict())
