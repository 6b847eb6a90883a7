"""The script that drives hear-eval-kit, against a package of its name that does what matters of it."""

import json
import sys
from pathlib import Path

import pytest

from ablations.kit import process

PREDICTIONS = """
import json, random

import torch

class AbstractPredictionModel:
    current_epoch = 0

class Stored:
    pass

def seed_everything(seed, workers=False):
    random.seed(seed)
    torch.manual_seed(seed)

def task_predictions_test(embedding_path, grid_point, metadata):
    return grid_point.predictor.epoch_best_postprocessing_or_default(99)

class Of:
    pass

def task_predictions(embedding_path, embedding_size, grid_points, gpus, in_memory, deterministic, grid, logger):
    print("noise that is no JSON")
    seed_everything(42, workers=False)
    torch.save(Stored(), embedding_path / "model")
    torch.load(embedding_path / "model")
    for _ in range(grid_points):
        AbstractPredictionModel().on_train_epoch_end()
    point = Of()
    point.predictor, point.postprocessing = Of(), [["min_duration", 125]]
    chosen = task_predictions_test(embedding_path=embedding_path, grid_point=point, metadata={})
    seen = {"shuffled": random.random(), "drawn": torch.rand(1).item(), "chosen": chosen, "dim": embedding_size,
             "gpus": gpus, "threads": torch.get_num_threads()}
    (embedding_path / "test.predicted-scores.json").write_text(json.dumps(seen))
"""
EMBEDDINGS = """
import tensorflow as tf
import passt.hear

class Embedding:
    def __init__(self, module, path, options):
        assert not isinstance(self, tf.Module) and path is None
        self.text = f"{module} {options['spec']}"

def task_embeddings(embedding, task, out):
    out.write_text(f"{embedding.text} {task.name}")
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package `heareval` that the script finds, in this interpreter."""
    for folder, name, text in (
        ("predictions", "task_predictions", PREDICTIONS),
        ("embeddings", "task_embeddings", EMBEDDINGS),
    ):
        (tmp_path / "heareval" / folder).mkdir(parents=True)
        (tmp_path / "heareval" / folder / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "task_metadata.json").write_text(json.dumps({"splits": ["train"]}))
    (folder / "train.embedding-dimensions.json").write_text("[10, 7]")
    return folder


def test_an_answer_a_seed_the_grid_as_ever(package):
    request = {"folder": str(package), "seeds": [3, 4, 3], "grid_points": 5}
    answers = list(process.ask(Path(sys.executable), request, threads=1))
    assert [answer["seed"] for answer in answers] == [3, 4, 3]
    assert [answer["epochs"] for answer in answers] == [5, 5, 5]
    assert all(answer["seconds"] > 0 for answer in answers)
    first, second, third = (answer["scores"] for answer in answers)
    assert first["shuffled"] == second["shuffled"] == third["shuffled"]
    assert first["drawn"] == third["drawn"] != second["drawn"]
    assert first["chosen"] == [["min_duration", 125]]
    assert (first["dim"], first["gpus"], first["threads"]) == (7, None, 1)


def test_embeddings_without_tensorflow(package, tmp_path):
    request = {
        "module": "passt.hear",
        "options": {"spec": "base"},
        "task": str(package),
        "out": str(tmp_path / "out"),
    }
    (answer,) = process.ask(Path(sys.executable), request, threads=1)
    assert set(answer) == {"seconds"}
    assert (tmp_path / "out").read_text() == "passt.hear base task"


def test_what_the_kit_says_last_is_the_error(package):
    (package / "train.embedding-dimensions.json").unlink()
    request = {"folder": str(package), "seeds": [0], "grid_points": 1}
    with pytest.raises(ValueError, match="ended with status 1: FileNotFoundError: .*train.embedding-dimensions.json"):
        list(process.ask(Path(sys.executable), request, threads=1))


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("sleep 60", "gave no answer in 0.2 s and was ended"),
        ("yes", "Expecting value"),
        ("yes | tr -d '\\n'", "printed a line of more than 1048576 bytes"),
        ("echo '{}'; sleep 60", r"gave no answer in 0.3 s and was ended; \$ABLATE_KIT_TIMEOUT sets the seconds"),
    ],
)
def test_an_interpreter_that_never_answers_is_ended(tmp_path, monkeypatch, script, message):
    monkeypatch.setattr(process, "START_S", 0.2 if script == "sleep 60" else 20)
    monkeypatch.setenv("ABLATE_KIT_TIMEOUT", "0.3")
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    with pytest.raises(ValueError, match=f"kit: {python} {message}"):
        list(process.ask(python, {}, threads=1))
