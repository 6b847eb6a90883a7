"""Both schemes of normalizing: against what was published, and what must hold of any scores."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer

from results.reference.published import category_means, challenge_best, leaderboard_models, published
from results.rows.rows import task_table
from results.scores import normalize
from results.scores.labels import labels
from results.scores.scores import scores
from results.tables import averages


def frame(*cells) -> pd.DataFrame:
    return pd.DataFrame(cells, columns=["model", "task", "metric", "mean"])


@pytest.fixture(scope="module")
def figure10() -> pd.DataFrame:
    return scores(published(["fig10"]))


def test_metrics_of_one_task_are_standardized_apart():
    cells = [
        (model, "t", metric, mean) for metric, means in SCORES.items() for model, mean in zip("abc", means, strict=True)
    ]
    found = normalize.standardized(frame(*cells)).groupby("metric")["standardized"].apply(list)
    assert found["top1_acc"] == pytest.approx([-1.0, 0.0, 1.0])
    assert found["aucroc"] == pytest.approx([1.0, 0.0, -1.0])


SCORES = {"top1_acc": (0.1, 0.2, 0.3), "aucroc": (0.95, 0.9, 0.85)}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("PaSST M+H hop=10‡", {"speech": 0.676, "music": 0.666, "general": 0.907}),
        ("PaSST L+M 2RF hop=5‡", {"speech": 0.718, "music": 0.809, "general": 0.922}),
    ],
)
def test_category_means_of_the_paper_from_published_rows(figure10, model, expected):
    assert normalize.category_means(figure10).loc[model, list(expected)].to_dict() == pytest.approx(expected, abs=0.004)
    assert normalize.category_counts(figure10).loc[model].tolist() == [5, 7, 7, 19]


def test_category_means_of_the_leaderboards_models_are_those_of_the_papers_boxes():
    ours = normalize.category_means(scores(published(["leaderboard"])))
    theirs = category_means().set_index(["figure", "model"])
    names = {"SERAB BYOL-S": "Logitech AI SERAB BYOL-S", "EfficientNet-B2": "RedRice EfficientNet-B2"}
    for name, ours_name in names.items():
        columns = ["speech", "music", "general", "all"]
        assert ours.loc[f"{ours_name}‡", columns].tolist() == pytest.approx(
            theirs.loc[("Fig9", name), columns].tolist(), abs=0.004
        )


def test_the_best_of_the_challenge_is_1_and_nothing_in_it_is_more():
    found = normalize.normalized(scores(published(["leaderboard"])))
    official = found[found["model"].isin(leaderboard_models().query("challenge")["model"])]
    assert official.groupby("task")["normalized"].max().tolist() == pytest.approx([1.0] * 19)
    assert (found["normalized"] > 1).any(), "later models may be above it"
    assert (found["not_normalized"] == "").all()


def test_zeros_are_kept_and_missing_scores_dropped():
    board = scores(published(["leaderboard"]))
    means, counts = normalize.category_means(board), normalize.category_counts(board)
    assert counts.loc["CVSSP PANNS‡"].tolist() == [5, 7, 6, 18], "no Beehive"
    assert counts.loc["CP-JKU PaSST base‡"].tolist() == [5, 6, 6, 17]
    panns = published(["leaderboard:*PANNS"]).set_index("task")["score"]
    assert panns["maestro_5h"] == 0
    assert means.loc["CVSSP PANNS‡", "all"] == pytest.approx((panns / challenge_best()).mean())


def test_what_cannot_be_normalized_says_why():
    found = normalize.normalized(
        frame(("m", "esc50", "top1_acc", 0.5), ("m", "fsd50k", "aucroc", 0.9), ("m", "mine", "top1_acc", 0.5))
    )
    assert found["normalized"].isna().tolist() == [False, True, True]
    assert found["not_normalized"].tolist() == [
        "",
        "the challenge's metric is mAP, not aucroc",
        "not a task of the challenge",
    ]
    assert found["category"].tolist() == ["general", "general", ""]
    nothing = normalize.normalized(frame(("m", "esc50", "top1_acc", np.nan)))
    assert nothing["not_normalized"].tolist() == ["no score"]
    assert normalize.category_means(frame(("m", "mine", "top1_acc", 0.5))).isna().all(axis=None)


def test_another_frame_is_refused():
    for function in (normalize.normalized, normalize.standardized, normalize.category_means):
        with pytest.raises(ValueError, match="no column metric, mean; expected the table"):
            function(pd.DataFrame({"model": ["m"], "task": ["t"]}))
    with pytest.raises(ValueError, match="'m' has several scores on t"):
        normalize.standardized(frame(("m", "t", "top1_acc", 0.1), ("m", "t", "top1_acc", 0.2)))


def test_no_rows_are_no_scores():
    empty = frame()
    assert normalize.normalized(empty).empty
    assert normalize.standardized(empty).empty
    assert list(normalize.category_means(empty).columns) == ["speech", "music", "general", "all"]


def test_standardizing_by_hand():
    found = normalize.standardized(
        frame(*[(f"m{i}", "t", "top1_acc", score) for i, score in enumerate((0.1, 0.2, 0.3, 0.4, np.nan))])
    )
    step = 0.1 / np.std([0.1, 0.2, 0.3, 0.4])
    assert found["standardized"].tolist() == pytest.approx([-1, -step / 2, step / 2, 1, np.nan], nan_ok=True)
    assert normalize.standardized_means(found)["m2"] == pytest.approx(step / 2)
    alone = normalize.standardized(frame(("m", "t", "top1_acc", 0.3), ("m", "u", "top1_acc", np.nan)))
    assert alone["standardized"].tolist() == pytest.approx([0, np.nan], nan_ok=True)


def test_what_imputing_missing_scores_would_change_is_what_the_notes_say():
    found = scores(published(["leaderboard"])).assign(label=lambda table: labels(table))
    wide = found.pivot_table(index="label", columns="task", values="mean")
    assert wide.isna().sum().sum() == 30
    imputed = pd.DataFrame(IterativeImputer().fit_transform(wide), wide.index, wide.columns)
    theirs = ((imputed - imputed.mean()) / imputed.std(ddof=0)).clip(-1, 1).mean(axis=1)
    ours = normalize.standardized_means(found).reindex(theirs.index)
    assert (theirs - ours).abs().max() == pytest.approx(normalize.IMPUTED_MEANS, abs=0.002)
    assert (theirs.rank() - ours.rank()).abs().max() == normalize.IMPUTED_RANKS
    (note,) = averages.notes(found, ["leaderboard"])
    assert "the leaderboard imputes them first, which changes means of its own models by up to 0.107 and ranks" in note


def test_lower_is_better_is_turned_over():
    errors = frame(("good", "t", "segment_1s_er", 0.1), ("bad", "t", "segment_1s_er", 0.9))
    assert normalize.standardized_means(errors).to_dict() == {"good": 1, "bad": -1}


def test_categories_cover_the_tasks():
    assert set(task_table()["category"]) == set(normalize.CATEGORIES)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 1000), min_size=2, max_size=12),
    st.floats(0.01, 100),
    st.floats(-50, 50),
)
def test_standardizing_does_not_depend_on_scale_offset_or_order(values, scale, offset):
    scores = np.array(values) / 1000
    found = frame(*[(f"m{i}", "t", "top1_acc", score) for i, score in enumerate(scores)])
    once = normalize.standardized(found)["standardized"]
    assert once.abs().max() <= 1
    again = normalize.standardized(found.assign(mean=scores * scale + offset).iloc[::-1])["standardized"]
    np.testing.assert_allclose(again.sort_index(), once, atol=1e-6)
