import numpy as np
import pytest

from results.protocols.conclusions import CONTRADICTED, NOWHERE, ONLY, SAME, conclusions, counts, differ_in
from results.protocols.runs import read_runs
from results.statistics.versus import NOT_COMPARED
from tests.results.protocols.simulated import EVENTS, answers, write_run

GOOD, BAD = np.arange(60) % 10 < 9, np.arange(60) % 10 < 3
EVEN, ODD = np.arange(60) % 2 == 0, np.arange(60) % 2 == 1


def table(folder, knn, ridge, task="esc50"):
    runs = [
        write_run(folder / name, name, {task: dict(zip("xy", right, strict=True))})
        for name, right in (("knn", knn), ("ridge", ridge))
    ]
    return conclusions(read_runs(runs), [("x", "y")], resamples=300)


@pytest.mark.parametrize(
    ("knn", "ridge", "marks", "outcome", "established"),
    [
        ((GOOD, BAD), (GOOD, BAD), "AA", SAME, "knn, ridge"),
        ((GOOD, BAD), (BAD, GOOD), "AB", CONTRADICTED, "knn, ridge"),
        ((EVEN, ODD), (BAD, GOOD), "=B", ONLY, "ridge"),
        ((EVEN, ODD), (EVEN, ODD), "==", NOWHERE, ""),
    ],
    ids=["same", "contradicted", "only", "nowhere"],
)
def test_outcomes(tmp_path, knn, ridge, marks, outcome, established):
    (line,) = table(tmp_path, knn, ridge).to_dict("records")
    assert line["knn"] + line["ridge"] == marks
    assert (line["outcome"], line["established"]) == (outcome, established)
    letters = set(marks.lower()) - {"="}
    assert line["signs"] == ("" if not letters else "one way" if len(letters) == 1 else "both ways")


def test_a_difference_that_is_not_established_has_a_small_letter(tmp_path):
    almost = EVEN.copy()
    almost[1] = True
    assert table(tmp_path, (almost, EVEN), (EVEN, almost))[["knn", "ridge"]].to_numpy().tolist() == [["a", "b"]]


def test_events_are_compared_too(tmp_path):
    assert table(tmp_path, (GOOD, BAD), (GOOD, BAD), EVENTS)["outcome"].tolist() == [SAME]


def test_a_metric_that_is_not_compared_is_called_so(tmp_path):
    assert table(tmp_path, (GOOD, BAD), (GOOD, BAD), "fsd50k")["outcome"].tolist() == [NOT_COMPARED]


def test_of_one_protocol_alone_nothing_survives(tmp_path):
    right = {task: answers({"x": 0.9, "y": 0.1}, 60, 0) for task in ("esc50", "speech_commands_full")}
    knn = write_run(tmp_path / "knn", "knn", right)
    del right["esc50"]
    made = conclusions(read_runs([knn, write_run(tmp_path / "ridge", "ridge", right)]), [("x", "y")], resamples=300)
    assert dict(zip(made["task"], made["outcome"], strict=True)) == {
        "esc50": NOT_COMPARED,
        "speech_commands_full": SAME,
    }
    assert counts(made).loc["all", [SAME, NOT_COMPARED]].tolist() == [1, 1]


def test_an_unknown_model_is_named(tmp_path):
    runs = [write_run(tmp_path / name, name, {"esc50": {"x": GOOD, "y": BAD}}) for name in ("knn", "ridge")]
    with pytest.raises(ValueError, match="unknown model 'z'"):
        conclusions(read_runs(runs), [("x", "z")])


@pytest.mark.parametrize(
    ("a", "b", "kind"),
    [
        ("passt_demo@block6@w160@smax@t50@demo", "passt_demo@block9@w160@smax@t50@demo", "level"),
        ("passt_demo@block6@w160@smax@t50@demo", "passt_demo@block6@w320@s320@t50@demo", "window"),
        ("passt_demo@block6@w160@smax@t50@demo", "passt_demo@block6@w160@smax@t50@untrained-0", "weights"),
        ("passt_demo@block6@w160@smax@t50@demo", "passt_demo_hop160@block6@w160@smax@t50@demo", "hop"),
        ("passt_demo@block6@w160@smax@t50@demo", "logmel@mean+std@w160@smax@t50@none", "network"),
        ("passt_demo@block6@w160@smax@t50@demo", "passt_demo@block9@w320@s320@t50@demo", "several"),
    ],
)
def test_what_two_models_differ_in(a, b, kind):
    assert differ_in(a, b) == kind
