"""A row of the leaderboard's CSV: in form the public one, of scores under HEAR's protocol alone."""

import csv
import io

import numpy as np
import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.submit import hear
from ablations.submit.chosen import Chosen
from results.reference.sets import FOLDER, read
from results.rows.rows import task_table
from results.scores.records import RecordedFailure
from tests.ablations.submit.runs import rows_of, whole, write_run


def submit(*arguments):
    return CliRunner().invoke(main, ["submit", *map(str, arguments)])


def parsed(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_whole_row_is_in_form_that_of_the_public_file(tmp_path):
    public = (FOLDER / "hear_leaderboard.csv").read_text()
    scores = {key: place / 30 for place, key in enumerate(task_table().index)}
    folder = write_run(tmp_path / "mine", whole("base", scores))
    done = submit(folder, "--to", "hear", "--name", "Lab PaSST, small", "--url", "https://example.org/passt")
    assert done.exit_code == 0
    assert (
        done.stderr
        == "base: complete, all 19 tasks.\nbase: clips were not counted; the run's folder has no predictions (jobs/).\n"
    )
    header, line = done.stdout.splitlines()
    assert header == public.splitlines()[0]
    assert line.startswith('"Lab PaSST, small",https://example.org/passt,20')
    (row,) = parsed(done.stdout)
    names = task_table()["leaderboard_name"]
    assert {key: float(row[names[key]]) for key in scores} == pytest.approx(scores, abs=5e-10)
    assert row["Beehive"] == "0"
    assert row["Beijing Opera"] == "0.033333333"


def test_the_public_files_own_numbers_are_written_as_they_are_there():
    with (FOLDER / "hear_leaderboard.csv").open(newline="", encoding="utf-8") as file:
        cells = [value for row in csv.DictReader(file) for value in list(row.values())[3:] if value]
    assert len(cells) > 600
    assert [hear.number(float(cell)) for cell in cells] == cells


def test_a_file_with_a_row_added_is_read_as_the_leaderboard_is(tmp_path):
    folder = write_run(tmp_path / "mine", whole("base"))
    out = tmp_path / "row.csv"
    assert submit(folder, "--to", "hear", "--out", out).output.startswith(f"{out}\n")
    joined = (FOLDER / "hear_leaderboard.csv").read_text().rstrip("\n") + "\n" + out.read_text().partition("\n")[2]
    rows = parsed(joined)
    assert len(rows) == len(read("hear_leaderboard.csv")) + 1
    assert None not in rows[-1].values()
    assert rows[-1]["ESC-50"] == "0.5"


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (
            lambda: rows_of("base", "esc50", protocol="hear2021+limit20"),
            "measured under hear2021+limit20, not hear2021",
        ),
        (lambda: rows_of("base", "esc50", protocol="knn"), "measured under knn, not hear2021"),
        (lambda: rows_of("weighted", "esc50"), "its probe learns the pooling weighted, which HEAR's probe has not"),
        (lambda: rows_of("base", "esc50", metric="mAP"), "scored by mAP, not top1_acc"),
        (lambda: rows_of("base", "esc50")[:4], "of 1 folders and 2 folds, HEAR's has 1 and 5"),
        (lambda: rows_of("base", "esc50", score=np.nan), "a fold has no score"),
        (lambda: rows_of("base", "beehive", folders=1), "of 1 folders and 1 folds, HEAR's has 2 and 1"),
    ],
)
def test_what_hears_protocol_did_not_measure_stays_empty(tmp_path, made, why):
    made = made()
    model, key = made[0]["model"], made[0]["task"]
    name = task_table().loc[key, "leaderboard_name"]
    alone = submit(write_run(tmp_path / "alone", made), "--to", "hear")
    assert alone.exit_code == 1
    assert not alone.stdout
    assert f"{model}: empty, {why}" in alone.stderr
    assert alone.stderr.splitlines()[-1].endswith("no score that the leaderboard's protocol has, so no row")
    if model == "base" and made[0]["protocol"] == "hear2021":
        done = submit(write_run(tmp_path / "mine", [*made, *rows_of(model, "dcase2016_task2")]), "--to", "hear")
        (row,) = parsed(done.stdout)
        assert (row[name], row["DCASE 2016"]) == ("", "0.5")
        assert any(line.startswith(f"base: empty, {why}") and name in line for line in done.stderr.splitlines())


