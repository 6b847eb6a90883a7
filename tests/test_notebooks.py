"""The notebooks run as they stand and on another run, and keep outputs that hold nothing of one machine."""

import ast
import json
import re
import zipfile
from pathlib import Path

import pytest

import ablations as ab
from downstream.tasks import packaged
from tests.conftest import write_beeps, write_tones

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
COMPUTING = ("01", "06")
"""Notebooks that run models; the others read rows that are committed."""
ONE_LINE = re.compile(r"^(run|task) = .*$", flags=re.MULTILINE)
"""The line that a reader changes, in the first cell of code."""
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
FOLDS = {"split_mode": "presplit_kfold", "splits": ["fold00", "fold01", "fold02"]}
QUICK = {"task_specific_param_grid": {"max_epochs": [2], "check_val_every_n_epoch": [1]}}
MODELS = [
    {"checkpoint": "passt_demo", "levels": [["block3"], ["block12"]], "windows_ms": [[160]]},
    {"checkpoint": "passt_demo", "levels": [["block12"]], "windows_ms": [[640]]},
    {"checkpoint": "passt_demo_hop160", "levels": [["block12"]], "windows_ms": [[160]]},
]
"""Models that vary every axis, so that each notebook has something to show."""


def name_of(path: Path) -> str:
    return path.name


def number_of(path: Path) -> str:
    return path.name[:2]


def cells(path: Path) -> list[dict]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]


def sources(path: Path) -> list[str]:
    return ["".join(cell["source"]) for cell in cells(path)]


def executed(path: Path, line: str | None = None) -> dict:
    """Execute the code of a notebook; return its names.

    Args:
        line: stands in the place of the line that a reader changes.
    """
    first, *rest = sources(path)
    names: dict = {}
    for source in [first if line is None else ONE_LINE.sub(lambda match: line, first), *rest]:
        exec(compile(source, path.name, "exec"), names)
    return names


def some_recordings(path: Path) -> Path:
    """Write an archive of 60 of the packaged recordings: two takes of five digits."""
    with zipfile.ZipFile(packaged.ARCHIVE) as whole, zipfile.ZipFile(path, "w") as archive:
        for name in whole.namelist():
            if re.fullmatch(r"[0-4]_[a-z]+_[01]\.flac", name):
                archive.writestr(name, whole.read(name))
    return path


@pytest.fixture(scope="module")
def another_run(tmp_path_factory) -> ab.Run:
    """A run that a reader may have."""
    place = tmp_path_factory.mktemp("another")
    scenes = write_tones(place / "tones", **FOLDS, clips=3, evaluation_params=QUICK)
    tasks = [scenes, write_beeps(place / "beeps", clips=2, evaluation_params=QUICK)]
    study = {"name": "another", "models": MODELS, "protocol": "hear2021+grid1", "tasks": list(map(str, tasks))}
    return ab.run(study, runs=place / "runs", store=place / "store", progress=False)


@pytest.fixture
def beside_the_notebooks(tmp_path, monkeypatch):
    """The current folder, from which `../results` is found, and where `../runs` may be written."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "results").symlink_to(ROOT / "results")
    monkeypatch.chdir(tmp_path / "notebooks")


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if number_of(path) not in COMPUTING], ids=name_of)
def test_notebooks_run_on_committed_rows(path, beside_the_notebooks):
    assert len(ab.load(executed(path)["run"]))


@pytest.mark.parametrize("path", [path for path in NOTEBOOKS if number_of(path) != "06"], ids=name_of)
def test_notebooks_run_on_another_run_by_one_line(path, beside_the_notebooks, another_run):
    names = executed(path, f"run = {str(another_run.folder)!r}")
    assert names["run"] == str(another_run.folder)
    if number_of(path) == "01":
        assert names["embeddings"].shape == (2, 192)


def test_a_model_and_a_task_of_ones_own(beside_the_notebooks, tmp_path, monkeypatch):
    small = write_tones(tmp_path / "tones", **FOLDS, evaluation_params=QUICK)
    monkeypatch.setattr(packaged, "ARCHIVE", some_recordings(tmp_path / "digits.zip"))
    (path,) = (path for path in NOTEBOOKS if number_of(path) == "06")
    names = executed(path, f"task = {str(small)!r}")
    assert list(names["run"].scores.index) == list(names["speakers"].scores.index) == ["cepstrum", "logmel", "chance"]
    assert names["speakers"].rows["task"].unique().tolist() == ["speakers-v1"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_readers_are_told_which_line_to_change(path):
    content = json.loads(path.read_text())["cells"]
    (changed,) = ONE_LINE.findall(sources(path)[0])
    assert f"change the line `{changed} = ...`" in "".join(content[0]["source"])
    assert not any(ONE_LINE.search(source) for source in sources(path)[1:] if changed == "run")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebooks_define_nothing_but_a_model(path):
    defined = [
        node for source in sources(path) for node in ast.walk(ast.parse(source)) if isinstance(node, DEFINITIONS)
    ]
    assert len(defined) == (number_of(path) == "06")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name_of)
def test_notebooks_keep_their_outputs_and_nothing_of_one_machine(path):
    code = cells(path)
    outputs = [output for cell in code for output in cell["outputs"]]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert len(outputs) > len(code) / 2
    assert {output["output_type"] for output in outputs} <= {"execute_result", "stream"}
    assert all(output.get("name") != "stderr" for output in outputs)
    assert not re.search(r"(?<![\w.:/])/(home|root|tmp|usr|Users|opt)/", path.read_text())
    assert not any("execution" in cell["metadata"] for cell in code)  # when each cell ran


def test_notebooks_are_small():
    assert NOTEBOOKS
    assert sum(path.stat().st_size for path in NOTEBOOKS) < 1.2e6
