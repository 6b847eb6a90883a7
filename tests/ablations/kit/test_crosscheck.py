"""hear-eval-kit beside ours: the plumbing by an interpreter that is made up, and the kit itself where it is."""

import json
import math
import sys
from pathlib import Path

import pytest

from ablations.kit import process
from ablations.kit.crosscheck import Evaluation, FolderEvaluations, crosscheck
from ablations.kit.embeddings import task_at
from ablations.kit.export import export
from ablations.system.compute import Machine
from ablations.units.where import Where
from downstream.tasks.audio import SplitAudio
from downstream.tasks.task import Task

CPU = Machine("cpu")
KIT = Path(__file__).parents[3] / process.DEFAULT
RECORDS = Path(__file__).parents[3] / "results" / "benchmarks"
FAKE = """
import json, pathlib, sys
here = pathlib.Path(__file__).parent
if sys.argv[1] == "-c":
    print(json.dumps(dict.fromkeys(sys.argv[3:], "0")))
    sys.exit()
assert sys.argv[1].endswith("runner.py") and sys.argv[2] == "measure"
request = json.loads(sys.argv[3])
folder = pathlib.Path(request["folder"])
(here / "seen.json").write_text(json.dumps({**request, "files": sorted(p.name for p in folder.iterdir())}))
(folder / "test.predicted-scores.json").write_text("the kit's")
for seed in request["seeds"][: FAIL_AFTER]:
    scores = {"test": {"test_loss": 0.1, "test_score": 0.5, "test_top1_acc": 0.5 + 0.1 * seed}}
    print(json.dumps({"seed": seed, "scores": scores, "seconds": 3.0, "epochs": 7 + seed}), flush=True)
if FAIL_AFTER < len(request["seeds"]):
    sys.exit("ImportError: it went wrong")
"""


@pytest.fixture
def fake(tmp_path):
    def make(fail_after: int = 99) -> Path:
        (tmp_path / "fake.py").write_text(FAKE.replace("FAIL_AFTER", str(fail_after)))
        kit = tmp_path / "python"
        kit.write_text(f'#!/bin/sh\nexec {sys.executable} {tmp_path / "fake.py"} "$@"\n')
        kit.chmod(0o755)
        return kit

    return make


@pytest.fixture
def exported(scene_task, tmp_path):
    (folder,) = export(
        "logmel", str(scene_task()), tmp_path / "kit", where=Where(store=tmp_path / "store"), machine=CPU
    )
    return folder


def test_the_kit_gets_a_copy_and_its_answers_come_back(fake, exported, tmp_path):
    before = {path.name: path.read_bytes() for path in exported.iterdir()}
    (exported / "prediction-done.json").write_text("{}")
    record = crosscheck({"tones": exported}, fake(), seeds=3, grid_points=2)
    (exported / "prediction-done.json").unlink()
    assert {path.name: path.read_bytes() for path in exported.iterdir()} == before
    seen = json.loads((tmp_path / "seen.json").read_text())
    assert seen["files"] == sorted(before)
    assert (seen["seeds"], seen["grid_points"], seen["threads"]) == ([0, 1, 2], 2, 1)
    assert Path(seen["folder"]).name == exported.name
    assert not Path(seen["folder"]).exists()
    (entry,) = record.folders
    assert [run.scores["top1_acc"] for run in entry.kit] == pytest.approx([0.5, 0.6, 0.7])
    assert [run.seed for run in entry.ours] == [0, 1, 2]
    (row,) = record.costs().to_dict("records")
    assert (row["kit_seconds"], row["kit_epochs"]) == (3.0, 8.0)
    written = json.loads(json.dumps(record.to_json()))
    committed = json.loads((RECORDS / "crosscheck_esc10.json").read_text())
    assert list(written) == list(committed)
    assert written["folders"][0].keys() == committed["folders"][0].keys()
    assert written["folders"][0]["kit"][0].keys() == committed["folders"][0]["kit"][0].keys()
    assert written["summary"][0].keys() == committed["summary"][0].keys()


def runs(*scores):
    return [Evaluation(0, {"mAP": score}, 1.0, 1) for score in scores]


