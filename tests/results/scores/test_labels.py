"""Labels: marks are made at the door of tables and figures, and identity never depends on them."""

import pandas as pd

import results
from results.scores.labels import labels
from results.statistics import ranks
from tests.results.scores.test_beside import measured, together

OURS = measured(*(("OpenL3", task, "top1_acc", (0.5,)) for task in ("esc50", "crema_d", "libricount")))


def test_scores_have_flags_and_no_marks():
    rows = together(OURS.assign(weights="untrained-0"), "leaderboard:OpenL3", "ced:ced-tiny")
    found = results.score(rows)
    assert set(found["model"]) == {"OpenL3", "ced-tiny"}
    assert found.drop_duplicates(["model", "set"])[["kind", "untrained", "set"]].to_numpy().tolist() == [
        ["measured", True, ""],
        ["published", False, "leaderboard"],
        ["published", False, "ced"],
    ]
    assert labels(found).unique().tolist() == ["OpenL3†", "OpenL3 (leaderboard)‡", "ced-tiny (ced)‡"]


def test_models_of_one_name_stay_apart_in_statistics():
    found = results.score(together(OURS, "leaderboard:OpenL3"))
    (pair,) = ranks.pairwise_wilcoxon(found).itertuples()
    assert (pair.a, pair.b, pair.tasks) == ("OpenL3", "OpenL3‡", 3)
    (same,) = ranks.pairwise_wilcoxon(found, pairs=[("OpenL3", "OpenL3‡")]).itertuples()
    assert same.difference == pair.difference < 0


def test_models_are_found_by_name_or_label():
    rows = pd.concat([OURS.assign(model=name, spec=name, weights="untrained-0") for name in ("a", "b")])
    for pair in (("a", "b"), ("a†", "b†")):
        (found,) = ranks.pairwise_wilcoxon(results.score(rows), pairs=[pair]).itertuples()
        assert (found.a, found.b) == ("a†", "b†")


def test_flags_that_a_table_lacks_are_not_set():
    assert labels(pd.DataFrame({"model": ["a", "b"]})).tolist() == ["a", "b"]
    read_off = pd.DataFrame({"model": ["a"], "read_off": [True]})
    assert labels(read_off).tolist() == ["a"]
    assert labels(read_off, read_off=True).tolist() == ["≈a"]
