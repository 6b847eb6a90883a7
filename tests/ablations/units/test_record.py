"""The JSON of a job."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from ablations.units.job import EmbedderFacts, Job
from ablations.units.record import JobRecord
from downstream.pooling.pooling import Pooling
from results.rows.rows import rows_of


def record(job, **of_fold):
    """The JSON of a job of one fold."""
    chosen = SimpleNamespace(
        config=SimpleNamespace(hidden_layers=1, lr=1e-3, init="xavier_uniform"),
        best=SimpleNamespace(score=0.5, epoch=3),
    )
    fold = SimpleNamespace(
        fold=SimpleNamespace(name="test"),
        chosen=chosen,
        postprocessing=None,
        test_loss=0.25,
        scores={"top1_acc": np.float64(0.5)},
        tried=((chosen.config, 0.5),),
        epochs=12,
        validation_score=0.5,
        **{"missing": {}, "level_weights": None, **of_fold},
    )
    return json.loads(json.dumps(JobRecord.of(job, [fold], "cpu", 1.23456).as_json()))


def job_of(*taps, **fields):
    embedder = EmbedderFacts.of(SimpleNamespace(fingerprint="0123456789abcdef", name="logmel@none"))
    named = SimpleNamespace(task=SimpleNamespace(name="tones", split_mode="trainvaltest"), key="tones")
    return Job(embedder, taps, None, named, "task", "audio", "hear2021", 0, **fields)


def test_the_keys_of_a_record_are_those_of_earlier_versions():
    content = record(job_of(("mean", 160)))
    assert list(content) == [
        *("job", "embedder", "embedder_fp", "taps", "hop_ms", "own_hop_ms", "task_folder", "task_fp", "split_mode"),
        *("protocol", "seed", "precision", "device", "versions", "seconds", "folds"),
    ]
    assert (content["taps"], content["precision"], content["seconds"]) == ([["mean", 160]], "fp32", 1.235)
    assert list(content["folds"][0]) == [
        *("fold", "scores", "missing", "test_loss", "validation_score", "hidden_layers", "lr", "init", "setting"),
        *("epoch", "epochs_trained", "postprocessing", "tried"),
    ]
    probe = {"hidden_layers": 1, "lr": 1e-3, "init": "xavier_uniform", "setting": None}
    tried = {**probe, "validation_score": 0.5}
    assert content["folds"][0]["tried"] == [tried]


def test_a_pooling_and_the_weights_of_levels_are_recorded():
    job = job_of(("block2", 160), ("block1", 160), pooling=Pooling("weighted", 2))
    content = record(job, level_weights=(0.25, 0.75))
    assert content["pooling"] == "weighted"
    assert content["folds"][0]["level_weights"] == {"block2": 0.25, "block1": 0.75}
    assert list(content)[-2:] == ["folds", "pooling"]
    assert "level_weights" not in record(replace(job, pooling=Pooling("attention", 12)))["folds"][0]


def test_weights_of_levels_become_rows_that_are_no_scores():
    job = job_of(("block1", 160), ("block2", 160), pooling=Pooling("weighted", 2))
    score, *weights = rows_of(record(job, level_weights=(0.25, 0.75), missing={"top1_acc": "why"}), {"model": "a"})
    assert (score["metric"], score["primary"], score["score"], score["reason"]) == ("top1_acc", True, 0.5, "why")
    columns = ("metric", "primary", "score", "reason", "model", "fold", "lr")
    assert [[row[name] for name in columns] for row in weights] == [
        ["weight.block1", False, 0.25, None, "a", "test", 1e-3],
        ["weight.block2", False, 0.75, None, "a", "test", 1e-3],
    ]
