"""Models over tasks: against Demsar's example, and what must hold of any scores."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from results.reference.published import published
from results.scores.scores import scores
from results.statistics import ranks

DEMSAR_Q = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}
"""Critical values at 0.05 of the two-tailed Nemenyi test: Demsar 2006, Table 5."""


def frame(values, metric="top1_acc") -> pd.DataFrame:
    """(tasks, models) of scores as a tidy frame."""
    cells = [(f"m{j}", f"t{i}", metric, value) for i, row in enumerate(values) for j, value in enumerate(row)]
    return pd.DataFrame(cells, columns=["model", "task", "metric", "mean"])


@pytest.mark.parametrize(("models", "q"), DEMSAR_Q.items())
def test_critical_values_are_demsars(models, q):
    assert ranks.critical_difference(models, 1) / np.sqrt(models * (models + 1) / 6) == pytest.approx(q, abs=0.0011)


def test_ranks_and_friedman():
    values = np.random.default_rng(0).random((14, 4)) + np.arange(4) / 2
    found = ranks.ranking(frame(values))
    by_hand = (4 - values.argsort(1).argsort(1)).mean(0)
    assert found.ranks.to_dict() == pytest.approx({f"m{j}": by_hand[j] for j in range(4)})
    assert found.ranks.index[0] == "m3"
    chi = 12 * 14 / (4 * 5) * ((by_hand**2).sum() - 4 * 25 / 4)
    assert found.statistic == pytest.approx(chi)
    assert found.p == pytest.approx(stats.chi2.sf(chi, 3))
    assert found.distance == pytest.approx(1.25, abs=0.005), "Demsar 2006, s. 3.2.2: four models on 14 data sets"


def test_groups_are_the_largest_runs_that_do_not_differ():
    order = pd.Series([1.0, 1.5, 2.5, 4.0, 4.2], index=list("abcde"))
    assert ranks._groups(order, 1.5) == (("a", "b", "c"), ("c", "d"), ("d", "e"))
    assert ranks._groups(order, 10) == (tuple("abcde"),)
    assert ranks._groups(order, 0.1) == ()


def test_incomplete_tasks_are_named():
    found = frame(np.random.default_rng(0).random((5, 3))).drop(index=4)
    result = ranks.ranking(found)
    assert result.left_out == ("t1",)
    assert result.tasks == ("t0", "t2", "t3", "t4")


def test_the_leaderboard_ranks():
    found = ranks.ranking(scores(published(["leaderboard:GURA*", "leaderboard:OpenL3", "leaderboard:wav2vec2"])))
    assert len(found.tasks) + len(found.left_out) == 19
    assert found.p < 1e-6
    assert found.ranks.index[0].startswith("GURA Fuse")
    assert found.ranks.mean() == pytest.approx((len(found.ranks) + 1) / 2)


def test_models_that_are_equal_do_not_differ():
    found = frame(np.repeat(np.random.default_rng(0).random((6, 1)), 3, axis=1))
    result = ranks.ranking(found)
    assert (result.statistic, result.p, len(result.groups)) == (0, 1, 1)
    tests = ranks.pairwise_wilcoxon(found)
    assert tests["p"].tolist() == tests["p_holm"].tolist() == [1, 1, 1]
    assert tests["difference"].tolist() == [0, 0, 0]


def test_wilcoxon_by_hand():
    better = np.arange(1, 9) / 100  # eight tasks, all with the same sign
    tests = ranks.pairwise_wilcoxon(frame(np.stack([0.5 + better, np.full(8, 0.5)], axis=1)))
    (row,) = tests.itertuples()
    assert (row.a, row.b, row.tasks, row.p) == ("m0", "m1", 8, 2 / 2**8)
    assert (row.verdict, row.reason) == ("differ", "")
    assert row.difference == pytest.approx(0.045)
    errors = ranks.pairwise_wilcoxon(frame(np.stack([0.5 + better, np.full(8, 0.5)], axis=1), "segment_1s_er"))
    assert errors["difference"].item() == pytest.approx(-0.045)


def test_the_difference_of_two_models_is_the_median_over_tasks():
    """One task on which everything differs does not decide it."""
    tests = ranks.pairwise_wilcoxon(frame([[0.51, 0.5], [0.52, 0.5], [0.9, 0.1]]))
    assert tests["difference"].item() == pytest.approx(0.02)


def test_pairs_and_all_against_one():
    found = frame(np.random.default_rng(1).random((8, 4)))
    assert len(ranks.pairwise_wilcoxon(found)) == 6
    one = ranks.pairwise_wilcoxon(found, against="m2")
    assert one[["a", "b"]].to_numpy().tolist() == [["m0", "m2"], ["m1", "m2"], ["m3", "m2"]]
    with pytest.raises(ValueError, match="unknown model 'x'; expected one of m0, m1"):
        ranks.pairwise_wilcoxon(found, against="x")


def test_holm_by_hand():
    assert ranks.holm([0.01, 0.04, 0.03, 0.005]).tolist() == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert ranks.holm([0.02, np.nan, 0.9]).tolist() == pytest.approx([0.04, np.nan, 0.9], nan_ok=True)
    assert ranks.holm([]).tolist() == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_keeps_order_and_corrects_less_than_bonferroni(p):
    found = ranks.holm(p)
    assert (found >= p).all()
    assert (found <= np.minimum(1, np.array(p) * len(p)) + 1e-12).all()
    assert (np.diff(found[np.argsort(p)]) >= 0).all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.randoms())
def test_ranks_do_not_depend_on_the_order_of_rows(seed, random):
    found = frame(np.random.default_rng(seed).integers(0, 5, (6, 4)) / 10)
    shuffled = found.iloc[random.sample(range(len(found)), len(found))]
    once, again = ranks.ranking(found), ranks.ranking(shuffled)
    assert once.ranks.to_dict() == pytest.approx(again.ranks.to_dict())
    assert once.p == pytest.approx(again.p)


def test_what_does_not_compare():
    found = frame(np.random.default_rng(0).random((4, 3)))
    mixed = found.assign(protocol=["hear2021", *["hear2021+linear"] * 11])
    with pytest.raises(
        ValueError, match=r"scores are of protocols hear2021 and hear2021\+linear, which do not compare"
    ):
        ranks.ranking(mixed)
    with pytest.raises(ValueError, match="scores of t0 are of mAP and top1_acc; expected one metric"):
        ranks.ranking(found.assign(metric=["mAP", *["top1_acc"] * 11]))
    with pytest.raises(ValueError, match="got 2 models; expected at least 3"):
        ranks.ranking(found[found["model"] != "m0"])
    with pytest.raises(ValueError, match="all 3 models have scores of 1 task; expected"):
        ranks.ranking(found[found["task"] == "t0"])


@pytest.mark.parametrize(("tasks", "verdict"), [(2, "not established"), (5, "not established"), (6, "differ")])
def test_fewer_than_six_tasks_do_not_reach_the_level(tasks, verdict):
    """Ties, too: the approximation for them would give p .043 on five tasks."""
    (row,) = ranks.pairwise_wilcoxon(frame([(0.6, 0.5)] * tasks)).itertuples()
    assert row.p == 2 / 2**tasks
    assert row.verdict == verdict
    assert row.reason == ("" if tasks == 6 else f"{tasks} tasks; at least 6 are needed for 95%")


@given(st.lists(st.integers(-4, 4).filter(bool), min_size=1, max_size=11))
def test_the_signed_rank_test_is_scipys_without_ties(differences):
    values = np.array(differences) + np.arange(len(differences)) / 100
    assert ranks._signed_rank_p(values) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)


def test_a_ranking_that_could_tell_nothing_is_withheld():
    found = frame(np.random.default_rng(0).random((2, 9)))
    message = (
        r"on 2 tasks no two of 9 models can differ: mean ranks are at most 8 apart and would have to be more than "
    )
    with pytest.raises(ValueError, match=message + r"8\.49 apart .*; 3 tasks or more can tell"):
        ranks.ranking(found)
    assert len(ranks.ranking(frame(np.random.default_rng(0).random((3, 9)))).ranks) == 9
