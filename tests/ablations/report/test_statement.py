"""What a run's comparisons establish, in sentences."""

import shutil

import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.report.statement import pairs_of, run_statement
from results.scores.records import RecordedModel, RunRecord, write_record
from tests.results.statistics.test_versus import made


@pytest.fixture
def run(tmp_path):
    return made(tmp_path, seeds=1)


def record(run, *pairs, models=("good", "bad")):
    recorded = tuple(RecordedModel(name, "m", name, "published") for name in models)
    write_record(RunRecord("mine", models=recorded, comparisons=pairs), run)


def test_the_pairs_of_the_record_are_compared(run):
    record(run, ("good", "bad"))
    assert pairs_of(run) == (("good", "bad"),)
    text = run_statement(run)
    assert "good better than bad on esc50 by" in text
    assert text == run_statement(run), "deterministic"


def test_a_run_without_pairs_has_no_statement(run):
    assert run_statement(run) == ""
    record(run)
    assert run_statement(run) == ""


def test_a_run_without_predictions_says_so(run):
    record(run, ("good", "bad"))
    shutil.rmtree(run / "jobs")
    assert run_statement(run) == "No models were compared: the run's folder has no predictions (jobs/)."


def test_a_model_that_was_not_run_is_named(run):
    record(run, ("good", "bad"), ("good", "late"), models=("good", "bad", "late"))
    assert "late has no score: has not been run" in run_statement(run)


def test_a_folder_that_is_no_run_is_an_error(tmp_path):
    record(tmp_path, ("good", "bad"))
    with pytest.raises(FileNotFoundError, match="no rows at"):
        run_statement(tmp_path)


def test_compare_without_models_takes_the_pairs_of_the_study(run):
    record(run, ("good", "bad"))
    result = CliRunner().invoke(main, ["compare", str(run)])
    assert result.exit_code == 0, result.output
    assert "A: good. B: bad. On the same test clips" in result.output
    record(run, ("good", "late"), models=("good", "bad", "late"))
    result = CliRunner().invoke(main, ["compare", str(run)])
    assert result.exit_code == 0, result.output
    assert "all tasks: late has no score: has not been run." in result.output
