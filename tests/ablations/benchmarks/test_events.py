"""The benchmark of event validations: its splits, its record, and what it takes from hear-eval-kit."""

import dataclasses
import json
import math
import sys
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from ablations.benchmarks import events as event_speed
from ablations.benchmarks.events import COLUMNS, SIZES, made_up, measure
from ablations.benchmarks.peers import kit_peer
from downstream.scores.scoring import Scorer

SMALL = {name: dataclasses.replace(size, files=2, steps=400, events=size.events // 6) for name, size in SIZES.items()}
STEPS = ("first validation", "validation", "postprocessing")


@pytest.fixture
def _small(monkeypatch):
    monkeypatch.setattr(event_speed, "SIZES", SMALL)


@pytest.fixture
def kit(tmp_path, _small):
    """Makes an interpreter that answers with given scores whatever it is asked."""

    def make(**changes):
        task, data, predictions = made_up(SMALL["dcase2016_task2"])
        scorer = Scorer(task, "test", data)
        _, setting = scorer.validate(predictions)
        scores = scorer.scores(predictions, setting)
        seconds = dict.fromkeys(("validation", "postprocessing", *task.metrics), 2.0)
        answer = {"seconds": seconds, "scores": scores, "postprocessing": vars(setting), "versions": {"heareval": "1"}}
        answer["scores"] = {**scores, **changes}
        path = tmp_path / "python"
        path.write_text(f"#!/bin/sh\ncat <<'END'\n{json.dumps(answer)}\nEND\n")
        path.chmod(0o755)
        return str(path)

    return make


@pytest.mark.parametrize("name", SMALL)
def test_predictions_are_neither_perfect_nor_useless(name):
    task, data, predictions = made_up(SMALL[name])
    scores, _ = Scorer(task, "test", data).validate(predictions)
    assert 0.3 < scores[task.metrics[0]] < 0.9
    assert predictions.shape == data.y.shape == (2 * 400, SMALL[name].labels)


def test_maestro_has_its_notes():
    assert SIZES["maestro"].events == pytest.approx(10 * 120, rel=0.01)  # ten notes a second


@pytest.mark.usefixtures("_small")
def test_the_record_says_what_was_run():
    record = measure()
    assert [(row["task"], row["step"]) for row in record.rows] == [
        (name, step) for name, size in SMALL.items() for step in (*STEPS, *size.metrics)
    ]
    written = json.loads(json.dumps(record.to_json("x"), allow_nan=False))
    rows = written["rows"]
    assert all(set(row) == set(COLUMNS) and row["seconds"] > 0 and row["times_kit"] is None for row in rows)
    assert {"device", "threads", "versions", "kit_versions", "tasks"} <= set(written)
    assert "kit_seconds" not in record.to_markdown()


def test_the_kits_seconds_stand_beside(kit):
    record = measure(kit(), ["dcase2016_task2"])
    for row in record.rows:
        assert row["kit_seconds"] == 2.0
        assert row["times_kit"] == pytest.approx(2.0 / row["seconds"])
    assert record.facts["tasks"][0]["largest_difference"] == 0.0
    assert record.facts["kit_versions"] == {"heareval": "1"}
    assert "hear-eval-kit's scores differ by 0 at most" in record.to_markdown()


@pytest.mark.parametrize("value", [0.5, math.nan])
def test_other_scores_of_the_kit_are_an_error(kit, value):
    with pytest.raises(ValueError, match="dcase2016_task2: hear-eval-kit gives .* expected"):
        measure(kit(segment_1s_er=value), ["dcase2016_task2"])


@pytest.mark.usefixtures("_small")
def test_the_command_writes_what_it_prints(tmp_path):
    out = tmp_path / "events.json"
    result = CliRunner().invoke(event_speed.main, ["--task", "dcase2016_task2", "--out", str(out)])
    assert result.exit_code == 0, result.output
    record = json.loads(out.read_text())
    assert record["command"] == "ablate benchmark events --task dcase2016_task2"
    assert all(f"| {row['step']} " in result.output for row in record["rows"])


@pytest.mark.usefixtures("_small")
def test_an_interpreter_without_the_kit_is_named():
    arguments = ["--kit", sys.executable, "--task", "dcase2016_task2"]
    result = CliRunner().invoke(event_speed.main, arguments)
    assert result.exit_code == 1
    assert f"Error: {sys.executable}: hear-eval-kit can't be timed with it: " in result.output
    assert "No module named 'heareval'" in result.output


def test_the_peer_chooses_as_the_kit_does():
    """The largest primary score, NaN as 0, ties to the larger setting; all scores of that one."""
    settings = {(("median_filter_ms", 250), ("min_duration", ms)): ms for ms in (125, 250, 500)}
    primary = {125: 0.3, 250: 0.3, 500: math.nan}
    kit = SimpleNamespace(
        get_events_for_all_files=lambda *args: settings,
        available_scores={
            "first": lambda label_to_idx: lambda events, reference: (("f_measure", primary[events]), ("recall", 0.1)),
            "second": lambda label_to_idx: lambda events, reference: (("error_rate", events),),
        },
    )
    request = {"labels": ["a"], "metrics": ["first", "second"], "grid": {}}
    scores, chosen, seconds = kit_peer.validate(kit, request, None, None, None, None)
    assert scores == {"first": 0.3, "first_recall": 0.1, "second": 250}
    assert chosen == {"median_filter_ms": 250, "min_duration": 250}
    assert set(seconds) == {"validation", "postprocessing", "first", "second"}


def test_the_default_is_both_tasks():
    assert list(event_speed.SIZES) == ["dcase2016_task2", "maestro"]
