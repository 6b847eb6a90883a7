"""The figure of a run: what its study names, with what the study's comparisons establish."""

import logging
import shutil

import results
from ablations.report.draw import draw_or_bars, statement_of, write_figure
from ablations.report.statement import run_statement
from ablations.study.study import Study
from tests.ablations.report.test_statement import record, run  # noqa: F401  a fixture
from tests.results.figures.test_figures import SCENES, made, spec

STUDY = Study.from_dict({"name": "mine", "models": [{"checkpoint": "logmel"}], "tasks": ["digits"]})


def test_a_statement_stands_below_the_figure_of_a_run(run, monkeypatch):  # noqa: F811
    record(run, ("good", "bad"))
    drawn = []
    monkeypatch.setattr(results.figures, "save", lambda figure, stem: drawn.append(figure) or stem)
    write_figure(run, STUDY, results.load(run))
    (text,) = [text for text in drawn[0].texts if text.get_gid() == "statement"]
    assert text.get_text().replace("\n", " ") == run_statement(run)


def test_a_run_that_can_not_be_compared_has_no_statement(run):  # noqa: F811
    assert statement_of(run) == {}
    record(run, ("good", "bad"))
    assert set(statement_of(run)) == {"statement"}
    shutil.rmtree(run / "jobs")
    assert statement_of(run) == {}


def test_bars_are_drawn_where_an_axis_has_one_value(caplog):
    rows = made(("a", spec(), SCENES, (0.5,)), ("b", spec(), SCENES, (0.5,)))
    with caplog.at_level(logging.WARNING):
        assert draw_or_bars(rows, "along_level", "t").axes[0].patches
    assert "figure along_level: along_level: every model has one embedding level on a task, features" in caplog.text
