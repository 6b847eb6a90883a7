"""Scores of event tasks from counts of clips, for statistics over clips; micro-averaged, as sed_eval's overall.

Each takes counts summed over clips, (..., numbers), and gives (...,) scores, NaN without any reference. Where a model
predicts no event, sed_eval leaves the F-measure undefined, and it is missing (`downstream.scores.missing`). Here it is
0, for single swaps may leave a model without events.
"""

from collections.abc import Callable, Mapping

import numpy as np


def f_measure(sums: np.ndarray) -> np.ndarray:
    """Calculate F from the numbers of matched, predicted and reference events."""
    matched, predicted, reference = np.moveaxis(np.asarray(sums, float), -1, 0)
    return np.where(reference > 0, 2 * matched / np.maximum(predicted + reference, 1), np.nan)


def error_rate(sums: np.ndarray) -> np.ndarray:
    """Calculate the error rate from errors and active references in segments of 1 s."""
    errors, active = np.moveaxis(np.asarray(sums, float), -1, 0)
    return np.where(active > 0, errors / np.maximum(active, 1), np.nan)


EVENT_SCORES: Mapping[str, Callable[[np.ndarray], np.ndarray]] = {
    "event_onset_200ms_fms": f_measure,
    "event_onset_50ms_fms": f_measure,
    "event_onset_offset_50ms_20perc_fms": f_measure,
    "segment_1s_er": error_rate,
}
"""HEAR's metrics of events as functions of the counts that a run keeps for each clip."""
