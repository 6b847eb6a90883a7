"""What comparisons establish, in sentences."""

import numpy as np
import pandas as pd
import pytest

import results
from results.statistics.statement import NOTHING, statement
from results.statistics.versus import COLUMNS, NO_GROUPS, ONE_SEED, comparisons
from tests.results.statistics.test_versus import made

FEW = "2 independent clips; at least 6 are needed for 95%"


def line(a, b, task, difference=0.1, p_holm=0.01, metric="top1_acc", **more):
    known = np.isfinite(p_holm)
    values = {"a": a, "b": b, "task": task, "metric": metric, "difference": difference, "p": 0.01, "p_holm": p_holm}
    values |= {"low": difference - 0.05, "high": difference + 0.05, "clips": 40.0, "groups": 10.0, "seeds": "3"}
    values |= {"verdict": "differ" if known and p_holm <= 0.05 else "not established", "reason": "", "notes": ""}
    return values | more


def table(*lines) -> pd.DataFrame:
    return pd.DataFrame(list(lines), columns=list(COLUMNS))


def test_differences_are_named_with_the_better_model_first():
    text = statement(
        table(
            line("passt", "logmel", "digits", 0.12),
            line("cnn", "passt", "digits", -0.2),
            line("cnn", "logmel", "events", 0.0, p_holm=0.8),
        )
    )
    assert text == (
        "Established (95%, corrected for 3 comparisons; brackets: the 95% interval of each by itself): "
        "passt better than logmel on digits by 0.120 [0.070, 0.170]; "
        "passt better than cnn on digits by 0.200 [0.150, 0.250]. "
        "Not established: cnn against logmel on events."
    )


def test_a_brief_statement_counts_what_is_not_established():
    established = line("passt", "logmel", "digits", 0.12)
    others = [line("cnn", "logmel", task, p_holm=0.8) for task in ("x", "y", "z")]
    text = statement(table(established, *others), brief=True)
    assert text.endswith("by 0.120 [0.070, 0.170]. Not established: 3 of 4 comparisons.")
    assert "Not established: cnn against logmel on x, y and z." in statement(table(established, *others))
    lost = [line("cnn", "lost", task, p_holm=np.nan, verdict="not compared", reason=f"no {task}") for task in "xyz"]
    text = statement(table(established, *others, *lost), brief=True)
    assert "Not established: 3 of 7 comparisons; not compared: 3 of 7 comparisons." in text
    few = statement(table(established, *others[:2]), brief=True)
    assert few.endswith("Not established: cnn against logmel on x and y.")
    assert "a against b" in statement(table(*(line("a", "b", task, p_holm=0.5) for task in "xyz")), brief=True)


def test_pairs_of_one_model_stand_together():
    lines = [line("a", other, task, p_holm=0.5) for other in ("b", "c", "d") for task in ("x", "y")]
    text = statement(table(*lines))
    assert text == "No difference is established at 95%, corrected for 6 comparisons: a against b, c and d on x and y."


def test_less_may_be_better():
    text = statement(table(line("a", "b", "mine", -0.2, metric="segment_1s_er")))
    assert "a better than b on mine (segment_1s_er, less is better) by 0.200 [0.150, 0.250]" in text


def test_nothing_is_established():
    text = statement(table(line("a", "b", "x", p_holm=0.3), line("a", "b", "y", p_holm=np.nan, reason=FEW)))
    assert text == (
        "No difference is established at 95%: a against b on x; "
        "a against b on y (2 independent clips; at least 6 are needed)."
    )


def test_nothing_could_be_established():
    text = statement(table(*(line("a", "b", task, p_holm=np.nan, reason=FEW) for task in "xy")))
    assert text == (
        "No difference can be established at 95%: a against b on x and y (2 independent clips; at least 6 are needed)."
    )


def test_groups_may_be_too_few_for_so_many_comparisons():
    lines = [line("a", other, "x", p_holm=0.09, groups=6.0) for other in ("b", "c", "d")]
    text = statement(table(*lines))
    named = "corrected for 3 comparisons, with 6 independent groups: a against b, c and d on x."
    assert text == f"No difference can be established at 95%, {named}"
    assert statement(table(line("a", "b", "x", p_holm=0.09, groups=6.0))).startswith("No difference is established")


