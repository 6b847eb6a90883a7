"""The benchmark of engines."""

import pytest
from click.testing import CliRunner

from ablations.engines.ray import workers
from tests.campaigns import engine_speed
from tests.campaigns.engine_speed import COLUMNS


def test_engines_are_timed_side_by_side(monkeypatch, tmp_path):
    """Ray's part is the engine's own tests; here its workers are this process."""
    run, counts = engine_speed.run_study, []

    def without_ray(study, where, machine, *, engine):
        counts.append(engine and engine.count)
        return run(study, where, machine)

    monkeypatch.setattr(engine_speed, "run_study", without_ray)
    monkeypatch.setattr(engine_speed, "MODELS", ({"checkpoint": "logmel"},))
    monkeypatch.setattr(engine_speed, "HOP_MS", 1000)
    monkeypatch.setattr(workers, "find_spec", lambda name: name)
    options = {"seeds": 1, "tasks": ("digit_events",), "protocol": "hear2021+grid1"}
    record = engine_speed.measure((1, 3), **options)
    assert counts == [None, None, 1, 3]
    assert [(row["engine"], row["workers"]) for row in record.rows] == [("this process", 1), ("Ray", 1), ("Ray", 3)]
    assert all(row["same_scores"] and row["seconds"] > 0 for row in record.rows)
    first, second = record.rows[1:]
    assert second["of_first"] == pytest.approx(second["seconds"] / first["seconds"])
    assert all(column in record.to_markdown() for column in COLUMNS)


def test_a_number_of_workers_that_is_none():
    result = CliRunner().invoke(engine_speed.main, ["--workers", "0"])
    assert result.exit_code == 1
    assert "Error: workers must be at least 1, got 0" in result.stderr
