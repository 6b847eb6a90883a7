"""The events of a clip as a task has them, and what is odd about those that a list has."""

import math
from dataclasses import replace

from ablations.tasks.prepare.checks import STEP_MS, Finding
from ablations.tasks.prepare.clips import Clip
from ablations.tasks.prepare.listing import Entry
from downstream.tasks.task import Event

SLACK_MS = 1e-4  # by which hear-eval-kit takes an event as longer, when it labels timestamps


def as_written(entry: Entry, clip: Clip) -> Entry:
    """An entry with the events that go into the task: each once, begun in the clip, at an end with it."""
    end = 1000 * clip.seconds
    events = tuple(replace(e, end=min(e.end, end)) for e in dict.fromkeys(entry.events) if e.start < end)
    return replace(entry, events=events, labels=tuple(dict.fromkeys(e.label for e in events)))


def event_findings(entry: Entry, clip: Clip) -> list[Finding]:
    """Events that are given twice, that begin after the clip, and that no timestamp falls into."""
    found, seen = [], set()
    for event in entry.events:
        if event in seen:
            found.append(Finding("double_events", f"{entry.place}: {_said(event)} is there already"))
        elif event.start >= 1000 * clip.seconds:
            text = f"{_said(event)}, but the clip ends at {1000 * clip.seconds:.6g} ms"
            found.append(Finding("lost_events", f"{entry.place}: {text}"))
        elif math.ceil(event.start / STEP_MS) * STEP_MS > event.end + SLACK_MS:
            found.append(Finding("unlabeled_events", f"{entry.place}: {_said(event)}"))
        seen.add(event)
    return found


def _said(event: Event) -> str:
    return f"{event.label} from {event.start:g} to {event.end:g} ms"
