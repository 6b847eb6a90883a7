"""Conditions of tasks, as rows have them: behind the task's name, such as ``digits+reverb0.5+snr10``.

Scores under a condition are of the clips of the clean task, so that both are not two tasks.
"""

import re
from typing import NamedTuple

import pandas as pd

from results.rows.rows import CONDITION_MARK

KINDS = {
    "snr": "signal-to-noise ratio in dB",
    "reverb": "reverberation in s",
    "gain": "gain in dB",
    "band": "band up to Hz",
}
"""Every kind of condition, and the axis of its numbers."""
EVERYWHERE = "train"
"""What stands before conditions of all clips, those that probes are trained on, too."""
TEXT = re.compile(rf"(?:\{CONDITION_MARK}{EVERYWHERE})?(?:\{CONDITION_MARK}(?:{'|'.join(KINDS)})-?\d+(?:\.\d+)?)+$")


class Conditioned(NamedTuple):
    """A task's name in two parts: the clean task, and its conditions, "" for none."""

    task: str
    conditions: str


class Place(NamedTuple):
    """Where conditions stand on an axis: the kind of the last one, what is before it, and its number."""

    before: str
    kind: str
    value: float


def parts(task: str) -> Conditioned:
    """Divide the name of a task into the clean task and its conditions."""
    match = TEXT.search(task)
    return Conditioned(task[: match.start()], match[0]) if match and match.start() else Conditioned(task, "")


def are_changed(tasks: pd.Series) -> pd.Series:
    """Whether each name has conditions."""
    return tasks.map(lambda task: bool(parts(task).conditions)).astype(bool)


def place(conditions: str) -> Place:
    """Find the axis of conditions, and their place on it.

    >>> place("+reverb0.5+snr10")
    Place(before='reverb0.5', kind='snr', value=10.0)
    """
    *before, last = conditions.removeprefix(CONDITION_MARK).split(CONDITION_MARK)
    kind = next(kind for kind in KINDS if last.startswith(kind))
    return Place(CONDITION_MARK.join(before), kind, float(last.removeprefix(kind)))
