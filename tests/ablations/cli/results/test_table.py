"""The command `ablate table`: what it prints is what `results.load` gives, also of a run that can only be read."""

import dataclasses
import os

import pytest
from click.testing import CliRunner

import ablations
import results
from ablations.cli import main
from results.reference.published import published
from results.rows import rows
from results.scores.records import write_record
from results.tables import compose, formats
from tests.results.figures.maps.test_level_weights import rows as weighted
from tests.results.rows.test_rows import row_table
from tests.results.scores.test_records import RECORD, ROWS


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path):
    """A run with cells that were not measured, and published scores beside it."""
    place = tmp_path / "runs" / "s"
    rows.write_rows(ROWS.to_dict("records"), place / "rows.csv")
    rows.write_reference(published(["fig10"]), place / "reference.csv")
    write_record(RECORD, place)
    return place


@pytest.mark.parametrize("references", [(), ("leaderboard:openl3",)])
def test_the_table_is_that_of_the_rows_that_load_gives(folder, references):
    loaded = results.load(folder, references)
    options = [word for name in references for word in ("--reference", name)]
    printed = {form: invoke("table", folder, "--format", form, *options) for form in ("markdown", "terminal", "csv")}
    assert [result.exit_code for result in printed.values()] == [0, 0, 0], printed["markdown"].output
    assert printed["markdown"].stdout.startswith(compose.to_markdown(loaded) + "\n")
    assert printed["terminal"].stdout.startswith(formats.to_text(compose.compose(loaded)) + "\n")
    assert printed["csv"].stdout == compose.to_csv(loaded)
    assert not (folder / "table.md").exists(), "options change nothing in the folder"
    assert invoke("table", folder).exit_code == 0
    loaded = results.load(folder)
    assert (folder / "table.md").read_text().startswith(compose.to_markdown(loaded) + "\n")
    assert (folder / "table.csv").read_text() == compose.to_csv(loaded)
    text = compose.to_markdown(loaded)
    assert "not measured: b on fsd50k" in text, "cells that are missing"
    assert "‡" in text, "what is published"
    assert text.index("| b ") < text.index("| a ") < text.index("‡"), "the order of the study"


def test_a_run_of_two_protocols_has_a_line_for_each(tmp_path):
    made = row_table()
    made.loc[made["task"] == "beeps", "protocol"] = "hear2021+linear"
    rows.write_rows(made.to_dict("records"), tmp_path / "rows.csv")
    result = invoke("table", tmp_path, "--format", "markdown")
    assert result.stdout.startswith(compose.to_markdown(results.load(tmp_path)) + "\n")
    assert "passt base [hear2021+linear]†" in result.stdout


def test_what_one_run_lacks_and_another_has_is_not_missing(folder, tmp_path):
    whole = tmp_path / "whole"
    rows.write_rows(ROWS.assign(model="b", spec="b").query("task == 'fsd50k'").to_dict("records"), whole / "rows.csv")
    write_record(dataclasses.replace(RECORD, tasks=("fsd50k",), failures=(), reference=()), whole)
    (folder / "reference.csv").unlink()
    found = compose.table(results.load([folder, whole]))
    assert found.loc["b", "fsd50k (mAP)"] == "0.400"
    assert found.loc["a", "fsd50k (mAP)"] == "0.400"
    assert not results.load([folder, whole]).query("task == 'fsd50k'")["score"].isna().any()


@pytest.mark.parametrize(
    "options",
    [
        *(["--by-category"], ["--statistic", "none"], ["--format", "latex"], ["--transposed"], ["--costs"]),
        *(["--average", "paper"], ["--reference", "fig10"], ["--out", "other.md"], ["--confidence", "0.9"]),
    ],
)
def test_options_never_change_what_a_run_wrote(folder, options, monkeypatch):
    monkeypatch.chdir(folder.parent)
    assert invoke("table", "s", "--runs", ".").exit_code == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    result = invoke("table", "s", "--runs", ".", *options)
    assert result.exit_code == 0, result.output
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("name", "begins"), [("t.md", "|"), ("t.csv", "model,"), ("t.tex", r"\begin"), ("t.html", "<t")]
)
def test_the_suffix_says_the_format(folder, tmp_path, name, begins):
    result = invoke("table", folder, "--out", tmp_path / name)
    assert result.output == f"{tmp_path / name}\n"
    assert (tmp_path / name).read_text().startswith(begins)
    assert invoke("table", folder, "--out", tmp_path / "t.doc").output == (
        f"Error: --out must end in .txt, .md, .tex, .csv, .html, or name --format; got {tmp_path / 't.doc'}\n"
    )
    assert invoke("table", folder, "--out", tmp_path / "t.doc", "--format", "csv").exit_code == 0


