"""Tables of several folds and seeds: what is averaged, what is emphasized, how it is written."""

import io
import itertools
import math
import time

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from results.reference.published import published
from results.rows.rows import COLUMNS, task_table
from results.scores.scores import scores
from results.tables import compose, emphasis
from results.tables.formats import EMPHASIS_NOTE, FORMATS, Format
from tests.results.scores.test_beside import measured, together

TASKS = task_table()


def crossed(models=("a", "b"), tasks=("esc50",), folds=3, seeds=2, **fixed) -> pd.DataFrame:
    """Rows of every model, task, fold and seed; scores are drawn."""
    cells = list(itertools.product(models, tasks, [f"fold{i:02d}" for i in range(folds)], range(seeds)))
    rows = pd.DataFrame(cells, columns=["model", "task", "fold", "seed"])
    empty = dict.fromkeys(set(COLUMNS) - set(rows), "")
    metric = rows["task"].map(TASKS["primary_metric"]).fillna("top1_acc")
    found = rows.assign(**empty).assign(
        family="f", spec=rows["model"], weights="published", primary=True, protocol="hear2021", tolerance=math.nan
    )
    score = np.random.default_rng(0).random(len(rows))
    return found.assign(metric=metric, score=score, job=rows["model"] + rows["seed"].astype(str), **fixed)


def test_spreads_over_folds_and_over_seeds_are_apart():
    rows = crossed(models=("a",), folds=3, seeds=4)
    values = rows["score"].to_numpy().reshape(3, 4)
    (found,) = scores(rows).itertuples()
    assert found.mean == pytest.approx(values.mean())
    assert found.std_folds == pytest.approx(values.mean(axis=1).std(ddof=1))
    assert found.std_seeds == pytest.approx(values.mean(axis=0).std(ddof=1))
    assert (found.std, found.folds, found.seeds, found.count) == (found.std_folds, 3, 4, 12)


@pytest.mark.parametrize("form", FORMATS)
def test_tasks_of_nobodys_challenge_have_no_mean_which_is_said(form):
    rows = crossed(models=("a", "b"), tasks=("birds", "bats"))
    plain, text = (compose.text(rows, form, means=means) for means in (False, ["paper"]))
    if form == "csv":
        assert text == plain
    else:
        assert "No mean of normalized scores: birds, bats (not a task of the challenge)." in text
    assert "nan" not in text
    assert list(compose.table(rows, means=["paper", "leaderboard"]).columns)[-1] == "all (standardized)"


def test_two_folds_show_the_spread_over_folds():
    (found,) = scores(crossed(models=("a",), folds=2, seeds=5)).itertuples()
    assert found.std == found.std_folds != found.std_seeds


@pytest.mark.parametrize(("folds", "seeds", "number"), [(4, 3, 4), (1, 3, 3)])
def test_the_interval_counts_folds_and_not_scores(folds, seeds, number):
    """Scores of one fold under several seeds are no further folds."""
    rows = crossed(models=("a",), folds=folds, seeds=seeds)
    (found,) = scores(rows, interval=0.9).itertuples()
    means = rows.groupby("fold" if folds > 1 else "seed")["score"].mean()
    half = stats.t.ppf(0.95, number - 1) * means.std(ddof=1) / math.sqrt(number)
    assert (found.low, found.high) == pytest.approx((means.mean() - half, means.mean() + half))


def test_one_fold_shows_the_spread_over_seeds():
    (found,) = scores(crossed(models=("a",), folds=1, seeds=3)).itertuples()
    assert found.std == found.std_seeds > 0
    assert math.isnan(found.std_folds)


def test_the_interval_is_students():
    rows = measured(("m", "esc50", "top1_acc", (0.5, 0.6, 0.7)))
    (found,) = scores(rows, interval=0.95).itertuples()
    half = 4.302653 * 0.1 / math.sqrt(3)  # the 97.5 % point of t with two degrees of freedom
    assert (found.low, found.high) == pytest.approx((0.6 - half, 0.6 + half), abs=1e-6)
    assert compose.table(rows, interval=0.95).iloc[0, 0] == f"0.600 [{0.6 - half:.3f}, {0.6 + half:.3f}]"
    alone = measured(("m", "esc50", "top1_acc", (0.5,)))
    assert compose.table(alone, interval=0.95).iloc[0, 0] == "0.500"
    with pytest.raises(ValueError, match="interval must be a confidence between 0 and 1, such as 0.95, got 95"):
        scores(rows, interval=95)


def test_a_score_that_two_studies_share_counts_once():
    rows = crossed()
    both = pd.concat([rows, rows.assign(study="another")], ignore_index=True)
    pd.testing.assert_frame_equal(scores(both), scores(rows))


def test_scores_of_two_protocols_under_one_name_are_refused():
    rows = crossed(models=("a",))
    other = rows.assign(protocol="hear2021+linear", job="x")
    message = r"'a' has 2 scores on esc50, fold00, seed 0 \(protocol hear2021 and hear2021\+linear\); expected one"
    with pytest.raises(ValueError, match=message):
        scores(pd.concat([rows, other], ignore_index=True))


