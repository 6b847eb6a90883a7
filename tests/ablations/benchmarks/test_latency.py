"""The benchmark of latency: what it waits for follows from the spec, and what it times is one timestamp alone."""

import json
import math

import pytest
import torch
from click.testing import CliRunner

from ablations.benchmarks import latency
from ablations.cli import main
from ablations.models import registry
from ablations.models.lookahead import lookahead_ms
from downstream.lookahead import looking_ahead
from tests.ablations.models.hf import tiny


@pytest.fixture
def short(monkeypatch):
    """A few repeats of little sound."""
    monkeypatch.setattr(latency, "repeated", lambda run: run() and [0.01] * 18 + [0.02, 0.06])
    monkeypatch.setattr(latency, "BATCH_S", {"cpu": 0.25})
    monkeypatch.setattr(latency, "BATCH_REPEATS", 1)
    monkeypatch.setattr(latency, "sounds", lambda clips, seconds, rate: [torch.zeros(int(seconds * rate))] * clips)
    monkeypatch.setattr(latency.os, "getloadavg", lambda: (0.0, 0.0, 0.0))


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return f"hf:{tiny.save('hubert', tmp_path_factory.mktemp('encoder') / 'hubert')}"


@pytest.mark.parametrize(
    ("text", "wait"),
    [
        ("passt_demo@w160", 80),
        ("passt_demo@features+mel@w160+640@t100", 320),
        ("passt_demo@mel", 30),
        ("mn04_as@w320", 160),
        ("passt_demo@features@w160+640@ahead0", 0),
        ("mn04_as@w320@ahead40", 40),
        ("crepe_tiny", 32),
        ("logmel@w50", 25),
        ("logmel@w50 ++ crepe_tiny", 32),
    ],
)
def test_a_stream_waits_for_half_of_the_longest_excerpt(text, wait):
    assert lookahead_ms(registry.resolve(text)) == wait


def test_whole_clips_are_never_complete_and_other_models_are_not_known(encoder):
    assert lookahead_ms(registry.resolve(encoder)) == math.inf
    assert lookahead_ms(registry.resolve(f"{encoder}@w200")) == 100
    assert math.isnan(lookahead_ms(registry.resolve("hear:some.module")))


@pytest.mark.parametrize(
    "text", ["passt_demo@block1+mel@w160+320", "passt_demo@mel", "crepe_tiny", "logmel@w50@ahead0"]
)
def test_one_timestamp_is_computed_alone(text):
    spec = registry.resolve(text)
    embedder = registry.build(spec, device="cpu")
    stream = latency.Stream.of(spec, embedder.sample_rate)
    seeing = looking_ahead(embedder, spec.lookahead_ms)
    ((values, times),) = seeing.timestamps([torch.rand(stream.samples)], spec.timestamp_taps(), stream.step_ms)
    assert times.tolist() == [0]
    assert all(len(value) == 1 for value in values.values())
    longest = max([window for _, window in spec.timestamp_taps() if window], default=2 * stream.lookahead_ms)
    assert stream.samples == embedder.sample_rate * longest // 1000
    assert stream.every_ms == 50


def test_the_command_writes_what_a_stream_would_see(short, encoder, tmp_path):
    out = tmp_path / "latency.json"
    words = ["benchmark", "latency", f"{encoder}@block1", "passt_demo@block1@w160+320@ahead20", "--window", "200"]
    before = torch.get_num_threads()
    result = CliRunner().invoke(main, [*words, "--device", "cpu", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert torch.get_num_threads() == before
    record = json.loads(out.read_text())
    assert record["busy"] is False
    rows = record["rows"]
    assert set(record["columns"]) == set(rows[0])
    assert [row["windows"] for row in rows] == ["200", "own", "160+320"]
    assert [row["sound_ms"] for row in rows] == [200, 10000, 320]
    assert [row["lookahead_ms"] for row in rows] == [100, 10000, 20]
    assert [row["every_ms"] for row in rows] == [50, 10000, 50]
    for row in rows:
        assert row["threads"] == before == 1
        assert row["compute_ms"] == pytest.approx(10)
        assert 20 < row["compute_p95_ms"] < 60
        assert row["total_ms"] == pytest.approx(row["lookahead_ms"] + 10)
        assert row["stream_factor"] == pytest.approx(10 / row["every_ms"])
        assert row["keeps_up"] is True
        assert row["batch_factor"] > 0


def test_a_computation_that_is_late_at_times_does_not_keep_up(short, monkeypatch):
    monkeypatch.setattr(latency, "repeated", lambda run: [0.01] * 18 + [0.06] * 2)
    (row,) = latency.measure(["logmel@w50"], device="cpu").rows
    assert row["stream_factor"] == pytest.approx(0.2)
    assert row["keeps_up"] is False


def test_every_number_of_threads_is_a_row_and_is_given_back(short, monkeypatch):
    threads = [2]
    monkeypatch.setattr(latency.torch, "get_num_threads", lambda: threads[-1])
    monkeypatch.setattr(latency.torch, "set_num_threads", threads.append)
    rows = latency.measure(["logmel@w50"], device="cpu").rows
    assert [row["threads"] for row in rows] == [1, 2]
    assert threads == [2, 1, 2, 2, 2]


def test_windows_are_those_of_the_spec_or_all_that_a_model_takes(encoder):
    assert [spec.windows_ms for spec in latency._specs("passt_demo", ())] == [(160,), (320,), (640,)]
    assert [spec.windows_ms for spec in latency._specs("passt_demo@w500", (160,))] == [(500,)]
    assert [spec.windows_ms for spec in latency._specs("crepe_tiny", (160,))] == [()]
    assert [spec.windows_ms for spec in latency._specs("2level", (500,))] == [(160, 640)]
    assert latency._specs("mn04_as", (160,))[0].weights == "untrained-0"
    assert [spec.windows_ms for spec in latency._specs(encoder, (100,))] == [(100,), ()]
    with pytest.raises(ValueError, match="windows_ms must be .* got 1 ms"):
        latency._specs("passt_demo", (1,))


def test_models_side_by_side_are_measured_one_by_one():
    with pytest.raises(ValueError, match="one model"):
        latency._specs("logmel@w50 ++ crepe_tiny", ())


def test_repeats_are_bounded_by_number_and_time(monkeypatch):
    clock = iter(range(10**6)).__next__
    monkeypatch.setattr(latency.time, "perf_counter", lambda: clock() * 0.01)
    calls = []
    seconds = latency.repeated(lambda: calls.append(None))
    assert sum(seconds) == pytest.approx(latency.ENOUGH_S)
    assert len(calls) == latency.WARM_UP + len(seconds)
    monkeypatch.setattr(latency.time, "perf_counter", lambda: clock() * 1e-5)
    assert len(latency.repeated(lambda: None)) == latency.MOST
    monkeypatch.setattr(latency.time, "perf_counter", lambda: clock() * 10.0)
    assert len(latency.repeated(lambda: None)) == latency.LEAST


def test_other_work_on_the_machine_is_named(short, monkeypatch):
    monkeypatch.setattr(latency.os, "getloadavg", lambda: (100.0, 0.0, 0.0))
    record = latency.measure(["logmel@w50"], device="cpu")
    assert record.facts["busy"] is True
    assert "Other work ran when this began (load 100.0)" in record.to_markdown()
