"""The record of a measurement, and the command that makes it."""

import json
import math

import click
import pandas as pd
import pytest
from click.testing import CliRunner

from ablations.benchmarks.record import Record, command_line
from ablations.cli import benchmark
from tests.ablations.cli.test_group import loaded

COLUMNS = {"model": "", "seconds": "of a run", "times_peer": "the peer's seconds over these"}


def measure(names, kit, runs, speed, deep, track) -> Record:
    """Measure something.

    It takes a moment.

    Args:
        names: of models.
    """
    if not speed:
        raise ValueError("speed must be above 0,\ngot 0.0")
    with track("measuring", len(names)) as advance:
        rows = [{"model": name, "seconds": 12.3456, "times_peer": math.nan} for name in names]
        advance(len(names))
    return Record("A test.", rows, COLUMNS, facts={"kit": str(kit)}, lines=("More.",), failure="bad" * (speed < 0))


command = command_line(
    measure,
    "ablate benchmark measure",
    click.argument("names", nargs=-1, metavar="[SPEC]..."),
    click.option("--kit", type=click.Path(), metavar="PYTHON"),
    click.option("--runs", type=click.Path()),
    click.option("--speed", default=1.0),
    click.option("--deep", is_flag=True),
)


def run(*arguments):
    return CliRunner().invoke(command, list(map(str, arguments)))


def test_the_table_leaves_out_what_does_not_exist():
    result = run("a", "b|c")
    assert result.exit_code == 0, result.output
    assert "12.35" in result.stdout
    assert r"b\|c" in result.stdout
    assert "times_peer" not in result.stdout
    assert result.stdout.endswith("\n\nA test.\nMore.\n")


def test_the_file_has_the_command_as_it_was_typed(tmp_path):
    out = tmp_path / "out.json"
    typed = ("--deep", "--kit", tmp_path / "python", "a", "b c", "--runs", tmp_path, "--out", out)
    result = run(*typed)
    assert result.exit_code == 0, result.output
    record = json.loads(out.read_text())
    assert record["command"] == "ablate benchmark measure a 'b c' --kit PYTHON --deep"
    assert list(record) == ["command", "what", "device", "threads", "versions", "kit", "columns", "rows"]
    assert record["rows"][0] == {"model": "a", "seconds": 12.3456, "times_peer": None}
    assert record["columns"] == COLUMNS


def test_without_rows_the_file_has_none_and_another_table_is_shown():
    record = Record("A test.", table=pd.DataFrame({"stage": ["mel"], "seconds": [1.5]}))
    assert "| mel     |       1.5 |" in record.to_markdown()
    assert not {"rows", "columns"} & set(record.to_json("x"))


def test_errors_and_failures_end_in_one_line(tmp_path):
    assert run("--speed", 0).stderr == "Error: speed must be above 0, got 0.0\n"
    failed = run("--speed", -1, "--out", tmp_path / "out.json")
    assert (failed.exit_code, failed.stderr.strip()) == (1, "Error: bad")
    assert (tmp_path / "out.json").is_file()
    assert run("--out", tmp_path).exit_code == 2


def test_the_help_is_the_docstring_without_arguments():
    text = run("--help").output
    assert "It takes a moment." in text
    assert "of models" not in text


@pytest.mark.parametrize("name", benchmark.BENCHMARKS)
def test_every_benchmark_is_there(name):
    group_command = benchmark.benchmark.get_command(click.Context(benchmark.benchmark), name)
    assert group_command.name == name
    assert benchmark.BENCHMARKS[name][1].endswith(".")


def test_help_imports_nothing_heavy():
    assert loaded("benchmark", "--help") == []
