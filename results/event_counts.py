"""Scores of event tasks from counts of each clip, for statistics over clips; micro-averaged, as sed_eval's overall."""

from collections.abc import Callable, Mapping

import numpy as np


def f_measure(counts: np.ndarray) -> float:
    """Of (clips, 3) matched, predicted and reference events; NaN without any event, 0 without those of one kind."""
    matched, predicted, reference = counts.sum(0)
    return float(2 * matched / (predicted + reference)) if predicted + reference else float("nan")


def error_rate(counts: np.ndarray) -> float:
    """Of (clips, 2) errors and active references in segments of 1 s; NaN where nothing is active."""
    errors, active = counts.sum(0)
    return float(errors / active) if active else float("nan")


EVENT_SCORES: Mapping[str, Callable[[np.ndarray], float]] = {
    "event_onset_200ms_fms": f_measure,
    "event_onset_50ms_fms": f_measure,
    "event_onset_offset_50ms_20perc_fms": f_measure,
    "segment_1s_er": error_rate,
}
"""HEAR's metrics of events as functions of what a run keeps of each clip."""
