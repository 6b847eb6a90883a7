"""The figure of a run says what its comparisons establish."""

import logging

import pytest

from ablations.report.draw import draw, draw_or_bars, write_figure
from ablations.report.statement import run_statement
from ablations.study.study import Study
from results import load
from tests.ablations.report.test_statement import record
from tests.results.figures.test_figures import SCENES, spec
from tests.results.figures.test_figures import made as rows_of
from tests.results.statistics.test_versus import made


def statement_of(figure) -> str:
    return " ".join(" ".join(text.get_text().split()) for text in figure.texts if text.get_gid() == "statement")


@pytest.fixture
def run(tmp_path):
    made(tmp_path, seeds=1)
    record(tmp_path, ("good", "bad"))
    return tmp_path


def test_the_statement_stands_in_the_figure(run):
    text = run_statement(run)
    assert text.startswith("Established")
    assert statement_of(draw_or_bars(load(run), "bars", "mine", statement=text)) == text


def test_a_figure_of_a_run_has_its_statement(run, monkeypatch):
    saved = []
    monkeypatch.setattr("results.figures.save", lambda figure, place: saved.append(figure) or place)
    study = Study.from_dict({"name": "mine", "models": [{"checkpoint": "logmel"}], "tasks": ["x"]})
    assert write_figure(run, study, load(run)) == run / "figure"
    assert statement_of(saved[0]) == run_statement(run)


def test_dollars_of_names_are_no_formula(run):
    assert statement_of(draw(load(run), "bars", "mine", statement="a$b better than c$d")) == r"a\$b better than c\$d"


def test_bars_are_drawn_where_an_axis_has_one_value(caplog):
    rows = rows_of(("a", spec(), SCENES, (0.5,)), ("b", spec(), SCENES, (0.5,)))
    with caplog.at_level(logging.WARNING):
        assert draw_or_bars(rows, "along_level", "t").axes[0].patches
    assert "figure along_level: along_level: every model has one embedding level on a task, features" in caplog.text
