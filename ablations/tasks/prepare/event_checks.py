"""The events of a clip: how a task has them, and what is wrong with those of a list."""

import math
from dataclasses import replace

from ablations.tasks.prepare.checks import STEP_MS, Finding
from ablations.tasks.prepare.clips import Clip
from ablations.tasks.prepare.listing import Entry
from downstream.tasks.task import Event

SLACK_MS = 1e-4  # how much longer hear-eval-kit takes an event when it labels timestamps


def as_written(entry: Entry, clip: Clip) -> Entry:
    """The entry with the events of the task.

    They are without repetitions, begin within the clip, and are cut at its end.
    """
    end = 1000 * clip.seconds
    events = tuple(
        replace(event, end=min(event.end, end)) for event in dict.fromkeys(entry.events) if event.start < end
    )
    return replace(entry, events=events, labels=tuple(dict.fromkeys(event.label for event in events)))


def event_findings(entry: Entry, clip: Clip) -> list[Finding]:
    """Report events that are listed twice, lie outside their clip, or meet no timestamp."""
    findings, seen = [], set()
    for event in entry.events:
        if event in seen:
            findings.append(Finding("double_events", f"{entry.place}: {_text(event)} is there already"))
        elif event.start >= 1000 * clip.seconds:
            text = f"{_text(event)}, but the clip ends at {1000 * clip.seconds:.6g} ms"
            findings.append(Finding("lost_events", f"{entry.place}: {text}"))
        elif math.ceil(event.start / STEP_MS) * STEP_MS > event.end + SLACK_MS:
            findings.append(Finding("unlabeled_events", f"{entry.place}: {_text(event)}"))
        seen.add(event)
    return findings


def _text(event: Event) -> str:
    return f"{event.label} from {event.start:g} to {event.end:g} ms"
