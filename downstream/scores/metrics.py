"""HEAR's metrics, by HEAR's names.

Every metric returns a dict whose first entry is its score; further entries are its parts. Scene metrics take
predictions (items, labels) and targets of the same shape, one-hot or multi-hot; event metrics take `EventColumns`, the
reference and the prediction. Sources: scikit-learn for mAP and AUC; sed_eval for events (`downstream.events.metrics`).
"""

import functools
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from downstream.disk.choices import choices
from downstream.events.columns import EventColumns
from downstream.events.metrics import event_counts, event_f_measure, segment_counts, segment_error_rate

Scores = dict[str, float]


@dataclass(frozen=True)
class Metric:
    """A metric of HEAR.

    Attributes:
        name: HEAR's.
        score: (predictions, targets) or (reference, predicted) -> the score and its parts.
        counts: (reference, predicted) -> (files, numbers), whose sums make the score; None for scene metrics.
        higher_is_better: whether a higher score is better.
    """

    name: str
    score: Callable[..., Scores]
    counts: Callable[[EventColumns, EventColumns], np.ndarray] | None = None
    higher_is_better: bool = True

    @property
    def of_events(self) -> bool:
        """Whether it takes events, rather than predictions and targets."""
        return self.counts is not None


def top1_acc(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """The share of items whose most probable label is right.

    >>> top1_acc(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([[1, 0], [0, 1]]))
    {'top1_acc': 0.5}
    """
    return {"top1_acc": float(np.mean(predictions.argmax(1) == targets.argmax(1)))}


def pitch_acc(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """top1_acc over pitches."""
    return {"pitch_acc": top1_acc(predictions, targets)["top1_acc"]}


def chroma_acc(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """Like pitch_acc, but octaves don't count: label indices are compared modulo 12.

    >>> octave = np.eye(24)[[0, 12]]
    >>> chroma_acc(octave, octave[::-1]), pitch_acc(octave, octave[::-1])
    ({'chroma_acc': 1.0}, {'pitch_acc': 0.0})
    """
    return {"chroma_acc": float(np.mean(predictions.argmax(1) % 12 == targets.argmax(1) % 12))}


def mean_average_precision(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """Average precision, the mean over labels.

    A label without positives counts as 0, as in scikit-learn and the kit.

    For a test without any positive item it is reported as missing (`downstream.scores.missing`).

    >>> mean_average_precision(np.array([[0.9, 0.1], [0.2, 0.3]]), np.array([[1, 0], [0, 0]]))
    {'mAP': 0.5}
    """
    return {"mAP": float(_ranking(average_precision_score, predictions, targets))}


def aucroc(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """Area under the ROC curve, the mean over labels.

    It is NaN if a label has only positives or only negatives.

    >>> aucroc(np.array([[0.9], [0.2], [0.4]]), np.array([[1], [1], [0]]))
    {'aucroc': 0.5}
    """
    return {"aucroc": float(_ranking(roc_auc_score, predictions, targets))}


def d_prime(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """sqrt(2) times the normal quantile of the area under the ROC curve, the mean over labels.

    It is infinite if the area of a label is 1 or 0, and NaN if a label has only positives or only negatives.

    >>> d_prime(np.array([[0.9], [0.2], [0.4]]), np.array([[1], [1], [0]]))
    {'d_prime': 0.0}
    """
    areas = _ranking(roc_auc_score, predictions, targets, average=None)
    with np.errstate(invalid="ignore"):  # the mean of inf and -inf
        return {"d_prime": float(np.mean(math.sqrt(2) * norm.ppf(areas)))}


def _events(name: str, onset_ms: float, offset_ratio: float | None = None) -> Metric:
    score = functools.partial(event_f_measure, name=name, onset_ms=onset_ms, offset_ratio=offset_ratio)
    counts = functools.partial(event_counts, onset_ms=onset_ms, offset_ratio=offset_ratio)
    return Metric(name, score, counts)


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
    """The metric of a name; ValueError names the known metrics."""
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}{choices(name, METRICS)}")
    return METRICS[name]


def _ranking(
    score: Callable[..., Any], predictions: np.ndarray, targets: np.ndarray, average: str | None = "macro"
) -> Any:
    """scikit-learn's score; NaN if a probe diverged and predicts NaN.

    Warnings are off: a label without positives or negatives shows in the score, and would warn in every epoch.
    """
    if not np.isfinite(predictions).all():
        return math.nan
    with warnings.catch_warnings(action="ignore"):
        return score(targets, predictions, average=average)
