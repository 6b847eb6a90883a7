"""HEAR modules in studies and in the commands embed and export; and hear21passt itself."""

import json
import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from click.testing import CliRunner

from ablations.cli import main
from ablations.models import registry
from ablations.runs.run import run_study
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units.where import Where
from downstream.embedder import OWN_HOP, released
from passt import EmbeddingSpec, PasstEmbedder
from passt.catalog import checkpoints
from passt.weights.load import untrained
from results.rows.rows import RESULT_COLUMNS, read_rows
from results.tables.compose import to_markdown
from tests.ablations.hear_fakes import TORCH
from tests.conftest import tone, write_clip
from tests.reference_values import clip


def invoke(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_a_study_gives_equal_rows_in_either_process(tmp_path, hear_module, scene_task, event_task):
    tasks = [str(scene_task()), str(event_task())]
    entry = {"hear": hear_module(TORCH), "options": {"scale": 2}, "weights": "untrained-0"}
    found = []
    for place, python in (("here", {}), ("there", {"python": sys.executable})):
        file = tmp_path / f"{place}.yaml"
        file.write_text(yaml.safe_dump({"name": "mine", "models": [entry | python], "tasks": tasks}))
        outcome = run_study(Study.load(file), Where(tmp_path / place, tmp_path / "store" / place), Machine("cpu"))
        assert outcome.failures == ()
        found.append(read_rows(outcome.folder))
    columns = [*RESULT_COLUMNS, "spec", "job", "embedder_fp"]
    pd.testing.assert_frame_equal(found[0][columns], found[1][columns])
    assert set(found[0]["spec"]) == {"hear:fake_hear?scale=2@embedding@wown@smax@town@untrained-0"}
    assert set(found[0]["family"]) == {"hear"}
    assert "fake_hear†" in to_markdown(found[0])
    jobs = [json.loads(file.read_text()) for file in (outcome.folder / "jobs").glob("*.json")]
    assert {(job["hop_ms"], job["own_hop_ms"]) for job in jobs} == {(None, None), (0, 40.0)}
    widths = {path.parent.name: np.load(path).shape[1] for path in (tmp_path / "store").rglob("embedding@own.npy")}
    assert widths == {"scene": 4, "town": 3}
    with np.load(next((tmp_path / "store").rglob("town/index.npz"))) as index:
        assert index["timestamps"][:3].tolist() == [0.0, 40.0, 80.0]


def test_a_module_that_fails_does_not_stop_the_others(tmp_path, hear_module, scene_task):
    file = tmp_path / "mine.yaml"
    entries = [{"hear": hear_module(TORCH), "options": {"fault": "float16"}}, {"checkpoint": "crepe_tiny"}]
    file.write_text(yaml.safe_dump({"name": "mine", "models": entries, "tasks": [str(scene_task())]}))
    result = invoke("run", file, "--runs", tmp_path / "runs", "--store", tmp_path / "store", "--device", "cpu")
    assert result.exit_code == 1
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("Failed: ")]
    reason = "get_timestamp_embeddings returned embeddings of float16, expected float32"
    assert line == f"Failed: fake_hear: hear:fake_hear: {reason}"
    assert set(read_rows(tmp_path / "runs/mine")["model"]) == {"crepe_tiny"}


def test_the_commands_take_an_interpreter(tmp_path, of_tensorflow, scene_task):
    spec = of_tensorflow
    write_clip(tmp_path / "a.wav", tone(440, 0.5))
    options = ("--python", sys.executable, "--device", "cpu")
    result = invoke("embed", tmp_path / "a.wav", "--spec", spec, "--out", tmp_path / "out", *options)
    assert result.exit_code == 0, result.stderr
    with np.load(tmp_path / "out/a.wav.npz") as found:
        assert found["scene"].shape == (2,)
        assert found["timestamp_embeddings"].shape == (5, 1)
        assert found["timestamps"].tolist() == [50.0, 150.0, 250.0, 350.0, 450.0]
        assert (found["scene_offsets"].tolist(), found["timestamp_offsets"].tolist()) == ([0, 2], [0, 1])
        assert str(found["spec"]) == f"{spec}@embedding@wown@smax@town@published"
    result = invoke("export", spec, scene_task(), "--out", "kit", "--store", tmp_path / "store", *options)
    assert result.exit_code == 0, result.stderr
    assert json.loads(Path("kit/tones/test.embedding-dimensions.json").read_text()) == [6, 2]
    for wrong, message in (
        (("--python", "env/bin/python"), f"Error: python: no interpreter at {tmp_path / 'env/bin/python'}"),
        (("--precision", "bf16"), "Error: hear:fake_hear: precision must be fp32, got 'bf16'"),
    ):
        result = invoke("embed", tmp_path / "a.wav", "--spec", spec, "--out", tmp_path / "other", *wrong)
        assert result.exit_code == 1
        assert message in result.stderr


STUB_OF_TIMM = """
import os

def download_cached_file(url, **options):
    return os.environ["STUB_WEIGHTS"]
"""


def test_hear21passt_itself(tmp_path, monkeypatch):
    """Unmodified, in an interpreter that has it, from a file of random weights that a stub of timm hands out."""
    python = os.environ.get("HEAR21PASST_PYTHON")
    if not python:
        pytest.skip("HEAR21PASST_PYTHON names no interpreter that has hear21passt")
    (tmp_path / "timm/models").mkdir(parents=True)
    for file in ("timm/__init__.py", "timm/models/__init__.py"):
        (tmp_path / file).touch()
    (tmp_path / "timm/models/_hub.py").write_text(STUB_OF_TIMM)
    weights = tmp_path / "weights.pt"
    torch.save(untrained(checkpoints.get("passt_s_swa_p16_128_ap476"), seed=3), weights)
    monkeypatch.setenv("STUB_WEIGHTS", str(weights))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    sound, tap = clip(1.0, 1), ("embedding", None)
    with released(
        registry.build(registry.resolve("hear:hear21passt.base"), device="cpu", python=Path(python))
    ) as embedder:
        assert embedder.versions == {"hear21passt": "0.0.26"}
        scene = embedder.scene([sound], [tap])[tap]
        ((values, times),) = embedder.timestamps([sound[:8000]], [tap], OWN_HOP)
    native = PasstEmbedder(EmbeddingSpec(levels=("logits", "features")), weights=weights, device="cpu")
    wanted, wanted_times = native.timestamp_embedding(sound[None, :8000])
    assert torch.equal(times.float(), wanted_times)
    assert (scene - native.scene_embedding(sound[None])).abs().max() < 2e-5
    assert (values[tap] - wanted[0]).abs().max() < 2e-5
    assert scene.abs().max() > 0.1
