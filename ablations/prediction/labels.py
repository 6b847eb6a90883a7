"""Predictions as labels: the most probable ones of a scene, events in time, numbers; and the texts of files of them."""

import csv
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from typing import Any

import numpy as np

from ablations.prediction.chosen import ChosenProbes
from ablations.prediction.files import Predicted
from downstream.events.decoding import events_of, timeline

DIGITS = 6  # behind the point, of seconds and probabilities


@dataclass(frozen=True)
class SceneLabel:
    """A label of a file; the most probable one has rank 1."""

    file: str
    rank: int
    label: str
    probability: float


@dataclass(frozen=True)
class TargetValue:
    """The number that was predicted for a target of a file, in the task's units."""

    file: str
    target: str
    value: float


@dataclass(frozen=True)
class EventLabel:
    """An event, in seconds from the file's beginning; the probability is the label's mean over the event's steps."""

    onset_s: float
    offset_s: float
    label: str
    probability: float


Labels = Sequence[SceneLabel | TargetValue] | Sequence[EventLabel]


def scene_labels(predicted: Predicted, probes: ChosenProbes, top: int) -> list[SceneLabel] | list[TargetValue]:
    """The `top` most probable labels of a file, or the number of each target."""
    file, (values,) = str(predicted.source.path), predicted.values
    if probes.is_regression:
        return [TargetValue(file, name, float(value)) for name, value in zip(probes.labels, values, strict=True)]
    order = np.argsort(-values, kind="stable")[:top]
    return [SceneLabel(file, rank, probes.labels[i], float(values[i])) for rank, i in enumerate(order, 1)]


def event_labels(predicted: Predicted, probes: ChosenProbes) -> list[EventLabel]:
    """The events of a file, decoded as the evaluation decodes them, in the order of time."""
    steps = predicted.timestamps
    events = events_of(predicted.values, timeline(steps, np.array([0, len(steps)])), probes.postprocessing)
    labels = []
    for label, start, end in zip(events.label, events.start, events.end, strict=True):
        inside = (steps >= start) & (steps <= end)
        probability = float(predicted.values[inside, label].mean(dtype=np.float64)) - probes.moved_by
        labels.append(EventLabel(float(start) / 1000, float(end) / 1000, probes.labels[label], probability))
    return sorted(labels, key=lambda event: (event.onset_s, event.offset_s, event.label))


def as_csv(labels: Labels, kind: type[Any]) -> str:
    """The text of a CSV file of labels.

    Args:
        kind: their class, whose fields are the header.
    """
    written = io.StringIO(newline="")
    writer = csv.writer(written)
    writer.writerow(field.name for field in fields(kind))
    writer.writerows(
        [round(value, DIGITS) if isinstance(value, float) else value for value in astuple(one)] for one in labels
    )
    return written.getvalue()


def as_audacity(events: Sequence[EventLabel]) -> str:
    """The text of a label track of Audacity: start and end in seconds, and the label, with tabs between."""
    lines = (
        f"{event.onset_s:.{DIGITS}f}\t{event.offset_s:.{DIGITS}f}\t{' '.join(event.label.split())}\n"
        for event in events
    )
    return "".join(lines)
