"""HEAR's metrics of events, for all files and labels of a split at once.

Definitions: sed_eval (Mesaros et al., "Metrics for Polyphonic Sound Event Detection", 2016), micro-averaged over labels
and files.
"""

import math

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from downstream.events.columns import EventColumns, spread


def event_f_measure(
    reference: EventColumns, predicted: EventColumns, name: str, onset_ms: float, offset_ratio: float | None = None
) -> dict[str, float]:
    """F-measure, precision and recall of events that are matched one to one, as many as possible.

    A pair matches if file and label are equal, the onsets differ by at most `onset_ms` and, with `offset_ratio`, the
    offsets differ by at most the larger of that tolerance and that share of the reference's length. Times are compared
    in s as float64, without slack. Precision and F-measure are NaN if nothing was predicted, recall and F-measure if
    there is no reference event.

    Args:
        name: of the metric, the first key of the result.
    """
    hits = int(_matched(reference, predicted, onset_ms, offset_ratio).sum())
    precision = hits / len(predicted) if len(predicted) else math.nan
    recall = hits / len(reference) if len(reference) else math.nan
    f = 0.0 if precision == recall == 0 else 2 * precision * recall / (precision + recall)
    return {name: f, f"{name}_precision": precision, f"{name}_recall": recall}


def segment_error_rate(reference: EventColumns, predicted: EventColumns, name: str) -> dict[str, float]:
    """(substitutions + deletions + insertions) / active references, in segments of 1 s.

    Lower is better.

    A segment has max(references, predictions) - hits errors. The rate is NaN if no reference is active, where sed_eval
    divides by 2.2e-16.
    """
    references, predictions = reference.active, predicted.active
    hits = len(np.intersect1d(references, predictions, assume_unique=True))
    segments, sizes = np.unique(references // reference.labels, return_counts=True)
    predicted_segments, predicted_sizes = np.unique(predictions // reference.labels, return_counts=True)
    _, i, j = np.intersect1d(segments, predicted_segments, assume_unique=True, return_indices=True)
    fewer = np.minimum(sizes[i], predicted_sizes[j]).sum()  # max(a, b) = a + b - min(a, b)
    errors = int(len(references) + len(predictions) - fewer - hits)
    return {name: errors / len(references) if len(references) else math.nan}


def event_counts(
    reference: EventColumns, predicted: EventColumns, onset_ms: float, offset_ratio: float | None = None
) -> np.ndarray:
    """(files, 3) matched, predicted and reference events.

    `event_f_measure` is made of their sums over files.
    """
    matched = _matched(reference, predicted, onset_ms, offset_ratio)
    owners = (reference.file[matched], predicted.file, reference.file)
    return np.stack([np.bincount(file, minlength=reference.files) for file in owners], axis=1)


def segment_counts(reference: EventColumns, predicted: EventColumns) -> np.ndarray:
    """(files, 2) errors and active references.

    `segment_error_rate` is made of their sums over files.
    """
    length = _segments(reference, predicted) * reference.files
    references, predictions = (
        np.bincount(columns.active // reference.labels, minlength=length) for columns in (reference, predicted)
    )
    both = np.intersect1d(reference.active, predicted.active, assume_unique=True) // reference.labels
    errors = np.maximum(references, predictions) - np.bincount(both, minlength=length)
    return np.stack([counts.reshape(-1, reference.files).sum(0) for counts in (errors, references)], axis=1)


def _segments(*columns: EventColumns) -> int:
    """How many segments of 1 s there are, up to the last active one."""
    return 1 + max((int(c.active[-1]) // (c.labels * c.files) for c in columns if len(c.active)), default=-1)


def _matched(
    reference: EventColumns, predicted: EventColumns, onset_ms: float, offset_ratio: float | None
) -> np.ndarray:
    """(reference events,) bool: the events of a largest one-to-one matching (Hopcroft-Karp on one sparse graph)."""
    if not len(reference) or not len(predicted):
        return np.zeros(len(reference), bool)
    i, j = _candidates(reference, predicted, onset_ms)
    onset_s = onset_ms / 1000
    start, end = reference.start[i] / 1000, reference.end[i] / 1000
    match = np.abs(start - predicted.start[j] / 1000) <= onset_s
    if offset_ratio is not None:
        match &= np.abs(end - predicted.end[j] / 1000) <= np.maximum(onset_s, offset_ratio * (end - start))
    rows = np.concatenate([[0], np.cumsum(np.bincount(i[match], minlength=len(reference)))])
    shape = (len(reference), len(predicted))
    graph = csr_array((np.ones(rows[-1], np.int8), j[match], rows), shape=shape)
    partners: np.ndarray = maximum_bipartite_matching(graph, perm_type="column")
    return partners >= 0


def _candidates(reference: EventColumns, predicted: EventColumns, onset_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of equal file and label whose onsets may match: every match, and a few more by rounding.

    Files and labels are laid one behind the other on one axis, with gaps between, so that one sorted search suffices.
    """
    low = min(reference.start.min(), predicted.start.min())
    length = max(reference.start.max(), predicted.start.max()) - low + 2 * onset_ms + 1
    references, predictions = (
        (columns.label * columns.files + columns.file) * length + (columns.start - low)
        for columns in (reference, predicted)
    )
    reach = onset_ms + 4 * np.spacing(max(references[-1], predictions[-1], onset_ms))
    first = np.searchsorted(predictions, references - reach, "left")
    i, place = spread(np.searchsorted(predictions, references + reach, "right") - first)
    return i, first[i] + place