def test_tasks_that_failed_or_were_not_asked_for_are_named(tmp_path):
    failures = (
        RecordedFailure((), "crema_d", "task crema_d is absent", absent=True),
        RecordedFailure(("base",), "gunshot", "out of memory"),
    )
    folder = write_run(
        tmp_path / "mine", rows_of("base", "esc50"), tasks=("esc50", "crema_d", "gunshot"), failures=failures
    )
    lines = submit(folder, "--to", "hear").stderr.splitlines()
    assert "base: empty, the task is absent: CREMA-D." in lines
    assert "base: empty, out of memory: Gunshot." in lines
    assert any(
        line.startswith("base: empty, not a task of the study: Beehive, Beijing Opera, DCASE 2016") for line in lines
    )
    assert "URL: empty; --url says where the model is." in lines


def test_seeds_are_averaged_and_said(tmp_path):
    made = [row for seed, score in enumerate((0.4, 0.6)) for row in rows_of("base", "esc50", score, seed=seed)]
    (row,), text = hear.entries(Chosen.of(write_run(tmp_path / "mine", made))), "means over 2 seeds"
    assert row.scores == pytest.approx({"ESC-50": 0.5})
    assert any(text in line for line in hear.lines([row]))
    bf16 = write_run(tmp_path / "bf16", rows_of("base", "esc50", precision="bf16"))
    assert any("embeddings in bf16, not fp32" in line for line in hear.lines(hear.entries(Chosen.of(bf16))))


def test_what_a_model_was_trained_on_is_said(tmp_path):
    made = [row for key in ("nsynth_pitch_5h", "esc50") for row in rows_of("crepe", key)]
    (row,) = hear.entries(Chosen.of(write_run(tmp_path / "mine", made)))
    assert "trained on data of nsynth_pitch_5h (results/reference/trained_on.csv)" in row.remarks
    assert len(row.scores) == 2


def test_a_task_with_another_number_of_clips_is_not_hears(tmp_path, monkeypatch):
    """Such as a small task that someone calls as HEAR's is called."""
    counts = {"base-esc50-v2.0.0-full-0": 2000, "base-gunshot_triangulation-v1.0-full-0": 30}
    monkeypatch.setattr(hear, "names_of_clips", lambda folder, job: set(range(counts[job])))
    folder = write_run(tmp_path / "mine", [*rows_of("base", "esc50"), *rows_of("base", "gunshot")])
    (row,) = hear.entries(Chosen.of(folder))
    assert list(row.scores) == ["ESC-50"]
    assert row.empty["Gunshot"] == "tested on 30 clips, HEAR's has 88"
    assert not row.remarks


def test_untrained_models_are_refused_or_left_out(tmp_path):
    folder = write_run(tmp_path / "mine", [*rows_of("base", "esc50"), *rows_of("floor", "esc50")])
    done = submit(folder, "--to", "hear")
    assert [row["Model"] for row in parsed(done.stdout)] == ["base"]
    assert "floor: left out, untrained weights are a floor" in done.stderr
    for target in ("hear", "mteb"):
        refused = submit(folder, "--to", target, "--model", "floor")
        assert refused.exit_code == 1
        assert refused.output.startswith("Error: floor: untrained weights are a floor")
    unknown = submit(folder, "--to", "hear", "--model", "bsae")
    assert "no model 'bsae' was measured" in unknown.output
    assert "did you mean 'base'?" in unknown.output


def test_one_untrained_part_is_enough(tmp_path):
    folder = write_run(tmp_path / "mine", [*rows_of("base", "esc50"), *rows_of("half", "esc50")])
    assert "half: left out, untrained weights are a floor" in submit(folder, "--to", "hear").stderr


def test_a_name_is_of_one_model(tmp_path):
    folder = write_run(tmp_path / "mine", [*rows_of("base", "esc50"), *rows_of("weighted", "esc50")])
    assert "--name is of one model, got 2" in submit(folder, "--to", "hear", "--name", "x").output
    assert parsed(submit(folder, "--to", "hear", "--name", "x", "--model", "base").stdout)[0]["Model"] == "x"
