"""Charts of long tables."""

import json
import sys

import pytest

from ablations.report import charts
from results.scores.scores import Scored
from tests.results.scores.test_beside import measured
from tests.results.statistics.test_statement import line, table

alt = pytest.importorskip("altair", reason="altair is not installed (extra report)")
EVIL = "</script><script>'\"[x].y\\n"


def values(chart: charts.Chart) -> list[dict]:
    (data,) = [data["values"] for data in chart.spec["data"] if "values" in data and len(data["values"][0]) > 1]
    return data


def test_scores_are_drawn_with_their_deviation():
    rows = measured(
        (EVIL, "esc50", "top1_acc", (0.4, 0.6)), ("b", "fsd50k", "mAP", (0.3,)), ("b", "esc50", "mAP", (0.3,))
    )
    chart = charts.of_scores(Scored.of(rows))
    first = values(chart)[0]
    assert first["model"] == EVIL
    assert first["task"] == "esc50 (top1_acc)"
    assert first["score"] == pytest.approx(0.5)
    assert first["high"] - first["low"] == pytest.approx(2 * first["deviation"])
    (choice,) = [signal for signal in chart.spec["signals"] if signal["name"] == "choice"]
    assert choice["bind"]["options"] == ["esc50 (top1_acc)", "fsd50k (mAP)", "esc50 (mAP)"]
    assert "http" not in json.dumps(chart.spec)


def test_a_score_that_is_missing_is_not_drawn():
    rows = measured(("a", "esc50", "top1_acc", (float("nan"),)))
    assert charts.of_scores(Scored.of(rows)) is None


def test_comparisons_are_drawn_by_pair():
    missing = {"verdict": "not compared", "p_holm": float("nan"), "low": float("nan")}
    clips = table(line("a", "b", "x", 0.1), line("a", "c", "x", -0.1), line("a", "c", "y", **missing))
    drawn = values(charts.of_comparisons(clips))
    assert [(one["pair"], one["task"], one["difference"]) for one in drawn] == [
        ("less b", "x (top1_acc)", 0.1),
        ("less c", "x (top1_acc)", -0.1),
    ]
    assert charts.of_comparisons(clips[2:]) is None
    both = charts.of_comparisons(table(line("a", "b", "x"), line("c", "b", "x")))
    assert [one["pair"] for one in values(both)] == ["a less b", "c less b"]
    assert both.title.startswith("Differences, A less B")


def test_the_runtime_is_safe_inside_a_page():
    script = charts.runtime()
    assert "</script" not in script
    assert "<!--" not in script
    assert "window.vegaEmbed" in script


def test_without_altair_a_line_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "vl_convert", None)
    drawn, notes = charts.or_hint(lambda: pytest.fail("not drawn"))
    assert drawn == ()
    assert notes == (charts.HINT,)
