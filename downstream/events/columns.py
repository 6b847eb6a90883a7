"""Events of many files as columns, the form in which they are decoded and scored."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from downstream.tasks.task import Event

SEGMENT_S = 1.0  # the grid of the segment-based error rate


@dataclass(frozen=True, eq=False)
class EventColumns:
    """The events of a split, sorted by label, then file, then start.

    Attributes:
        label, file: (events,) indices. start, end: (events,) in ms, float64.
        labels, files: how many labels and files there are.
    """

    label: np.ndarray
    file: np.ndarray
    start: np.ndarray
    end: np.ndarray
    labels: int
    files: int

    def __len__(self) -> int:
        return len(self.start)

    def lasting(self, duration_ms: float) -> "EventColumns":
        """Those that are at least so long."""
        kept = self.end - self.start >= duration_ms
        columns = (column[kept] for column in (self.label, self.file, self.start, self.end))
        return EventColumns(*columns, self.labels, self.files)

    @functools.cached_property
    def active(self) -> np.ndarray:
        """Where events are active on a grid of 1 s: sorted codes, each once, (segment * files + file) * labels + label.

        An event [start, end] is active from the segment that holds its start to the last that begins before its end, as
        sed_eval has it: one without length on the edge of two segments is active in none.
        """
        first = np.floor(self.start / 1000 / SEGMENT_S).astype(np.int64)
        stop = np.ceil(self.end / 1000 / SEGMENT_S).astype(np.int64)
        event, place = spread(np.maximum(stop - first, 0))
        segment = first[event] + place
        return np.unique((segment * self.files + self.file[event]) * self.labels + self.label[event])


def event_columns(files: Sequence[Sequence[Event]], labels: Sequence[str]) -> EventColumns:
    """The events of each file as a table; ValueError for a label that is not in the vocabulary."""
    place = {label: index for index, label in enumerate(labels)}
    events = [event for found in files for event in found]
    unknown = next((event.label for event in events if event.label not in place), None)
    if unknown is not None:
        raise ValueError(f"label {unknown!r} is not in the vocabulary ({', '.join(map(str, labels[:10]))})")
    label = np.array([place[event.label] for event in events], dtype=np.int64)
    file = np.repeat(np.arange(len(files)), [len(found) for found in files])
    times = np.array([(event.start, event.end) for event in events], dtype=np.float64).reshape(-1, 2)
    order = np.lexsort((times[:, 0], file, label))
    return EventColumns(label[order], file[order], *times[order].T, len(labels), len(files))


def spread(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(n,) counts -> for each of their sum: whose it is, and its place there; [2, 0, 1] -> [0, 0, 2], [0, 1, 0]."""
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
