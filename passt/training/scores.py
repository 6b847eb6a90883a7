"""Mean average precision of a network's labels."""

import numpy as np
from sklearn.metrics import average_precision_score


def mean_average_precision(targets: np.ndarray, scores: np.ndarray) -> float:
    """Compute the mean average precision over the labels that occur.

    Args:
        targets: (clips, labels) of 0 and 1.
        scores: (clips, labels); higher means more likely.

    Returns:
        The mean, 0 to 1; NaN if no label occurs or a score is not finite.
    """
    positive = targets > 0.5
    occurring = positive.any(axis=0)
    if not occurring.any() or not np.isfinite(scores).all():
        return float("nan")
    return float(np.mean(average_precision_score(positive[:, occurring], scores[:, occurring], average=None)))
