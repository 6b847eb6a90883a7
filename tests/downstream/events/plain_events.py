"""Events in plain loops, labeled, decoded and scored one at a time, to hold the product's arrays against."""

import math

import numpy as np
from scipy.ndimage import median_filter
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from downstream.events import decoding
from downstream.events.columns import EventColumns, event_columns
from downstream.tasks.task import Event


def tables(pairs, labels) -> tuple[EventColumns, EventColumns]:
    """Pairs of event lists (reference, predicted), one a file, as two tables."""
    reference, predicted = zip(*pairs, strict=True) if pairs else ((), ())
    return event_columns(reference, labels), event_columns(predicted, labels)


def listed(table: EventColumns, labels) -> list[list[Event]]:
    """A table as one list of events a file, sorted by start, then by label index."""
    found = [[] for _ in range(table.files)]
    for label, file, start, end in zip(table.label, table.file, table.start, table.end, strict=True):
        found[file].append((start, label, end))
    return [[Event(labels[label], start, end) for start, label, end in sorted(events)] for events in found]


def decode(probabilities, timestamps, labels, settings) -> list[Event]:
    """The product's events of one file."""
    line = decoding.timeline(timestamps, np.array([0, len(timestamps)]))
    found = decoding.runs(probabilities, line, line.widths(settings.median_filter_ms)).lasting(settings.min_duration)
    return listed(found, labels)[0]


def plain_targets(events, timestamps, labels) -> np.ndarray:
    """hear-eval-kit's rule: an interval tree of [start, end + 0.0001) ms, asked at every timestamp."""
    found = np.zeros((len(timestamps), len(labels)), dtype=np.float32)
    for event in events:
        for step, timestamp in enumerate(timestamps):
            if event.start <= float(timestamp) < event.end + 0.0001:
                found[step, labels.index(event.label)] = 1
    return found


def reflected_median(values, width) -> np.ndarray:
    """scipy's median filter over (steps, labels), reflected beforehand.

    scipy 1.15 and 1.17 themselves leave the rule of their mode `reflect` where windows are about 8 times as long as the
    array or longer.
    """
    padded = np.pad(values, ((width, width), (0, 0)), mode="symmetric")
    return median_filter(padded, size=(width, 1))[width : width + len(values)]


def plain_decode(probabilities, timestamps, labels, settings) -> list[Event]:
    """The events of one file: filter, threshold, then label by label and run by run."""
    order = np.argsort(timestamps, kind="stable")
    timestamps, probabilities = timestamps[order], probabilities[order]
    step = float(np.mean(np.diff(timestamps))) if len(timestamps) > 1 else 0.0
    width = round(settings.median_filter_ms / step) if step else 0
    if width:
        probabilities = reflected_median(probabilities, width)
    edges = np.diff((probabilities > 0.5).astype(np.int8), axis=0, prepend=0, append=0)
    found = []
    for index, label in enumerate(labels):
        firsts, ends = np.flatnonzero(edges[:, index] == 1), np.flatnonzero(edges[:, index] == -1)
        for first, last in zip(firsts, ends - 1, strict=True):
            if timestamps[last] - timestamps[first] >= settings.min_duration:
                found.append(Event(label, float(timestamps[first]), float(timestamps[last])))
    return sorted(found, key=lambda event: event.start)


def plain_f_measure(pairs, onset_s, offset_ratio=None) -> tuple[float, float, float]:
    """(F, precision, recall), file by file, each pair of events compared."""
    references = sum(len(reference) for reference, _ in pairs)
    predicted = sum(len(found) for _, found in pairs)
    hits = sum(_matched(reference, found, onset_s, offset_ratio) for reference, found in pairs)
    precision = hits / predicted if predicted else math.nan
    recall = hits / references if references else math.nan
    f = 0.0 if precision == recall == 0 else 2 * precision * recall / (precision + recall)
    return f, precision, recall


def _matched(reference, found, onset_s, offset_ratio) -> int:
    if not reference or not found:
        return 0
    match = [[_matches(r, f, onset_s, offset_ratio) for f in found] for r in reference]
    graph = csr_array(np.array(match, dtype=np.int8))
    return int((maximum_bipartite_matching(graph, perm_type="column") >= 0).sum())


def _matches(r, f, onset_s, offset_ratio) -> bool:
    near = r.label == f.label and abs(r.start / 1000 - f.start / 1000) <= onset_s
    if offset_ratio is None:
        return near
    tolerance = max(onset_s, offset_ratio * (r.end / 1000 - r.start / 1000))
    return near and abs(r.end / 1000 - f.end / 1000) <= tolerance


def plain_error_rate(pairs) -> float:
    """Segment by segment of 1 s, with sets of labels."""
    errors = active = 0
    for reference, found in pairs:
        r, p = _segments(reference), _segments(found)
        for segment in r.keys() | p.keys():
            wanted, given = r.get(segment, set()), p.get(segment, set())
            errors += max(len(wanted), len(given)) - len(wanted & given)
            active += len(wanted)
    return errors / active if active else math.nan


def _segments(events) -> dict[int, set[str]]:
    found: dict[int, set[str]] = {}
    for event in events:
        for segment in range(math.floor(event.start / 1000), math.ceil(event.end / 1000)):
            found.setdefault(segment, set()).add(event.label)
    return found
