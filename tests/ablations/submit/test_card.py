"""A section of a model card: its metadata as hubs read it, its tables, and what it says is missing."""

import math
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.submit.card import to_card
from ablations.submit.chosen import Chosen
from results import load
from results.rows.rows import task_table
from results.scores.labels import TRAINED_MARK
from results.scores.scores import scores
from tests.ablations.submit.runs import rows_of, whole, write_run

ROOT = Path(__file__).parents[3]


def card_of(folder, *names, **options):
    """The metadata and the text of a card."""
    text = to_card(Chosen.of(folder, names, untrained=True), **options)
    empty, metadata, body = text.split("---\n", 2)
    assert not empty
    return yaml.safe_load(metadata), body


@pytest.fixture
def folder(tmp_path):
    made = [*rows_of("base", "esc50", 0.8), *rows_of("base", "dcase2016_task2", 0.4), *rows_of("floor", "esc50", 0.1)]
    return write_run(tmp_path / "mine", made, tasks=("esc50", "dcase2016_task2"))


@pytest.mark.parametrize("names", [("base",), ("floor",), ()])
def test_the_metadata_has_a_result_for_every_task_of_the_model(folder, names):
    metadata, _ = card_of(folder, *names, url="https://example.org/run")
    (model,) = metadata["model-index"]
    name = names[0] if names else "base"  # the only one that was trained
    assert model["name"] == name
    lines = scores(load(folder), 0.95).query("model == @name and count > 0").set_index("task")
    assert [result["dataset"]["type"] for result in model["results"]] == list(lines.index)
    for result in model["results"]:
        (metric,) = result["metrics"]
        line = lines.loc[result["dataset"]["type"]]
        assert metric["value"] == pytest.approx(line["mean"], abs=1e-6)
        assert metric["name"] == line["metric"]
        assert metric["args"]["protocol"] == "hear2021"
        if line["folds"] > 1:
            assert metric["args"]["interval"] == pytest.approx([line["low"], line["high"]], abs=1e-6)
        else:
            assert "interval" not in metric["args"]
        assert metric["args"].get("untrained", False) is (name == "floor")
        assert result["source"] == {"name": "mine", "url": "https://example.org/run"}
        assert set(result) == {"task", "dataset", "metrics", "source"}
    assert model["results"][0]["dataset"] == {"name": "ESC-50 (HEAR 2021)", "type": "esc50"}
    assert model["results"][0]["metrics"][0]["type"] == "accuracy"
    if name == "base":
        assert model["results"][1]["metrics"][0]["type"] == "event_onset_200ms_fms"


def test_several_models_have_no_metadata_which_hubs_would_take_for_one(tmp_path):
    folder = write_run(tmp_path / "mine", [*rows_of("base", "esc50"), *rows_of("weighted", "esc50")])
    done = CliRunner().invoke(main, ["submit", str(folder), "--to", "card"])
    assert done.stdout.startswith("## Evaluation\n")
    assert "| weighted " in done.stdout
    assert done.stderr == "No block of metadata: hubs read it as one model's; choose one by --model.\n"


def test_the_text_has_scores_intervals_what_made_them_and_what_is_missing(folder):
    _, body = card_of(folder)
    assert "2026-03-04 05:06 UTC, by `ablate run mine`; version 1.0.0, commit 0123456789ab" in body
    (line,) = [line for line in body.splitlines() if line.startswith("| base ") and "| esc50 " in line]
    low, high = scores(load(folder), 0.95).iloc[0][["low", "high"]]
    assert [cell.strip() for cell in line.strip("|").split("|")] == [
        *("base", "esc50", "top1_acc", "0.800", f"[{low:.3f}, {high:.3f}]", "5", "1", "hear2021")
    ]
    (line,) = [line for line in body.splitlines() if "dcase2016_task2" in line and line.startswith("| base ")]
    assert "| –" in line
    assert "| floor† " in body
    assert "† untrained weights" in body
    assert "| passt_demo@block6@w160@smax@t50@demo " in body
    assert "not measured: floor on dcase2016_task2: has not been run" in body
    assert "Tasks of HEAR that the study does not ask for: beehive, beijing_opera" in body
    assert "hear2021 do not compare" not in body


def test_a_complete_card_names_no_missing_task(tmp_path):
    metadata, body = card_of(write_run(tmp_path / "mine", whole("base")), "base", name="lab/PaSST small")
    assert "does not ask for" not in body
    assert "not measured" not in body
    assert [model["name"] for model in metadata["model-index"]] == ["lab/PaSST small"]
    assert len(metadata["model-index"][0]["results"]) == len(task_table())
    assert "| lab/PaSST small " in body
    assert "| base" not in body


def test_other_protocols_and_undefined_scores_are_said(tmp_path):
    made = [*rows_of("base", "esc50", protocol="hear2021+limit20"), *rows_of("base", "gunshot", math.nan)]
    made[-1]["protocol"] = "hear2021+limit20"
    made = [{**row, "protocol": "hear2021+limit20"} for row in made]
    metadata, body = card_of(write_run(tmp_path / "mine", made))
    assert "Scores under a protocol other than hear2021 do not compare with published ones." in body
    assert "hear2021+limit20 |" in body
    assert [result["dataset"]["type"] for result in metadata["model-index"][0]["results"]] == ["esc50"]
    assert "| not defined |" in body


def test_what_a_model_was_trained_on_is_marked_and_said(tmp_path):
    made = [row for key in ("nsynth_pitch_5h", "esc50") for row in rows_of("crepe", key)]
    metadata, body = card_of(write_run(tmp_path / "mine", made))
    trained = {
        result["dataset"]["type"]: result["metrics"][0]["args"] for result in metadata["model-index"][0]["results"]
    }
    assert trained["nsynth_pitch_5h"]["trained_on"] == "NSynth"
    assert "trained_on" not in trained["esc50"]
    (marked,) = [line for line in body.splitlines() if "| nsynth_pitch_5h " in line]
    assert f"0.500{TRAINED_MARK}" in marked
    assert f"- {TRAINED_MARK} trained on data of the task: crepe on nsynth_pitch_5h (NSynth, with labels)." in body
    assert body.count(TRAINED_MARK) == 2


def test_names_can_do_no_harm(tmp_path):
    made = [{**row, "model": "a|b<script>\n: {x}"} for row in rows_of("base", "esc50")]
    metadata, body = card_of(write_run(tmp_path / "mine", made))
    assert metadata["model-index"][0]["name"] == "a|b<script>\n: {x}"
    assert "<script>" not in body
    assert r"a\|b&lt;script>" in body


def test_a_card_is_printed_or_written(folder, tmp_path):
    out = tmp_path / "card.md"
    printed = CliRunner().invoke(main, ["submit", str(folder), "--to", "card"])
    written = CliRunner().invoke(main, ["submit", str(folder), "--to", "card", "--out", str(out)])
    assert (printed.exit_code, written.output) == (0, f"{out}\n")
    assert out.read_text() == printed.stdout
    assert not printed.stderr


def test_the_committed_card_is_what_the_command_makes_of_the_committed_rows():
    folder = ROOT / "results" / "runs" / "quickstart"
    names = [f"passt_demo block6 320 ms{weights}" for weights in ("", " untrained-0")]
    options = [word for name in names for word in ("--model", name)]
    done = CliRunner().invoke(main, ["submit", str(folder), "--to", "card", *options])
    assert (folder / "card.md").read_text() == done.stdout