def test_unknown_formats_and_averages_are_named(folder):
    result = invoke("table", folder, "--format", "latx")
    assert result.output.splitlines()[-1].endswith(
        "unknown format 'latx' (did you mean 'latex'?); expected one of terminal, markdown, latex, csv, html"
    )
    assert "unknown average 'mine'; expected one of" in invoke("table", folder, "--average", "mine").output


def test_a_table_that_cannot_be_written_is_printed_and_said_in_one_line(folder):
    (folder / "table.md").mkdir()  # stands for a disk that can only be read, which root writes to all the same
    result = invoke("table", folder)
    assert result.exit_code == 0
    assert "esc50" in result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("table.md and table.csv were not written: ")
    assert "table.md" in line.split(": ", 1)[1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_run_that_can_only_be_read(folder, tmp_path):
    folder.chmod(0o555)
    assert invoke("table", folder).exit_code == 0
    for command in ("figure", "report"):
        result = invoke(command, folder)
        assert result.exit_code == 1
        assert result.stderr.splitlines()[-1].endswith("; --out names another place")
    folder.chmod(0o755)


def test_figures_are_written_where_they_are_asked_for(folder, tmp_path):
    for out in ("elsewhere/drawn", "elsewhere/other.png", "elsewhere/v1.2", "elsewhere/a.svg", "elsewhere/b.pdf"):
        result = invoke("figure", folder, "--kind", "bars", "--out", tmp_path / out)
        assert result.exit_code == 0, result.output
    names = sorted(path.name for path in (tmp_path / "elsewhere").iterdir())
    assert names == ["a.svg", "b.pdf", "drawn.pdf", "drawn.png", "other.png", "v1.2.pdf", "v1.2.png"]
    assert (tmp_path / "elsewhere" / "a.svg").read_text().startswith("<?xml")
    refused = invoke("figure", folder, "--out", tmp_path / "drawn.jpg").output
    assert refused == f"Error: --out must end in .png, .pdf, .svg or have no suffix, got {tmp_path / 'drawn.jpg'}\n"
    assert not (folder / "figure.png").exists()
    assert invoke("figure", folder).output == f"{folder / 'figure.png'}\n"
    assert invoke("figure", folder, "--kind", RECORD.figure).output == f"{folder / 'figure.png'}\n"
    assert invoke("figure", folder, "--kind", "bars").output == f"{folder / 'bars.png'}\n"
    (tmp_path / "file").write_text("")
    result = invoke("figure", folder, "--kind", "bars", "--out", tmp_path / "file" / "x")
    assert result.exit_code == 1
    assert "--out names another place" in result.stderr


def test_the_weights_of_levels_stand_in_the_place_of_scores(tmp_path):
    place = tmp_path / "weighted"
    rows.write_rows(weighted("weighted").to_dict("records"), place / "rows.csv")
    before = sorted(place.iterdir())
    printed = invoke("table", place, "--level-weights", "--format", "markdown")
    assert printed.exit_code == 0, printed.output
    assert "| block2 | **0.470 ± 0.026**" in " ".join(printed.stdout.split())
    assert sorted(place.iterdir()) == before
    written = invoke("table", place, "--level-weights", "--out", tmp_path / "weights.csv")
    assert written.stdout.strip() == str(tmp_path / "weights.csv")
    assert len((tmp_path / "weights.csv").read_text().splitlines()) == 1 + 2 * 3
    drawn = invoke("figure", place, "--kind", "level_weights", "--out", tmp_path / "weights.png")
    assert drawn.exit_code == 0, drawn.output
    assert "block2" in formats.to_text(ablations.table(place, level_weights=True))


def test_weights_of_levels_go_alone_and_have_to_be_there(folder):
    both = invoke("table", folder, "--level-weights", "--costs")
    assert both.exit_code == 2
    assert "--level-weights shows no scores; it goes with --format and --out alone" in both.stderr
    none = invoke("table", folder, "--level-weights")
    assert none.exit_code == 1
    assert "no row has the weight of a level" in none.stderr
