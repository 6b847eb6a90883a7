"""The JSON of a job."""

import json
from types import SimpleNamespace

import numpy as np

from ablations.units.job import EmbedderFacts, Job
from ablations.units.record import JobRecord


def test_the_keys_of_a_record_are_those_of_earlier_versions():
    embedder = EmbedderFacts.of(SimpleNamespace(fingerprint="0123456789abcdef", name="logmel@none"))
    named = SimpleNamespace(task=SimpleNamespace(name="tones", split_mode="trainvaltest"), key="tones")
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
        missing={},
        tried=((chosen.config, 0.5),),
        epochs=12,
        validation_score=0.5,
    )
    job = Job(embedder, (("mean", 160),), None, named, "task", "audio", "hear2021", 0)
    content = json.loads(json.dumps(JobRecord.of(job, [fold], "cpu", 1.23456).as_json()))
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
