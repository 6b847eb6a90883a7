"""Compose once, write many: what a run prints and writes is made from scores that are computed once."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

import results
from ablations.cli import main
from ablations.report.table import compose_run, render, write_table
from results.scores.scores import scores
from results.tables.formats import FORMATS
from tests.results.tables.test_agreement import beside

ROOT = Path(__file__).parents[3]


def times_scored(work: Callable[[], object]) -> int:
    """Count how often scores are computed, wherever the function was imported to."""
    calls = []
    sys.setprofile(
        lambda frame, event, _: calls.append(1) if (event, frame.f_code) == ("call", scores.__code__) else None
    )
    try:
        work()
    finally:
        sys.setprofile(None)
    return len(calls)


def invoke(*arguments) -> None:
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output


@pytest.fixture
def quickstart(tmp_path) -> Path:
    return Path(shutil.copytree(ROOT / "results" / "runs" / "quickstart", tmp_path / "quickstart"))


@pytest.mark.parametrize("command", ["table", "report", "compare"])
def test_a_command_computes_scores_once(quickstart, command):
    assert times_scored(lambda: invoke(command, quickstart)) == 1


def test_a_run_computes_scores_once(tmp_path, scene_task):
    study = tmp_path / "mine.yaml"
    study.write_text(
        yaml.safe_dump({"name": "mine", "models": [{"checkpoint": "logmel"}], "tasks": [str(scene_task())]})
    )
    places = ("--runs", tmp_path / "runs", "--store", tmp_path / "store", "--device", "cpu")
    assert times_scored(lambda: invoke("run", study, *places)) == 1
    assert {"table.md", "table.csv", "figure.png"} <= {path.name for path in (tmp_path / "runs" / "mine").iterdir()}


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_has_the_table_and_what_belongs_below(form):
    run = compose_run(beside(0.5, 0.7))
    text = render(run, form)
    assert text.startswith(results.text(run.scored, form).rstrip("\n"))
    assert ("Published beside measured" in text) is (form != "csv")


def test_files_are_written_from_one_value(tmp_path):
    run = compose_run(beside(0.5, 0.7))
    assert times_scored(lambda: write_table(tmp_path, run)) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["agreement.csv", "table.csv", "table.md"]


def test_results_is_light_until_a_door_is_used():
    code = "import sys, results; print(*sorted(set(sys.modules) & {'scipy', 'matplotlib', 'sklearn', 'torch'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []
    assert all(callable(getattr(results, name)) for name in results.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        results.nothing  # noqa: B018
