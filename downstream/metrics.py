"""HEAR's metrics, by HEAR's names.

Every metric returns a dict whose first entry is its score; further entries are its parts. Scene metrics take
predictions (items, labels) and one-hot or multi-hot targets of that shape; event metrics take pairs of event lists
(reference, predicted), one a file. Sources: scikit-learn for mAP and AUC; for events sed_eval
(Mesaros et al., "Metrics for Polyphonic Sound Event Detection", 2016), micro-averaged over classes and files.
"""

import functools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching
from scipy.stats import norm
from sklearn.metrics import average_precision_score, roc_auc_score

from downstream.task import Event

Scores = dict[str, float]
EventPairs = Sequence[tuple[Sequence[Event], Sequence[Event]]]


@dataclass(frozen=True)
class Metric:
    """A metric of HEAR; `of_events` says which of the two kinds of arguments it takes."""

    name: str
    score: Callable[..., Scores]
    of_events: bool = False
    higher_is_better: bool = True


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
    """Average precision, the mean over labels."""
    return {"mAP": float(_ranking(average_precision_score, predictions, targets))}


def aucroc(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """Area under the ROC curve, the mean over labels; NaN where a label has only positives or only negatives."""
    return {"aucroc": float(_ranking(roc_auc_score, predictions, targets))}


def d_prime(predictions: np.ndarray, targets: np.ndarray) -> Scores:
    """sqrt(2) times the normal quantile of the area under the ROC curve, the mean over labels."""
    areas = _ranking(roc_auc_score, predictions, targets, average=None)
    return {"d_prime": float(np.mean(math.sqrt(2) * norm.ppf(areas)))}


def event_f_measure(pairs: EventPairs, name: str, onset_ms: float, offset_ratio: float | None = None) -> Scores:
    """F-measure of events that match one to one, at most once, as many as possible.

    A pair matches when the labels are equal, the onsets at most `onset_ms` apart and, with `offset_ratio`, the offsets
    at most that tolerance or that share of the reference's length apart, whichever is larger. Times are compared in
    seconds as float64, without slack. Precision and F-measure are NaN when nothing was predicted.
    """
    references = sum(len(reference) for reference, _ in pairs)
    predicted = sum(len(found) for _, found in pairs)
    hits = sum(_matched(reference, found, onset_ms / 1000, offset_ratio) for reference, found in pairs)
    precision = hits / predicted if predicted else math.nan
    recall = hits / references if references else math.nan
    f = 0.0 if precision == recall == 0 else 2 * precision * recall / (precision + recall)
    return {name: f, f"{name}_precision": precision, f"{name}_recall": recall}


def segment_error_rate(pairs: EventPairs, name: str, segment_ms: float) -> Scores:
    """(substitutions + deletions + insertions) / active references, counted in segments of a grid; lower is better."""
    errors = active = 0
    for reference, found in pairs:
        r, p = _segments(reference, segment_ms / 1000), _segments(found, segment_ms / 1000)
        for segment in r.keys() | p.keys():
            wanted, given = r.get(segment, set()), p.get(segment, set())
            errors += max(len(wanted), len(given)) - len(wanted & given)
            active += len(wanted)
    return {name: errors / active if active else math.nan}


def _events(name: str, onset_ms: float, offset_ratio: float | None = None) -> Metric:
    score = functools.partial(event_f_measure, name=name, onset_ms=onset_ms, offset_ratio=offset_ratio)
    return Metric(name, score, of_events=True)


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
            functools.partial(segment_error_rate, name="segment_1s_er", segment_ms=1000.0),
            of_events=True,
            higher_is_better=False,
        ),
    )
}


def get(name: str) -> Metric:
    """The metric of that name; ValueError names the known ones."""
    if name not in METRICS:
        raise ValueError(f"unknown metric {name!r}, expected one of {', '.join(METRICS)}")
    return METRICS[name]


def _matched(reference: Sequence[Event], found: Sequence[Event], onset_s: float, offset_ratio: float | None) -> int:
    """The size of the largest one-to-one matching."""
    if not reference or not found:
        return 0
    r_start, r_end = (np.array([getattr(e, side) for e in reference]) / 1000 for side in ("start", "end"))
    f_start, f_end = (np.array([getattr(e, side) for e in found]) / 1000 for side in ("start", "end"))
    same = np.array([[e.label == g.label for g in found] for e in reference])
    match = same & (np.abs(r_start[:, None] - f_start) <= onset_s)
    if offset_ratio is not None:
        tolerance = np.maximum(onset_s, offset_ratio * (r_end - r_start))
        match &= np.abs(r_end[:, None] - f_end) <= tolerance[:, None]
    return int((maximum_bipartite_matching(csr_array(match.astype(np.int8)), perm_type="column") >= 0).sum())


def _segments(events: Sequence[Event], segment_s: float) -> dict[int, set[str]]:
    """Segment number -> the labels active in it."""
    found: dict[int, set[str]] = {}
    for event in events:
        first = math.floor(event.start / 1000 / segment_s)
        for segment in range(first, math.ceil(event.end / 1000 / segment_s)):
            found.setdefault(segment, set()).add(event.label)
    return found


def _ranking(score: Callable, predictions: np.ndarray, targets: np.ndarray, average: str | None = "macro"):
    """scikit-learn's score; NaN where a probe that diverged predicts NaN.

    Labels without positives or negatives in a small split are told by the score, not by a warning each epoch.
    """
    if not np.isfinite(predictions).all():
        return math.nan
    with warnings.catch_warnings(action="ignore"):
        return score(targets, predictions, average=average)
