"""HEAR's metrics, by HEAR's names.

Every metric returns a dict whose first entry is its score; further entries are its parts. Scene metrics take
predictions (items, labels) and one-hot or multi-hot targets of that shape; event metrics take two `EventColumns`s,
reference and predicted. Sources: scikit-learn for mAP and AUC; sed_eval for events (`downstream/events/metrics.py`).
"""

import functools
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from downstream.events.columns import EventColumns
from downstream.events.metrics import event_counts, event_f_measure, segment_counts, segment_error_rate

Scores = dict[str, float]


@dataclass(frozen=True)
class Metric:
    """A metric of HEAR.

    Attributes:
        counts: of event metrics alone: (reference, predicted) -> (files, numbers), of whose sums the score is made.
    """

    name: str
    score: Callable[..., Scores]
    counts: Callable[[EventColumns, EventColumns], np.ndarray] | None = None
    higher_is_better: bool = True

    @property
    def of_events(self) -> bool:
        """Which of the two kinds of arguments it takes."""
        return self.counts is not None


def top1_acc(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """The share of items whose most probable label is the right one."""
    return {"top1_acc": float(np.mean(predictions.argmax(1) == targets.argmax(1)))}


def pitch_acc(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """top1_acc over pitches."""
    return {"pitch_acc": top1_acc(predictions, targets)["top1_acc"]}


def chroma_acc(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """pitch_acc that forgives octaves: label indices are compared modulo 12."""
    return {"chroma_acc": float(np.mean(predictions.argmax(1) % 12 == targets.argmax(1) % 12))}


def mean_average_precision(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """Average precision, the mean over labels; a label without positives counts as 0, as in scikit-learn and kit.

    Of a test without any positive item it is reported as missing (`downstream.scores.missing`).
    """
    return {"mAP": float(_ranking(average_precision_score, predictions, targets))}


def aucroc(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """Area under the ROC curve, the mean over labels; NaN where a label has only positives or only negatives."""
    return {"aucroc": float(_ranking(roc_auc_score, predictions, targets))}


def d_prime(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """sqrt(2) times the normal quantile of the area under the ROC curve, the mean over labels.

    Infinite where the area of a label is 1 or 0; NaN where a label has only positives or only negatives.
    """
    areas = _ranking(roc_auc_score, predictions, targets, average=None)
    with np.errstate(invalid="ignore"):  # the mean of both infinities
        return {"d_prime": float(np.mean(math.sqrt(2) * norm.ppf(areas)))}


def _events(name: str, onset_ms: float, offset_ratio: float | None = None) -> Metric:
    of = functools.partial(event_f_measure, onset_ms=onset_ms, offset_ratio=offset_ratio)
    counts = functools.partial(event_counts, onset_ms=onset_ms, offset_ratio=offset_ratio)
    return Metric(name, functools.partial(of, name=name), counts)


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("top1_acc", top1_acc),
        Metric("pitch_acc", pitch_acc),
        Metric("chroma_acc", chroma_acc),
        Metric("mAP", mean_average_precision),
        Metric("aucroc", aucroc),
        Metric("d_prime", d_prime),
        _events("event_onset_200ms_fms", 200.0),
        _events("event_onset_50ms_fms", 50.0),
        _events("event_onset_offset_50ms_20perc_fms", 50.0, 0.2),
        Metric(
            "segment_1s_er",
            functools.partial(segment_error_rate, name="segment_1s_er"),
            segment_counts,
            higher_is_better=False,
        ),
    )
}


def get(name: str) -> Metric:
    """The metric of that name; ValueError names the known ones."""
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}, expected one of {', '.join(METRICS)}")
    return METRICS[name]


def _ranking(score: Callable, predictions: np.ndarray, targets: np.ndarray, average: str | None = "macro"):
    """scikit-learn's score; NaN where a probe that diverged predicts NaN.

    Labels without positives or negatives in a small split are told by the score, not by a warning each epoch.
    """
    if not np.isfinite(predictions).all():
        return math.nan
    with warnings.catch_warnings(action="ignore"):
        return score(targets, predictions, average=average)
