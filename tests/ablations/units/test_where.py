"""The folders of a run, and the machine that it asks for."""

from pathlib import Path

import pytest

from ablations.system.compute import Machine
from ablations.units.unit import Settings
from ablations.units.where import Where
from tests.ablations.units.test_unit import study_of


def test_folders_that_are_not_named_are_those_of_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("ABLATE_STORE", str(tmp_path / "store"))
    monkeypatch.setenv("HEAR_TASKS", str(tmp_path / "tasks"))
    assert Where() == Where(Path("runs"), tmp_path / "store", tmp_path / "tasks")
    assert Where.of(Path("mine")) == Where(Path("mine"))
    assert Where.of(Path("mine"), tmp_path).store == tmp_path


@pytest.mark.parametrize(("asked", "expected"), [(None, "bf16"), ("fp32", "fp32")])
def test_the_machine_overrides_the_studys_precision(tmp_path, asked, expected):
    study = study_of(["t"], precision="bf16")
    settings = Settings.of(study, Where(tmp_path), Machine(precision=asked), "cpu")
    assert (settings.precision, settings.folder) == (expected, tmp_path / study.name)