def test_nothing_was_compared():
    assert statement(table()) == NOTHING == "No models were compared."
    missing = {"verdict": "not compared", "p_holm": np.nan, "reason": "b has no score of it"}
    assert statement(table(line("a", "b", "x", **missing))) == "No models were compared: b has no score of it."
    both = statement(table(line("a", "b", "y"), line("a", "b", "x", **missing)))
    assert both.endswith(" Not compared: a against b on x (b has no score of it).")


def test_intervals_take_one_seed_and_independent_clips_for_granted():
    one, clips = {"notes": ONE_SEED}, {"groups": np.nan}
    assert statement(table(line("a", "b", "x"))).count(". ") == 0
    text = statement(table(line("a", "b", "x", **one, **clips)))
    assert text.endswith(" The intervals leave out chance in training (one seed) and take clips as independent.")
    text = statement(table(line("a", "b", "x", notes=f"{NO_GROUPS}\n{ONE_SEED}", **clips)))
    assert text.endswith(" take clips as independent (groups such as speakers are not recorded).")
    text = statement(table(line("a", "b", "x", **clips)))
    assert text.endswith(" The intervals take clips as independent.")


def test_many_differences_are_counted_in_three_sentences():
    lines = [
        line(f"m{model}", "floor", f"t{task}", 0.01 * (task + 1), p_holm, notes=ONE_SEED)
        for model in range(60)
        for task, p_holm in enumerate([0.01] * 12 + [0.9] * 7)
    ]
    text = statement(table(*lines))
    assert "m0 better than floor on 12 of 19 tasks, by 0.010 to 0.120" in text
    assert "and 56 more pairs" in text
    assert "m2 against floor on 7 tasks, m3 against floor on 7 tasks, and 56 more groups of pairs" in text
    assert text.count(". ") == 2
    assert len(text) < 1000


def test_no_single_difference_is_left_out():
    def text(pairs: int) -> str:
        return statement(table(*(line(f"m{number}", "floor", "x", 0.1, 0.01) for number in range(pairs))))

    assert text(5).count(" better than floor") == 5
    assert text(6).count(" better than floor") == 4
    assert "and 2 more pairs" in text(6)


def test_long_reasons_are_shortened():
    reasons = {"verdict": "not compared", "p_holm": np.nan, "reason": "x" * 500}
    assert len(statement(table(line("a", "b", "x"), line("a", "b", "y", **reasons)))) < 400


def test_a_bound_that_is_not_zero_is_not_written_as_zero():
    assert "[0.0002, 0.100]" in statement(table(line("a", "b", "x", 0.05, low=0.0002)))


def test_confidence_is_that_of_the_table(tmp_path):
    run = made(tmp_path, seeds=1)
    found = comparisons(run, [("good", "bad")], confidence=0.9)
    assert found.attrs == {"confidence": 0.9, "corrected": 2}
    assert statement(found).startswith("Established (90%, corrected for 2 comparisons; brackets: the 90% interval")
    assert "corrected for 2 comparisons" in statement(found[found["task"] == "esc50"]), "a part of the table"
    assert statement(found) == statement(results.compare(run, [("good", "bad")], confidence=0.9))
    assert "fsd50k (mAP is compared only where it is asked for)" in statement(found)


@pytest.mark.parametrize(
    ("frame", "options", "message"),
    [
        (pd.DataFrame({"a": []}), {}, "expected the table of results.compare, got one without b, task"),
        (table(line("a", "b", "x", p_holm=0.03)), {"confidence": 0.99}, "are not those of confidence 0.99"),
        (table(line("a", "b", "x")), {"confidence": 95}, "confidence must be between 0 and 1, such as 0.95, got 95"),
    ],
)
def test_what_is_no_such_table_is_refused(frame, options, message):
    with pytest.raises(ValueError, match=message):
        statement(frame, **options)
