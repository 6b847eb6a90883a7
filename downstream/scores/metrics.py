"""HEAR's metrics, by HEAR's names, and those of regression.

Every metric returns a dict whose first entry is its score; further entries are its parts. Scene metrics take
predictions (items, labels) and targets of the same shape, one-hot, multi-hot or numbers; event metrics take
`EventColumns`, the reference and the prediction. Sources: scikit-learn for mAP and AUC (`downstream.scores.ranking`);
sed_eval for events (`downstream.events.metrics`); scikit-learn and scipy for regression (`downstream.scores.numeric`).
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from downstream.disk.choices import closest
from downstream.events.columns import EventColumns
from downstream.events.metrics import event_counts, event_f_measure, segment_counts, segment_error_rate
from downstream.scores import numeric
from downstream.scores.ranking import Ranking

Scores = dict[str, float]
StackedScore = Callable[[Tensor], Tensor]
"""Probabilities of many probes (probes, labels, items) -> their scores (probes,), float64, on the same device."""


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: HEAR's, or of regression.
        score: (predictions, targets) or (reference, predicted) -> the score and its parts.
        counts: (reference, predicted) -> (files, numbers), whose sums make the score; None for scene metrics.
        higher_is_better: whether a higher score is better.
        stacked: targets (labels, items) -> the scores of many probes, computed on the device of the targets; None for
            a metric that takes arrays alone.
        of_numbers: whether it takes numbers, rather than labels or events.
    """

    name: str
    score: Callable[..., Scores]
    counts: Callable[[EventColumns, EventColumns], np.ndarray] | None = None
    higher_is_better: bool = True
    stacked: Callable[[Tensor], StackedScore] | None = None
    of_numbers: bool = False

    @property
    def of_events(self) -> bool:
        """Whether it takes events, rather than predictions and targets."""
        return self.counts is not None

    def foreign_to(self, embedding_type: str, prediction_type: str) -> str:
        """Which type of a task it is no metric of; "" if it is one of such tasks."""
        if self.of_events != (embedding_type == "event"):
            return embedding_type
        return prediction_type if self.of_numbers != (prediction_type == "regression") else ""


def top1_acc(targets: Tensor) -> StackedScore:
    """The share of items whose most probable label is right; the first label wins a tie.

    >>> METRICS["top1_acc"].score(np.array([[0.9, 0.1], [0.8, 0.2]]), np.array([[1, 0], [0, 1]]))
    {'top1_acc': 0.5}
    """
    return _share(targets, lambda labels: labels)


def chroma_acc(targets: Tensor) -> StackedScore:
    """Like top1_acc over pitches, but octaves don't count: label indices are compared modulo 12.

    >>> octave = np.eye(24)[[0, 12]]
    >>> METRICS["chroma_acc"].score(octave, octave[::-1]), METRICS["pitch_acc"].score(octave, octave[::-1])
    ({'chroma_acc': 1.0}, {'pitch_acc': 0.0})
    """
    return _share(targets, lambda labels: labels % 12)


def mean_average_precision(targets: Tensor) -> StackedScore:
    """Average precision, the mean over labels.

    A label without positives counts as 0, as in scikit-learn and the kit. For a test without any positive item it is
    reported as missing (`downstream.scores.missing`).

    >>> METRICS["mAP"].score(np.array([[0.9, 0.1], [0.2, 0.3]]), np.array([[1, 0], [0, 0]]))
    {'mAP': 0.5}
    """
    ranking = Ranking(targets)
    return lambda predictions: ranking.average_precisions(predictions).mean(dim=1)


def aucroc(targets: Tensor) -> StackedScore:
    """Area under the ROC curve, the mean over labels.

    It is NaN if a label has only positives or only negatives.

    >>> METRICS["aucroc"].score(np.array([[0.9], [0.2], [0.4]]), np.array([[1], [1], [0]]))
    {'aucroc': 0.5}
    """
    ranking = Ranking(targets)
    return lambda predictions: ranking.areas(predictions).mean(dim=1)


def d_prime(targets: Tensor) -> StackedScore:
    """sqrt(2) times the normal quantile of the area under the ROC curve, the mean over labels.

    It is infinite if the area of a label is 1 or 0, and NaN if a label has only positives or only negatives.

    >>> METRICS["d_prime"].score(np.array([[0.9], [0.2], [0.4]]), np.array([[1], [1], [0]]))
    {'d_prime': 0.0}
    """
    ranking = Ranking(targets)
    return lambda predictions: (math.sqrt(2) * torch.special.ndtri(ranking.areas(predictions))).mean(dim=1)


def _share(targets: Tensor, compared: Callable[[Tensor], Tensor]) -> StackedScore:
    """The share of items for which something of the most probable label is the same as of the right one."""
    right, items = compared(targets.argmax(dim=0)), targets.shape[1]
    return lambda predictions: (compared(predictions.argmax(dim=1)) == right).sum(dim=1).double() / items


def _of_scenes(name: str, stacked: Callable[[Tensor], StackedScore]) -> Metric:
    def score(predictions: np.ndarray, targets: np.ndarray) -> Scores:
        dtype = np.float32 if predictions.dtype == np.float32 else np.float64
        rows, right = (
            torch.from_numpy(np.require(values, kind, ["C", "W"])).T
            for values, kind in ((predictions, dtype), (targets, np.float32))
        )
        return {name: stacked(right)(rows[None]).item()}

    return Metric(name, score, stacked=stacked)


def _of_numbers(name: str, stacked: Callable[[Tensor], StackedScore], *, higher_is_better: bool) -> Metric:
    return replace(_of_scenes(name, stacked), higher_is_better=higher_is_better, of_numbers=True)


def _events(name: str, onset_ms: float, offset_ratio: float | None = None) -> Metric:
    score = functools.partial(event_f_measure, name=name, onset_ms=onset_ms, offset_ratio=offset_ratio)
    counts = functools.partial(event_counts, onset_ms=onset_ms, offset_ratio=offset_ratio)
    return Metric(name, score, counts)


METRICS: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (
        _of_scenes("top1_acc", top1_acc),
        _of_scenes("pitch_acc", top1_acc),
        _of_scenes("chroma_acc", chroma_acc),
        _of_scenes("mAP", mean_average_precision),
        _of_scenes("aucroc", aucroc),
        _of_scenes("d_prime", d_prime),
        _events("event_onset_200ms_fms", 200.0),
        _events("event_onset_50ms_fms", 50.0),
        _events("event_onset_offset_50ms_20perc_fms", 50.0, 0.2),
        Metric(
            "segment_1s_er",
            functools.partial(segment_error_rate, name="segment_1s_er"),
            segment_counts,
            higher_is_better=False,
        ),
        _of_numbers("r2", numeric.r2, higher_is_better=True),
        _of_numbers("pearson", numeric.pearson, higher_is_better=True),
        _of_numbers("rmse", numeric.rmse, higher_is_better=False),
        _of_numbers("mae", numeric.mae, higher_is_better=False),
    )
}


def get(name: str) -> Metric:
    """The metric of a name; ValueError names the known metrics."""
    if name not in METRICS:
        hint = "".join(f" (did you mean {near!r}?)" for near in closest(name, METRICS, 1))
        raise ValueError(f"unknown metric {name!r}{hint}; expected one of {', '.join(METRICS)}")
    return METRICS[name]