def test_tasks_come_in_hears_order_others_behind():
    rows = crossed(tasks=("mine", "vox_lingua_top10", "esc50", "beehive"))
    heads = [column.split()[0] for column in compose.table(rows)]
    assert heads == ["beehive", "esc50", "vox_lingua_top10", "mine"]
    grouped = compose.table(rows, by_category=True)
    assert [(group, column.split()[0]) for group, column in grouped] == [
        ("speech", "vox_lingua_top10"),
        ("general", "beehive"),
        ("general", "esc50"),
        ("other", "mine"),
    ]
    pd.testing.assert_frame_equal(compose.table(rows, transposed=True).T, compose.table(rows))


def test_best_is_bold_and_second_underlined():
    rows = measured(
        *[(m, "esc50", "top1_acc", (score,)) for m, score in zip("abcd", (0.5, 0.9, 0.7, 0.1), strict=True)]
    )
    lines = compose.to_markdown(rows)
    assert "**0.900**" in lines
    assert "<ins>0.700</ins>" in lines
    assert EMPHASIS_NOTE in lines
    assert r"\textbf{0.900}" in compose.to_latex(rows)
    assert r"\underline{0.700}" in compose.to_latex(rows)
    assert "<b>0.900</b>" in compose.to_html(rows)
    assert "<u>0.700</u>" in compose.to_html(rows)
    assert "*" not in compose.to_csv(rows)
    assert "*" not in compose.to_markdown(rows[rows["model"] == "a"])


def test_of_error_rates_the_smaller_is_best():
    rows = measured(("a", "mine", "segment_1s_er", (0.2,)), ("b", "mine", "segment_1s_er", (0.4,)))
    assert "**0.200**" in compose.to_markdown(rows)


def test_other_protocols_are_not_compared():
    ours = measured(("a", "esc50", "top1_acc", (0.1,)), ("b", "esc50", "top1_acc", (0.2,)))
    both = together(ours.assign(protocol="hear2021+linear"), "leaderboard:OpenL3")
    assert "**0.200**" in compose.to_markdown(both)
    assert "**0.751**" in compose.to_markdown(together(ours, "leaderboard:OpenL3"))


@pytest.mark.parametrize(
    ("values", "tolerances", "expected"),
    [
        ((0.5, 0.7, 0.6), (), [0, 1, 2]),
        ((0.7, 0.7, 0.6), (), [1, 1, 0]),
        ((0.7, 0.6, 0.6), (), [1, 2, 2]),
        ((0.7001, 0.7002, 0.1), (), [1, 1, 0]),
        ((0.7, math.nan, 0.6), (), [1, 0, 0]),
        ((0.7, math.nan), (), [0, 0]),
        ((0.700, 0.702, 0.1), (0.003, math.nan, math.nan), [1, 1, 0]),
        ((0.700, 0.710, 0.1), (0.003, math.nan, math.nan), [2, 1, 0]),
        ((0.702, 0.700, 0.1), (0.003, math.nan, math.nan), [1, 1, 0]),
    ],
)
def test_places(values, tolerances, expected):
    assert emphasis.places(values, tolerances or [math.nan] * len(values)) == expected


@given(st.lists(st.floats(0, 1), max_size=8), st.randoms())
def test_places_do_not_depend_on_order(values, random):
    order = random.sample(range(len(values)), len(values))
    exact = [math.nan] * len(values)
    shuffled = emphasis.places([values[i] for i in order], exact)
    assert [shuffled[order.index(i)] for i in range(len(values))] == emphasis.places(values, exact)


def test_means_by_both_schemes():
    found = compose.table(published(["fig10", "fig5:OpenL3"]), means=True)
    assert found.loc["PaSST M+H hop=10 (fig10)‡", "speech (normalized)"] == "≈0.674"
    assert found.loc["OpenL3 (fig5)‡", "all (normalized)"].endswith(" [2/19]"), "a mean over a part says so"
    assert found.loc["OpenL3 (fig5)‡", "speech (normalized)"] == "–"
    assert "all (standardized)" in found
    notes = compose.compose(crossed(tasks=("esc50", "mine")), means=True).notes
    assert "Not normalized: mine (not a task of the challenge)." in notes
    assert any("speech 0 of 5, music 0 of 7, general 1 of 7" in note for note in notes)


def test_a_mean_over_a_part_of_the_tasks_is_not_the_best():
    rows = measured(
        *(("a", "esc50", "top1_acc", (0.3,)), ("a", "gtzan_genre", "top1_acc", (0.2,))),
        *(
            ("b", "esc50", "top1_acc", (0.4,)),
            ("b", "gtzan_genre", "top1_acc", (0.3,)),
            ("c", "esc50", "top1_acc", (0.9,)),
        ),
    )
    table = compose.compose(rows, means=["paper"])
    marks = table.places["all (normalized)"]
    assert table.texts.loc["c", "all (normalized)"].endswith(" [1/2]")
    assert marks.loc["b"] == emphasis.BEST
    assert marks.loc["c"] == 0


