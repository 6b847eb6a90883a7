"""The campaign that times validations, at small sizes."""

import dataclasses
from pathlib import Path

import pytest

from tests.campaigns import validation_cost
from tests.campaigns.validation_cost import COLUMNS, SCENES, TASKS, measure


@pytest.fixture
def _small(monkeypatch):
    for name, scenes in SCENES.items():
        monkeypatch.setitem(SCENES, name, dataclasses.replace(scenes, items=30, labels=4))
    for name, size in validation_cost.events.SIZES.items():
        monkeypatch.setitem(validation_cost.events.SIZES, name, dataclasses.replace(size, files=5, steps=100, events=3))


@pytest.mark.usefixtures("_small")
def test_an_earlier_version_stands_beside(monkeypatch):
    monkeypatch.setattr(
        validation_cost, "_of_checkout", lambda folder, name, device: validation_cost.cost(name, device)
    )
    record = measure(Path("checkout"))
    assert [row["task"] for row in record.rows] == list(TASKS)
    assert [row["labels"] for row in record.rows] == [4, 4, 11, 88]
    assert all(set(row) == set(COLUMNS) for row in record.rows)
    assert all(value > 0 for row in record.rows for key, value in row.items() if key.endswith("seconds"))
    assert all(0 < row["score"] <= 1 for row in record.rows)


@pytest.mark.usefixtures("_small")
def test_another_score_is_an_error(monkeypatch):
    monkeypatch.setattr(validation_cost, "_of_checkout", lambda *args: {"score": 0.123})
    with pytest.raises(ValueError, match="esc50: the score was 0.123, now it is "):
        measure(Path("checkout"), ["esc50"])


def test_a_checkout_is_measured_by_a_process_of_its_own(tmp_path):
    """This folder is a checkout as well."""
    row = validation_cost._of_checkout(Path(__file__).parents[2], "esc50", "cpu")
    assert (row["items"], row["labels"]) == (400, 50)
    with pytest.raises(ValueError, match="not a checkout"):
        validation_cost._of_checkout(tmp_path, "esc50", "cpu")
