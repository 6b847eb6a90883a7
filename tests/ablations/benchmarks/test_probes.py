"""The benchmark of probes: its numbers follow from one another, and the memory it shows is that of the pack."""

import json
import mmap
import shutil
import sys
import time

import pytest
from click.testing import CliRunner

from ablations.benchmarks import probe_memory, probes
from ablations.benchmarks.probes import operations
from ablations.cli import main
from ablations.kit.crosscheck import Evaluation
from ablations.system.memory import anonymous, give_back, watched
from downstream.probes.probe import ProbeConfig
from tests.reference_values import REFERENCE


@pytest.fixture
def small(monkeypatch):
    sizes = {"ITEMS": 24, "VALID_ITEMS": 8, "DIM": 12, "EPOCHS": 3, "REPEATS": 1, "PACKS": {"cpu": (1, 2)}}
    for name, value in sizes.items():
        monkeypatch.setattr(probes, name, value)
    monkeypatch.setattr(probes, "product_rates", lambda device: (1e9, 2e9))
    monkeypatch.setattr(probe_memory, "SIZES", {"scenes": (600, 12, 3, "multilabel")})


@pytest.fixture
def folder(tmp_path):
    copy = shutil.copytree(REFERENCE / "heareval" / "multiclass", tmp_path / "multiclass")
    metadata = json.loads((copy / "task_metadata.json").read_text())
    metadata["evaluation_params"] = {"task_specific_param_grid": {"max_epochs": [3]}}
    (copy / "task_metadata.json").write_text(json.dumps(metadata))
    return copy


def test_the_command_writes_what_it_prints(small, folder, tmp_path):
    out = tmp_path / "probes.json"
    arguments = ["benchmark", "probes", str(folder), "--large", "--device", "cpu", "--out", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    record = json.loads(out.read_text())
    assert record["command"] == "ablate benchmark probes FOLDER --large --device cpu"
    rows = record["rows"]
    assert [(row["hidden_layers"], row["way"], row["probes"]) for row in rows] == [
        *((1, "trainer", 1), (1, "pack", 1), (1, "pack", 2)),
        *((2, "trainer", 1), (2, "pack", 1), (2, "pack", 2)),
    ]
    for row in rows:
        assert set(row) == set(probes.COLUMNS)
        seconds = row["ms_per_fit_epoch"] / 1e3
        assert row["gflops"] == pytest.approx(operations(row["hidden_layers"], 24, 8, 12, 3) / seconds / 1e9)
        assert row["share"] == pytest.approx(row["gflops"] / 2)
    whole = record["evaluation"]
    assert (whole["kit"], whole["times_kit"]) == (None, None)
    assert whole["ours"]["epochs"] == 3 * 10  # 8 configurations and 2 more folds
    (memory,) = record["memory"]
    assert set(memory) == set(probe_memory.COLUMNS)
    assert memory["file_mb"] == pytest.approx(600 * 12 * 4 / 1e6)
    assert "Evaluation of multiclass: here " in result.output


def test_the_kit_is_timed_beside(small, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(probes, "by_kit", lambda *request: [Evaluation(0, {"top1_acc": 0.5}, 60.0, 20)])
    out = tmp_path / "probes.json"
    arguments = ["benchmark", "probes", str(folder), "--kit", sys.executable, "--device", "cpu", "--out", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    record = json.loads(out.read_text())
    assert record["command"] == "ablate benchmark probes FOLDER --kit PYTHON --device cpu"
    whole = record["evaluation"]
    assert whole["kit"] == {"seconds": 60.0, "epochs": 20}
    assert whole["times_kit"] == pytest.approx(3 / (whole["ours"]["seconds"] / whole["ours"]["epochs"]))
    assert "hear-eval-kit 60.0 s, 20 epochs, 3000.00 ms each; here " in result.output


def test_operations_are_those_of_the_products():
    hidden, labels = ProbeConfig().hidden_dim, probes.LABELS
    one = 2 * 5 * (2 * 7 * hidden + 3 * hidden * labels)
    assert operations(1, 5, 0, 7, 3) == one
    assert operations(2, 5, 0, 7, 3) == one + 2 * 5 * 3 * hidden**2
    assert operations(1, 5, 6, 7, 3) == one + 2 * 2 * (7 * hidden + hidden * labels)


def test_the_kit_needs_a_folder():
    result = CliRunner().invoke(main, ["benchmark", "probes", "--kit", "python"])
    assert result.exit_code == 1
    assert "--kit evaluates an embedding folder, expected FOLDER" in result.output


def test_memory_that_is_taken_meanwhile_is_seen():
    before = anonymous()
    with watched(every_s=0.001) as seen:
        # new pages: malloc has some left at times
        block = mmap.mmap(-1, 1 << 26, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        block.write(b"x" * (1 << 26))
        end = time.monotonic() + 10
        while seen.bytes - before < 0.9 * (1 << 26) and time.monotonic() < end:
            time.sleep(0.001)
        block.close()
    assert seen.bytes - before > 0.9 * (1 << 26)


def test_memory_that_was_kept_from_before_is_not_taken_for_free():
    """Some 64 MB in small pieces, freed: malloc keeps them until they are asked back."""
    pieces = [bytearray(1 << 14) for _ in range(1 << 12)]
    del pieces[:-1]
    give_back()
    before = anonymous()
    pieces += [bytearray(b"x" * (1 << 14)) for _ in range(1 << 12)]
    assert anonymous() - before > 0.9 * (1 << 26)
