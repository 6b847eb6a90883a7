"""Mean average precision, as scikit-learn's average_precision_score has it, without that library."""

import numpy as np


def average_precision(targets: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Of each label: the sum over thresholds of (recall's rise) x precision; equal scores share a threshold.

    Shape:
        (clips, labels) of 0 and 1, and of scores -> (labels,), float64; NaN for a label that no clip has.
    """
    found = np.full(targets.shape[1], np.nan)
    for label in range(targets.shape[1]):
        positive = targets[:, label] > 0.5
        if positive.any():
            order = np.argsort(-scores[:, label], kind="stable")
            falling = scores[order, label]
            last = np.append(np.flatnonzero(np.diff(falling)), len(falling) - 1)  # of each run of equal scores
            hits = np.cumsum(positive[order])[last]
            precision, recall = hits / (last + 1), hits / positive.sum()
            found[label] = np.sum(np.diff(recall, prepend=0.0) * precision)
    return found


def mean_average_precision(targets: np.ndarray, scores: np.ndarray) -> float:
    """The mean over the labels that some clip has; NaN where there is none, or where a score is not finite."""
    values = average_precision(targets, scores)
    if np.isnan(values).all() or not np.isfinite(scores).all():
        return float("nan")
    return float(np.nanmean(values))