def test_the_difference_is_in_units_of_its_standard_error():
    (row,) = FolderEvaluations("a", runs(0.4, 0.6), runs(0.6, 0.7, 0.8)).differences()
    assert (row["folder"], row["metric"]) == ("a", "mAP")
    assert (row["kit"], row["ours"], row["difference"]) == pytest.approx((0.5, 0.7, 0.2))
    assert (row["kit_std"], row["ours_std"]) == pytest.approx((math.sqrt(0.02), 0.1))
    assert row["standard_errors"] == pytest.approx(0.2 / math.sqrt(0.02 / 2 + 0.01 / 3))


@pytest.mark.parametrize(
    ("kit", "ours", "units"),
    [((0.5,), (0.6,), math.nan), ((0.5, 0.5), (0.5, 0.5), 0.0), ((0.5, 0.5), (0.4, 0.4), -math.inf)],
)
def test_without_a_spread(kit, ours, units):
    (row,) = FolderEvaluations("a", runs(*kit), runs(*ours)).differences()
    assert row["standard_errors"] == pytest.approx(units, nan_ok=True)


def test_a_kit_that_fails_is_named_with_its_last_line(fake, exported):
    with pytest.raises(ValueError, match="python ended with status 1: ImportError: it went wrong"):
        crosscheck({"tones": exported}, fake(fail_after=1), seeds=2)


def test_a_kit_that_is_none_is_named(tmp_path, monkeypatch, exported):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"no interpreter with hear-eval-kit at .*\.kit/bin/python; `make kit`"):
        process.interpreter()
    with pytest.raises(ValueError, match="lacks what hear-eval-kit needs: .*heareval; `make kit` makes"):
        crosscheck({"tones": exported}, Path(sys.executable))
    with pytest.raises(ValueError, match="at least 1 seed and 1 to 16 grid points, got 0 and 8"):
        crosscheck({"tones": exported}, Path(sys.executable), seeds=0)


def test_a_task_at_one_rate_is_what_models_hear(scene_task, tmp_path):
    task = Task.from_dir(scene_task())
    again = Task.from_dir(task_at(task, 32000, tmp_path / "at32000", tmp_path / "store"))
    assert again.items == task.items
    for split in task.splits:
        ours, copied = (SplitAudio.of(one, split, 32000, tmp_path / "store") for one in (task, again))
        assert (ours.source_rate, copied.source_rate) == (16000, 32000)
        for file in ours.files:
            assert ours.load(file).equal(copied.load(file))


def test_the_kits_environment_is_pinned():
    root = KIT.parents[2]
    pins, project_pins = (
        dict(line.lower().split("==") for line in (root / name).read_text().splitlines() if not line.startswith("#"))
        for name in ("kit-constraints.txt", "constraints.txt")
    )
    makefile = (root / "Makefile").read_text().replace("\\\n", " ")
    (needs,) = [line.split(":=")[1].split() for line in makefile.splitlines() if line.startswith("KIT_NEEDS")]
    assert {name.replace("_", "-") for name in [*needs, "torch", "heareval", "pytorch-lightning"]} <= {
        name.replace("_", "-") for name in pins
    }
    assert pins["torch"] == project_pins["torch"]
    assert pins["heareval"] == "2021.1.3"


@pytest.mark.skipif(not KIT.is_file(), reason=f"no hear-eval-kit at {process.DEFAULT}; `make kit` makes it")
def test_the_kit_itself_on_an_exported_folder(event_task, tmp_path):
    (folder,) = export(
        "logmel", str(event_task()), tmp_path / "kit", where=Where(store=tmp_path / "store"), machine=CPU
    )
    record = crosscheck({"beeps": folder}, KIT, seeds=1, grid_points=1)
    (entry,) = record.folders
    (run,) = entry.kit
    assert 1 <= run.epochs <= 4
    assert set(entry.ours[0].scores) <= set(run.scores)
    assert list(record.summary()["metric"]) == list(entry.ours[0].scores)
    assert record.kit_versions["heareval"] == "2021.1.3"
