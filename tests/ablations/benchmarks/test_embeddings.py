"""The benchmark's record says what was run; its numbers follow from one another."""

import json
import sys

import pytest
from click.testing import CliRunner

from ablations.benchmarks import embeddings
from ablations.cli import main
from ablations.system.machine import product_rates
from passt.network.precision import available


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(embeddings, "SCENE_S", 1)
    monkeypatch.setattr(embeddings, "TIMESTAMPS", {"cpu": (1, 1)})
    monkeypatch.setattr(embeddings, "LONG_S", 1)
    monkeypatch.setattr(embeddings, "CLIPS", {"cpu": 1, "cuda": 1})
    monkeypatch.setattr(embeddings, "REPEATS", 1)
    monkeypatch.setattr(embeddings, "available", lambda device: available(device)[:1])
    monkeypatch.setattr(embeddings, "product_rates", lambda device, precision: (1e11, 2e11))  # half a minute


def test_the_command_writes_what_it_prints(small, tmp_path):
    out = tmp_path / "embed.json"
    result = CliRunner().invoke(main, ["benchmark", "embed", "--device", "cpu", "--long", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "Machine's product rate" in result.output
    record = json.loads(out.read_text())
    assert record["command"] == "ablate benchmark embed --device cpu --long"
    assert len(record["rows"]) == 7
    assert all(list(row) and set(row) == set(embeddings.COLUMNS) for row in record["rows"])
    base = record["rows"][0]
    assert base["clips_per_s"] == pytest.approx(1 / base["seconds"])
    assert base["share"] == pytest.approx(base["gflops"] / record["product_gflops"]["fp32"])
    assert base["off_fp32"] == pytest.approx(0, abs=1e-12)
    by = {(row["embedding"], row["levels"]): row["seconds"] for row in record["rows"]}
    assert record["all_over_one"]["fp32 scenes"] == pytest.approx(by["scenes", "all"] / by["scenes", "one"])


@pytest.mark.slow
def test_the_fastest_products_are_no_slower_than_torchs():
    linear, fastest = product_rates("cpu")
    assert 0 < linear <= fastest


def test_a_peer_that_is_none_is_named(small):
    result = CliRunner().invoke(main, ["benchmark", "embed", "--device", "cpu", "--peer", sys.executable])
    assert result.exit_code == 1
    assert f"Error: {sys.executable}: hear21passt can't be timed with it: " in result.output
    assert "No module named 'hear21passt'" in result.output
