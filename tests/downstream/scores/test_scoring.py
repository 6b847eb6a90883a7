"""Scores of a split, and why they are missing."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest

from downstream.events import decoding
from downstream.events.targets import PostProcessing, postprocessing_grid
from downstream.scores import scoring
from downstream.scores.metrics import METRICS
from downstream.scores.scoring import Scorer
from downstream.splits import LabelledSplit
from downstream.tasks.task import Event, Task
from tests.downstream.events.plain_events import plain_decode, plain_error_rate, plain_f_measure

LABELS = ("bell", "door", "dog")
GRID = {"median_filter_ms": [100, 110, 250], "min_duration": [0, 100, 200]}


def task_of(metrics, items, embedding_type="event", grid=None):
    params = {"event_postprocessing_grid": grid} if grid else {}
    return Task(
        "made", Path(), embedding_type, "multilabel", "trainvaltest", ("train", "valid", "test"), LABELS,
        tuple(metrics), {"test": items}, evaluation_params=params,
    )  # fmt: skip


def events_and_predictions(seed=0, files=4, steps=60):
    draw = np.random.default_rng(seed)
    items = {
        f"{i}.wav": tuple(
            Event(LABELS[draw.integers(3)], start, start + 50.0 * draw.integers(0, 12))
            for start in 50.0 * draw.integers(0, steps, draw.integers(0, 9))
        )
        for i in range(files)
    }
    timestamps = np.tile(np.arange(steps) * 50.0, files)
    offsets = np.arange(files + 1) * steps
    data = LabelledSplit(
        np.zeros((len(timestamps), 1)), np.zeros((len(timestamps), 3)), tuple(items), offsets, timestamps
    )
    return items, data, draw.random((len(timestamps), 3)).astype(np.float32) ** 0.5


def plain_scores(items, data, predictions, setting):
    pairs = []
    for i, file in enumerate(data.files):
        rows = slice(data.offsets[i], data.offsets[i + 1])
        pairs.append((items[file], plain_decode(predictions[rows], data.timestamps[rows], LABELS, setting)))
    f, precision, recall = plain_f_measure(pairs, 0.2)
    name = "event_onset_200ms_fms"
    return {name: f, f"{name}_precision": precision, f"{name}_recall": recall, "segment_1s_er": plain_error_rate(pairs)}


@pytest.mark.parametrize("seed", range(5))
def test_a_validation_is_that_of_plain_loops(seed):
    items, data, predictions = events_and_predictions(seed)
    task = task_of(["event_onset_200ms_fms", "segment_1s_er"], items, grid=GRID)
    every = {
        setting: plain_scores(items, data, predictions, setting)
        for setting in postprocessing_grid(task.evaluation_params)
    }
    scores, setting = Scorer(task, "test", data).validate(predictions)
    best = max(every, key=lambda each: (every[each]["event_onset_200ms_fms"], each))
    assert setting == best
    assert scores == {name: score for name, score in every[best].items() if name.startswith("event_onset_200ms_fms")}
    every_score = Scorer(task, "test", data).scores(predictions, best)
    assert list(every_score) == list(every[best])
    assert every_score == every[best]


@pytest.mark.parametrize("embedding_type", ["event", "scene"])
def test_a_validation_computes_the_primary_metric_alone(monkeypatch, embedding_type):
    items, data, predictions = events_and_predictions()
    primary, second = {
        "event": ("event_onset_200ms_fms", "segment_1s_er"), "scene": ("mAP", "aucroc"),
    }[embedding_type]  # fmt: skip
    never = dataclasses.replace(METRICS[second], score=lambda *arrays: 1 / 0)
    monkeypatch.setitem(METRICS, second, never)
    scorer = Scorer(task_of([primary, second], items, embedding_type, grid=GRID), "test", data)
    scores, _ = scorer.validate(predictions)
    assert next(iter(scores)) == primary
    with pytest.raises(ZeroDivisionError):
        scorer.scores(predictions, PostProcessing(0, 0))


def test_settings_of_one_width_share_the_filter_and_references_are_prepared_once(monkeypatch):
    items, data, predictions = events_and_predictions()
    widths, prepared = [], []
    runs, table = decoding.runs, scoring.event_columns
    monkeypatch.setattr(decoding, "runs", lambda *args: widths.append(args[2]) or runs(*args))
    monkeypatch.setattr(scoring, "event_columns", lambda *args: prepared.append(1) or table(*args))
    scorer = Scorer(task_of(["event_onset_200ms_fms"], items, grid=GRID), "test", data)
    for _ in range(2):
        scorer.validate(predictions)
    assert widths == [(2,) * 4, (5,) * 4] * 2  # 100 and 110 ms are 2 steps of 50 ms
    assert len(prepared) == 1


def event_scores(items, predictions, metrics=("event_onset_200ms_fms", "segment_1s_er")):
    steps = 60
    offsets = np.arange(len(items) + 1) * steps
    times = np.tile(np.arange(steps) * 50.0, len(items))
    data = LabelledSplit(np.zeros((len(times), 1)), np.zeros((len(times), 3)), tuple(items), offsets, times)
    scorer = Scorer(task_of(metrics, items), "test", data)
    scores = scorer.scores(np.full((len(data.timestamps), 3), predictions), PostProcessing(0, 0))
    return scores, scorer.missing(scores)


def test_nothing_predicted_is_missing_with_the_reason():
    scores, missing = event_scores({"a.wav": (Event("bell", 0.0, 900.0),)}, 0.1)
    assert math.isnan(scores["event_onset_200ms_fms"])
    assert scores["segment_1s_er"] == 1.0
    assert missing == {"event_onset_200ms_fms": "no event was predicted"}


def test_a_split_without_events_is_missing_with_the_reason():
    for predictions in (0.1, 0.9):
        scores, missing = event_scores({"a.wav": (), "b.wav": ()}, predictions)
        assert math.isnan(scores["event_onset_200ms_fms"])
        assert math.isnan(scores["segment_1s_er"])
        assert missing == dict.fromkeys(("event_onset_200ms_fms", "segment_1s_er"), "test has no event")


def test_events_that_are_in_no_segment_are_missing_with_the_reason():
    scores, missing = event_scores({"a.wav": (Event("bell", 1000.0, 1000.0),)}, 0.9)
    assert scores["event_onset_200ms_fms_recall"] == 0.0
    assert missing == {"segment_1s_er": "no event of test is active in a segment"}


def test_a_score_that_is_defined_has_no_reason():
    scores, missing = event_scores({"a.wav": (Event("bell", 0.0, 900.0),)}, 0.9)
    assert scores["event_onset_200ms_fms"] == pytest.approx(0.5)
    assert missing == {}


def scene_missing(targets, predictions, metrics=("mAP", "aucroc", "d_prime")):
    task = task_of(metrics, {}, embedding_type="scene")
    data = LabelledSplit(np.zeros((len(targets), 1)), np.array(targets, np.float32), (), np.zeros(1), np.zeros(0))
    scorer = Scorer(task, "test", data)
    scores = scorer.scores(np.array(predictions, np.float32))
    return scores, scorer.missing(scores)


def test_labels_of_one_class_are_named():
    targets = [[1, 0, 1], [0, 0, 1], [1, 0, 1]]
    scores, missing = scene_missing(targets, [[0.9, 0.2, 0.3], [0.1, 0.4, 0.3], [0.8, 0.1, 0.2]])
    reason = "label 'door' has no positive item in test; label 'dog' has only positive items in test"
    assert missing == {"aucroc": reason, "d_prime": reason}
    assert scores["mAP"] == pytest.approx((1 + 0 + 1) / 3)
    _, missing = scene_missing([[1, 0, 0], [0, 0, 0]], [[0.9, 0.2, 0.3], [0.1, 0.4, 0.3]])
    assert missing["aucroc"] == "labels 'door', 'dog' have no positive item in test"


def test_predictions_that_are_not_finite_are_a_reason():
    _, missing = scene_missing([[1, 0, 1], [0, 1, 0]], [[np.nan, 0.1, 0.1], [0.2, 0.2, 0.2]], ("mAP", "aucroc"))
    assert missing == dict.fromkeys(("mAP", "aucroc"), "predictions are not finite")


def test_infinities_of_both_signs_are_a_reason():
    scores, missing = scene_missing([[1, 1, 1], [0, 0, 0]], [[0.9, 0.1, 0.5], [0.1, 0.9, 0.5]])
    assert scores["aucroc"] == 0.5
    assert list(missing) == ["d_prime"]
    assert "1 for one label and 0 for another" in missing["d_prime"]
