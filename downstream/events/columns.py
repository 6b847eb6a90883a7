"""Events of many files as columns, the form in which they are decoded and scored."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from downstream.tasks.task import Event

SEGMENT_S = 1.0  # of the segment-based error rate


@dataclass(frozen=True, eq=False)
class EventColumns:
    """The events of a split, sorted by label, then file, then start.

    Attributes:
        label: (events,) index of the label.
        file: (events,) index of the file.
        start: (events,) in ms, float64.
        end: (events,) in ms, float64.
        labels: how many labels there are.
        files: how many files there are.
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
        """The events that last at least `duration_ms`."""
        long = self.end - self.start >= duration_ms
        return EventColumns(
            self.label[long], self.file[long], self.start[long], self.end[long], self.labels, self.files
        )

    @functools.cached_property
    def active(self) -> np.ndarray:
        """The active segments of 1 s as sorted, distinct codes: (segment * files + file) * labels + label.

        As in sed_eval, an event [start, end] is active from the segment that holds its start to the last one that
        begins before its end: an event without length on the edge of two segments is active in none.
        """
        first = np.floor(self.start / 1000 / SEGMENT_S).astype(np.int64)
        stop = np.ceil(self.end / 1000 / SEGMENT_S).astype(np.int64)
        event, place = spread(np.maximum(stop - first, 0))
        segment = first[event] + place
        return np.unique((segment * self.files + self.file[event]) * self.labels + self.label[event])


def event_columns(files: Sequence[Sequence[Event]], labels: Sequence[str]) -> EventColumns:
    """Put the events of files into columns.

    Args:
        files: the events of each file.
        labels: the vocabulary, in index order.
    """
    place = {label: index for index, label in enumerate(labels)}
    events = [event for events_of_file in files for event in events_of_file]
    unknown = next((event.label for event in events if event.label not in place), None)
    if unknown is not None:
        raise ValueError(f"label {unknown!r} is not in the vocabulary ({', '.join(map(str, labels[:10]))})")
    label = np.array([place[event.label] for event in events], dtype=np.int64)
    file = np.repeat(np.arange(len(files)), [len(events_of_file) for events_of_file in files])
    times = np.array([(event.start, event.end) for event in events], dtype=np.float64).reshape(-1, 2)
    order = np.lexsort((times[:, 0], file, label))
    start, end = times[order].T
    return EventColumns(label[order], file[order], start, end, len(labels), len(files))


def spread(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Number the members of groups of these sizes: the group of each member, and its place in the group.

    >>> spread(np.array([2, 0, 1]))
    (array([0, 0, 2]), array([0, 1, 0]))
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    return owner, np.arange(len(owner)) - np.repeat(np.cumsum(counts) - counts, counts)
