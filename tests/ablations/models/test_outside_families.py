"""Families that other packages add by an entry point."""

import logging
import shutil
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ablations.cli import main
from ablations.models import registry
from ablations.models.check import check_model
from results.rows.rows import read_rows
from tests.lookahead import check_against_cutting_by_hand, check_that_the_future_is_not_seen

PACKAGE = Path(__file__).with_name("example_package")
MODULE = "loudness_of_windows"
DIST_INFO = "loudness_of_windows-1.0.dist-info"


@pytest.fixture
def _families_anew():
    registry.families.cache_clear()
    yield
    registry.families.cache_clear()


@pytest.fixture
def package(tmp_path, monkeypatch, _families_anew):
    """A copy of the example package, where Python finds it."""
    folder = shutil.copytree(PACKAGE, tmp_path / "site")
    monkeypatch.syspath_prepend(folder)
    yield folder
    sys.modules.pop(MODULE, None)


def ablate(*arguments: object) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_its_models_are_models(package, scene_task, event_task, tmp_path):
    assert "levels       bands total" in ablate("models", "loudness")
    tasks = ("--task", scene_task(), "--task", event_task("beeps"))
    places = ("--runs", tmp_path / "runs", "--store", tmp_path / "store")
    ablate("run", "--model", "loudness@bands+total", *tasks, "--protocol", "hear2021+grid1", *places)
    (run,) = (tmp_path / "runs").iterdir()
    rows = read_rows(run)
    assert set(rows["family"]) == {"loudness"}
    assert len(set(rows["task"])) == 2
    assert set(check_model("loudness")["result"]) == {"ok"}


def test_its_windows_have_a_look_ahead(package):
    embedder = registry.build(registry.resolve("loudness@ahead80"), device="cpu")
    check_against_cutting_by_hand(embedder, [("bands", 160), ("total", 320)], 80, 1e-5)
    check_that_the_future_is_not_seen(embedder, [("bands", 160)], 0)


def test_the_page_has_the_example():
    page = (Path(__file__).parents[3] / "docs" / "families.md").read_text()
    code = (PACKAGE / f"{MODULE}.py").read_text()
    assert f"```python\n{code}```" in page
    assert len([line for line in code.splitlines() if line.strip()]) <= 40


@pytest.mark.usefixtures("_families_anew")
def test_without_the_package_its_models_are_unknown():
    with pytest.raises(ValueError, match="unknown checkpoint 'loudness'"):
        registry.card("loudness")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (
            "loudness = loudness_of_windows:CARD",
            "expected a Family or a function that returns one, got Card",
        ),
        ("loudness = loudness_of_windows:NONE", "AttributeError: module 'loudness_of_windows' has no attribute 'NONE'"),
        ("loudness = no_such_module:FAMILY", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("passt = loudness_of_windows:FAMILY", "ValueError: there is a family 'passt' already"),
        ("other = loudness_of_windows:FAMILY", "the card of 'loudness' has family 'loudness', expected 'other'"),
    ],
)
def test_a_package_that_cannot_be_used_is_left_out(package, entry, reason, caplog):
    (package / DIST_INFO / "entry_points.txt").write_text(f"[embedding_ablations.families]\n{entry}\n")
    with caplog.at_level(logging.WARNING):
        assert "passt" in registry.families()
    (message,) = [record.getMessage() for record in caplog.records]
    assert f"{entry.split()[0]!r} of the package loudness-of-windows is left out: " in message
    assert reason in message
    with pytest.raises(ValueError, match="unknown checkpoint 'loudness'"):
        registry.card("loudness")


def test_a_model_that_exists_is_not_replaced(package, caplog):
    code = (package / "loudness_of_windows.py").read_text()
    (package / "loudness_of_windows.py").write_text(code.replace('name="loudness"', 'name="passt_demo"'))
    with caplog.at_level(logging.WARNING):
        assert registry.card("passt_demo").family == "passt"
    assert "there is a model 'passt_demo' already" in caplog.text