def test_costs_are_the_callers():
    costs = pd.DataFrame({"parameters": [86_200_000, 5], "GMACs": [15.25, "1 to 2"]}, index=["a", "elsewhere"])
    rows = crossed().assign(weights="untrained-0")
    found = compose.table(rows, costs=costs)
    assert found.loc["a†", ["parameters", "GMACs"]].tolist() == ["86,200,000", "15.25"]
    assert found.loc["b†", "parameters"] == "–"
    with pytest.raises(ValueError, match="costs are of elsewhere; expected some of a, b"):
        compose.table(rows, costs=costs.loc[["elsewhere"]])


def test_latex_is_balanced_and_escaped():
    rows = crossed(models=("a_b & 100 %", "c"), tasks=("esc50", "crema_d")).assign(weights="untrained-0")
    text = compose.to_latex(rows, by_category=True)
    assert r"a\_b \& 100 \%\textdagger{}" in text
    assert r"\multicolumn{1}{c}{speech}" in text
    body = text[: text.index(r"\end{tabular}")]
    lines = [line for line in body.splitlines() if line.endswith(r"\\")]
    assert len(lines) == 4
    assert {line.replace(r"\&", "").count("&") for line in lines} == {2}
    assert all(rule in body for rule in (r"\toprule", r"\midrule", r"\cmidrule(lr){2-2}", r"\bottomrule"))


def test_html_escapes_names():
    text = compose.to_html(crossed(models=("<script>", "b & c")))
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "b &amp; c" in text


def test_csv_has_numbers(tmp_path):
    rows = crossed(tasks=("esc50", "crema_d"))
    (tmp_path / "table.csv").write_text(compose.to_csv(rows, by_category=True))
    again = pd.read_csv(tmp_path / "table.csv", index_col="model")
    assert again.dtypes.eq("float64").all()
    assert list(again.columns[:2]) == ["speech / crema_d (top1_acc)", "speech / crema_d (top1_acc) std"]
    of_esc50 = scores(rows).query("task == 'esc50'").set_index("model")
    assert again["general / esc50 (top1_acc)"].tolist() == of_esc50.loc[again.index, "mean"].tolist()
    assert again["general / esc50 (top1_acc) std"].tolist() == of_esc50.loc[again.index, "std"].tolist()


def test_csv_of_intervals_means_and_costs():
    rows = crossed(tasks=("esc50", "crema_d"))
    costs = pd.DataFrame({"parameters": [86.0e6, 1.0], "made": ["here", "there"]}, index=["a", "b"])
    text = compose.to_csv(rows, interval=0.9, means=["paper"], costs=costs)
    found = pd.read_csv(io.StringIO(text), index_col="model")
    assert {"esc50 (top1_acc) low", "esc50 (top1_acc) high", "all (normalized)"} <= set(found)
    assert found["parameters"].tolist() == [86.0e6, 1.0]
    assert found["made"].tolist() == ["here", "there"]
    turned = pd.read_csv(io.StringIO(compose.to_csv(rows, transposed=True)), index_col=0)
    assert list(turned) == ["a", "b"]
    assert "esc50 (top1_acc) std" in turned.index


def test_missing_cells_stay_visible():
    rows = crossed(tasks=("esc50", "crema_d"))
    rows = rows[(rows["model"] == "a") | (rows["task"] == "esc50")]
    for name in FORMATS:
        missing = {"latex": "--", "csv": "b,,,"}.get(name, "–")
        assert missing in compose.text(rows, name), name


def test_several_seeds_say_what_the_spread_is():
    assert compose.SPREADS["folds"].note in compose.to_markdown(crossed(seeds=2))
    assert compose.SPREADS["folds"].note not in compose.to_markdown(crossed(seeds=1))
    with pytest.raises(ValueError, match="no rows to make a table of"):
        compose.table(crossed().iloc[:0])


def test_a_table_of_95000_rows_is_quick():
    rows = crossed([f"m{i}" for i in range(100)], tuple(TASKS.index), folds=10, seeds=5)
    start = time.process_time()
    compose.to_markdown(rows, means=True, interval=0.95)
    assert time.process_time() - start < 2


def test_a_format_and_a_spread_are_a_row_each(monkeypatch):
    monkeypatch.setitem(FORMATS, "tsv", Format(lambda table: table.texts.to_csv(sep="\t"), heading=None))
    error = compose.Spread(lambda scores: scores["std"] / scores["folds"] ** 0.5, "± is the standard error over folds.")
    monkeypatch.setitem(compose.SPREADS, "error", error)
    rows = crossed(models=("a",))
    (found,) = scores(rows).itertuples()
    assert compose.text(rows, "tsv", spread="error").splitlines() == [
        "model\tesc50 (top1_acc)",
        f"a\t{found.mean:.3f} ± {found.std / 3**0.5:.3f}",
    ]
    assert error.note in compose.compose(rows, spread="error").notes
