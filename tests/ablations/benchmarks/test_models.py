import json
import os
import sys

import pytest
import torch
from click.testing import CliRunner

from ablations.benchmarks import models as model_speed
from ablations.benchmarks.peers.panns_peer import CLASSES
from ablations.cli.benchmark import benchmark
from ablations.models import cost, registry
from tests.ablations.hear_fakes import TORCH


@pytest.fixture
def short(monkeypatch):
    """Sounds of a moment, and a product rate that nobody measured."""
    monkeypatch.setattr(model_speed, "sounds", lambda clips, seconds, rate: [torch.zeros(rate // 4)] * clips)
    monkeypatch.setattr(model_speed, "REPEATS", 1)
    monkeypatch.setattr(model_speed, "product_rates", lambda device, precision: (1e9, 2e9))


def test_every_precision_of_a_model_is_a_row(short, tmp_path):
    out = tmp_path / "models.json"
    result = CliRunner().invoke(benchmark, ["models", "mn01_as", "logmel", "--device", "cpu", "--out", str(out)])
    assert result.exit_code == 0, result.output
    record = json.loads(out.read_text())
    assert record["command"] == "ablate benchmark models mn01_as logmel --device cpu"
    precisions = list(record["product_gflops"])
    assert [(row["model"], row["precision"]) for row in record["rows"]] == [
        *(("mn01_as", precision) for precision in precisions),
        ("logmel", "fp32"),
    ]
    assert set(record["columns"]) >= set(record["rows"][0])
    macs, rows = cost.macs(registry.resolve("mn01_as"), event=False), record["rows"]
    for row in rows[:-1]:
        assert row["parameters"] == cost.parameters("mn01_as")
        assert row["clips_per_s"] == pytest.approx(8 / row["scene_seconds"])
        assert row["share"] == pytest.approx(2 * macs * 8 / row["scene_seconds"] / 2e9)
        assert row["beside"] == "one clip at a time"
        assert row["times_original"] > 0
    assert "times_original" not in rows[-1]
    assert "one clip at a time" in result.output


def test_the_plain_loop_gives_the_same_levels(monkeypatch):
    embedder = registry.build(registry.resolve("mn01_as@untrained-0"), device="cpu")
    clip = 0.1 * torch.randn(8000, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(model_speed, "sounds", lambda *_: [clip])
    joined = []
    monkeypatch.setattr(model_speed.torch, "cat", lambda tensors, dim: joined.extend(tensors) or tensors[0])
    names = ("clf1", "melmean", "se5", "block2")
    model_speed.plain_loop(embedder, names, 1)()
    monkeypatch.undo()
    expected = embedder.scene([clip], [(name, None) for name in names])
    for value, name in zip(joined, names, strict=True):
        assert torch.allclose(value, expected[name, None], atol=1e-5)


def test_an_interpreter_without_panns_inference_is_named(short):
    with pytest.raises(ValueError, match="panns_inference can't be timed with it: .*No module named 'panns_inference'"):
        model_speed.measure(["logmel"], device="cpu", panns=sys.executable)


def test_what_is_no_interpreter_is_named(short):
    with pytest.raises(ValueError, match="/bin/true: panns_inference can't be timed with it: it ended with status 0"):
        model_speed.measure(["logmel"], device="cpu", panns="/bin/true")
    with pytest.raises(FileNotFoundError, match="python: no interpreter at /no/python"):
        model_speed.measure(["logmel"], device="cpu", panns="/no/python")


def test_specs_and_hear_modules_are_measured_as_named(short, hear_module):
    names = ["hear:" + hear_module(TORCH), "mn01_as@melmean@published"]
    rows = model_speed.measure(names, device="cpu").rows
    assert [row["model"] for row in rows[:2]] == ["hear:fake_hear", "mn01_as"]
    assert all(row["timestamp_seconds"] > 0 for row in rows)


def test_panns_inference_is_timed_beside_cnn14(short, monkeypatch):
    interpreter = os.environ.get("PANNS_PYTHON")
    if not interpreter:
        pytest.skip("no interpreter with panns_inference in $PANNS_PYTHON")
    monkeypatch.setattr(model_speed, "SCENE_S", 1)
    record = model_speed.measure(["cnn14"], interpreter, "cpu")
    assert record.versions["panns_inference"] == "0.1.1"
    assert all(row["times_original"] > 0 for row in record.rows)
    assert CLASSES == 527
