"""HEAR's metrics of events, for all files and labels of a split at once.

Definitions: sed_eval (Mesaros et al., "Metrics for Polyphonic Sound Event Detection", 2016), overall, that is
micro-averaged over labels and files.
"""

import math

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from downstream.events.columns import EventColumns, spread


def event_f_measure(
    reference: EventColumns, predicted: EventColumns, name: str, onset_ms: float, offset_ratio: float | None = None
) -> dict[str, float]:
    """F-measure of events that match one to one, at most once, as many as possible.

    A pair matches when file and label are equal, the onsets at most `onset_ms` apart and, with `offset_ratio`, the
    offsets at most that tolerance or that share of the reference's length apart, whichever is larger. Times are
    compared in seconds as float64, without slack. Precision and F-measure are NaN when nothing was predicted, recall
    and F-measure where there is no reference event.
    """
    hits = int(_matched(reference, predicted, onset_ms, offset_ratio).sum())
    precision = hits / len(predicted) if len(predicted) else math.nan
    recall = hits / len(reference) if len(reference) else math.nan
    f = 0.0 if precision == recall == 0 else 2 * precision * recall / (precision + recall)
    return {name: f, f"{name}_precision": precision, f"{name}_recall": recall}


def segment_error_rate(reference: EventColumns, predicted: EventColumns, name: str) -> dict[str, float]:
    """(substitutions + deletions + insertions) / active references, in segments of 1 s; lower is better.

    A segment has max(references, predictions) - hits errors. NaN where no reference is active, where sed_eval divides
    by 2.2e-16.
    """
    wanted, given = reference.active, predicted.active
    hits = len(np.intersect1d(wanted, given, assume_unique=True))
    wanted_in, given_in = (np.unique(codes // reference.labels, return_counts=True) for codes in (wanted, given))
    _, i, j = np.intersect1d(wanted_in[0], given_in[0], assume_unique=True, return_indices=True)
    fewer = np.minimum(wanted_in[1][i], given_in[1][j]).sum()  # max(a, b) = a + b - min(a, b)
    errors = int(len(wanted) + len(given) - fewer - hits)
    return {name: errors / len(wanted) if len(wanted) else math.nan}


def event_counts(
    reference: EventColumns, predicted: EventColumns, onset_ms: float, offset_ratio: float | None = None
) -> np.ndarray:
    """(files, 3) matched, predicted and reference events, whose sums over files `event_f_measure` is made of."""
    matched = _matched(reference, predicted, onset_ms, offset_ratio)
    each = (reference.file[matched], predicted.file, reference.file)
    return np.stack([np.bincount(file, minlength=reference.files) for file in each], axis=1)


def segment_counts(reference: EventColumns, predicted: EventColumns) -> np.ndarray:
    """(files, 2) errors and active references, whose sums over files `segment_error_rate` is made of."""
    wanted, given = (
        np.bincount(table.active // reference.labels, minlength=_segments(reference, predicted) * reference.files)
        for table in (reference, predicted)
    )
    both = np.intersect1d(reference.active, predicted.active, assume_unique=True) // reference.labels
    errors = np.maximum(wanted, given) - np.bincount(both, minlength=len(wanted))
    return np.stack([each.reshape(-1, reference.files).sum(0) for each in (errors, wanted)], axis=1)


def _segments(*tables: EventColumns) -> int:
    """How many segments of 1 s there are, up to the last that is active."""
    return 1 + max((int(t.active[-1]) // (t.labels * t.files) for t in tables if len(t.active)), default=-1)


def _matched(
    reference: EventColumns, predicted: EventColumns, onset_ms: float, offset_ratio: float | None
) -> np.ndarray:
    """(reference events,) bool: those in the largest one-to-one matching (Hopcroft-Karp on one sparse graph)."""
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
    return maximum_bipartite_matching(graph, perm_type="column") >= 0


def _candidates(reference: EventColumns, predicted: EventColumns, onset_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of equal file and label with onsets about `onset_ms` apart or less: every match and a few by rounding.

    Files and labels are laid one behind the other on one axis, with room between, so that one sorted search does.
    """
    low = min(reference.start.min(), predicted.start.min())
    room = max(reference.start.max(), predicted.start.max()) - low + 2 * onset_ms + 1
    wanted, given = (
        (table.label * table.files + table.file) * room + (table.start - low) for table in (reference, predicted)
    )
    reach = onset_ms + 4 * np.spacing(max(wanted[-1], given[-1], onset_ms))
    first = np.searchsorted(given, wanted - reach, "left")
    i, place = spread(np.searchsorted(given, wanted + reach, "right") - first)
    return i, first[i] + place
