"""The benchmark of encoders compares with the library, on tiny networks here."""

import json

import pytest
from click.testing import CliRunner

from ablations.benchmarks import encoders
from ablations.cli import main
from tests.ablations.models.hf.tiny import KINDS


@pytest.fixture
def tiny(monkeypatch):
    kinds = {
        "ast": (KINDS["ast"][0], dict(KINDS["ast"][1]), KINDS["ast"][2], "ASTFeatureExtractor"),
        "wav2vec2": (KINDS["hubert"][0], dict(KINDS["hubert"][1]), KINDS["hubert"][2], "Wav2Vec2FeatureExtractor"),
    }
    monkeypatch.setattr(encoders, "KINDS", kinds)
    monkeypatch.setattr(encoders, "SECONDS", (1,))
    monkeypatch.setattr(encoders, "SOUND_S", {"cpu": 2})
    monkeypatch.setattr(encoders, "REPEATS", 1)


def test_the_command_writes_numbers_and_ratios(tiny, tmp_path):
    out = tmp_path / "encoders.json"
    result = CliRunner().invoke(main, ["benchmark", "encoders", "--device", "cpu", "--out", str(out)])
    assert result.exit_code == 0, result.output
    record = json.loads(out.read_text())
    assert [row["kind"] for row in record["rows"]] == ["ast", "wav2vec2"]
    assert record["versions"]["transformers"]
    for row in record["rows"]:
        assert set(row) == set(encoders.COLUMNS)
        assert row["largest_difference"] < 1e-5
        assert row["times_library"] == pytest.approx(row["library_seconds"] / row["seconds"])


def test_every_length_is_a_row(tiny):
    rows = encoders.measure(["wav2vec2"], lengths=(1, 2), device="cpu").rows
    assert [(row["clips"], row["clip_seconds"]) for row in rows] == [(2, 1), (1, 2)]
    assert all(row["largest_difference"] < 1e-5 for row in rows)


def test_an_unknown_kind(tiny):
    result = CliRunner().invoke(main, ["benchmark", "encoders", "bert"])
    assert result.exit_code == 1
    assert "unknown kind 'bert'; expected one of ast, wav2vec2" in result.output
