"""What the steps measure, at sizes that a processor does in a moment."""

import types

import pytest
import torch

from ablations.benchmarks import probes as probe_speed
from ablations.benchmarks.gpu.steps import accuracy, beside, device, kernels, marked_tests, protocol, sweeps, switches
from ablations.models.baselines import crepe
from downstream.kit.read import read_folder
from downstream.kit.write import write_folder
from downstream.probes import fused, graphs


@pytest.fixture
def small(monkeypatch):
    for name, value in {"ITEMS": 24, "VALID_ITEMS": 8, "DIM": 12, "EPOCHS": 3, "REPEATS": 1}.items():
        monkeypatch.setattr(probe_speed, name, value)


def test_the_device_is_described_and_measured(monkeypatch):
    monkeypatch.setattr(device, "LAUNCHES", 20)
    monkeypatch.setattr(device, "SYNCS", 2)
    values = {row["property"]: row["value"] for row in device.facts("cpu").rows}
    assert values["torch"] == torch.__version__
    assert all(row["microseconds"] > 0 for row in device.launches("cpu").rows)
    assert all(row["gb_per_s"] > 0 for row in device.copies("cpu", 1).rows)
    assert all(row["milliseconds"] > 0 for row in device.disk("cpu").rows)


def test_the_cpu_agrees_with_itself_and_the_worst_level_is_shown(monkeypatch):
    monkeypatch.setattr(accuracy, "available", lambda device: ("fp32",))
    record = accuracy.measure("cpu", ("passt_demo",), all_levels=True, seconds=0.5)
    assert [(row["embedding"], row["relative"]) for row in record.rows] == [("scenes", 0.0), ("timestamps", 0.0)]
    assert {"melmean", "block1", "features", "logits"} <= set(record.facts["relative"]["passt_demo fp32 scenes"])
    reference = torch.eye(3)
    relative, off = accuracy._errors(reference * torch.tensor([1.0, 1.0, 1.1]), reference)
    assert relative == pytest.approx(0.1 / 3**0.5)
    assert off == pytest.approx(0, abs=1e-7)


def test_marked_tests_are_those_of_the_checkout_and_outcomes_are_collected(monkeypatch, tmp_path):
    assert len(marked_tests.marked_files()) >= 10
    file = marked_tests.ROOT / "tests" / "passt" / "windows" / "test_batches.py"
    monkeypatch.setattr(marked_tests, "marked_files", lambda: [file])
    outcomes = marked_tests.Outcomes()
    crash = types.SimpleNamespace(reprcrash=types.SimpleNamespace(message="AssertionError: 1 == 2\nmore"))
    for when, outcome, trouble in (
        ("setup", "passed", None),
        ("call", "passed", None),
        ("setup", "skipped", ("f.py", 3, "Skipped: no CUDA")),
        ("call", "failed", crash),
    ):
        report = types.SimpleNamespace(when=when, outcome=outcome, nodeid="f.py::t", duration=0.5, longrepr=trouble)
        outcomes.pytest_runtest_logreport(report)
    assert [(row["outcome"], row["message"]) for row in outcomes.rows] == [
        ("passed", ""),
        ("skipped", "Skipped: no CUDA"),
        ("failed", "AssertionError: 1 == 2"),
    ]
    monkeypatch.setattr(marked_tests, "ROOT", tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(marked_tests, "ROOT", tmp_path)
    with pytest.raises(FileNotFoundError, match="expected a checkout"):
        marked_tests.marked_files()


def test_the_protocol_runs_on_made_up_embeddings_that_can_be_learned(monkeypatch, tmp_path):
    monkeypatch.setattr(protocol, "MAX_EPOCHS", 6)
    monkeypatch.setattr(protocol, "DIM", 64)
    record = protocol.small("cpu", 100)
    (row,) = record.rows
    assert row["fits"] == 8 + 4
    assert row["ms_per_fit_epoch"] == pytest.approx(1e3 * row["seconds"] / row["epochs"])
    assert all(0.3 < scores["top1_acc"] <= 1 for scores in record.facts["scores"])
    task, splits = protocol.made_up(protocol.esc10(), 50, tmp_path)
    write_folder(task, splits, tmp_path / "kit" / task.name)
    again, _ = read_folder(tmp_path / "kit" / task.name)
    assert again.labels == task.labels


def test_without_the_originals_nothing_is_measured():
    for record in (beside.passt("cpu", None), beside.kit("cpu", None)):
        assert not record.rows
        assert record.what.startswith("No Python here has")


def test_kernels_of_a_cpu_are_none(small):
    rows = kernels.probes("cpu", 2).rows
    assert [row["hidden_layers"] for row in rows] == [1, 2]
    assert all((row["kernels"], row["busy"]) == (0, 0) and row["wall_ms"] > 0 for row in rows)


def test_switches_are_set_while_a_way_is_timed(small, monkeypatch):
    seen = []
    monkeypatch.setattr(switches, "fit_all", lambda *_: (seen.append((graphs.PAYS, fused.PAYS)), [fit])[1])
    fit = types.SimpleNamespace(epochs=3)
    before = graphs.PAYS, fused.PAYS
    rows = switches.graphs("cpu", (1,)).rows + switches.fused("cpu", (1,)).rows
    assert [row["way"] for row in rows] == ["without graphs", "CUDA graphs"] * 2 + ["plain", "compiled"] * 2
    assert set(seen) == {(switches.NEVER, switches.NEVER), (before[0], switches.NEVER), (before[0], switches.ALWAYS)}
    assert before == (graphs.PAYS, fused.PAYS)
    assert rows[0]["times_without"] == 1


def test_a_sweep_tries_the_size_that_is_used_and_others(monkeypatch):
    monkeypatch.setattr(sweeps, "SCENE_S", 1)
    monkeypatch.setattr(sweeps, "REPEATS", 1)
    monkeypatch.setattr(sweeps, "REHEARSED", {"crepe_full": "crepe_tiny"})
    rows = sweeps.measure("cpu", "crepe", clips=1, most=1).rows
    (used, is_default), (other, is_other) = [(row["size"], row["is_default"]) for row in rows]
    assert (used, is_default, other, is_other) == (crepe.FRAMES_PER_BATCH, True, sweeps.SWEEPS["crepe"].sizes[0], False)
    assert all(row["afterwards"] == row["size"] for row in rows)
