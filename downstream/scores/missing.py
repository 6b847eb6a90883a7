"""The rule for undefined scores: such a score is missing, with a reason, and never 0.

Missing are: an F-measure if no event was predicted (precision is 0 / 0) or none exists (recall is 0 / 0), and an error
rate without active references, both as in sed_eval; the area under the ROC curve of a label of one class; mAP of a
split without any positive item, which scikit-learn calls 0; and R2 and a correlation of a target that is constant. A
correlation is missing, too, if all predictions are the same. An F-measure is 0 if events were predicted and none
matches. Tables, figures and comparisons take missing scores from the rows. Probes are selected as in hear-eval-kit, and
files in its format have its numbers.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from downstream.events.columns import EventColumns

NAMED = 3  # labels that a reason names


def of_events(name: str, scores: Mapping[str, float], reference: EventColumns, split: str) -> str:
    """The reason why an event metric is NaN.

    Args:
        scores: metric -> score, with the parts of the metric.
        split: its name.
    """
    if not len(reference):
        return f"{split} has no event"
    if math.isnan(scores.get(f"{name}_precision", 0.0)):
        return "no event was predicted"
    return f"no event of {split} is active in a segment"


def of_scenes(
    name: str, targets: np.ndarray, labels: Sequence[str], split: str, predictions: np.ndarray | None = None
) -> str:
    """The reason why a scene metric is NaN.

    An area under a ROC curve needs both classes of a label, R2 and a correlation several values of a target.

    Args:
        targets: (items, labels).
        labels: the vocabulary, in index order.
        split: its name.
        predictions: (items, labels), for metrics that need several of these.
    """
    if name in ("r2", "pearson"):
        for place, label in enumerate(labels):
            if _is_constant(targets[:, place]):
                return f"target {label!r} is the same for each item of {split}"
            if name == "pearson" and predictions is not None and _is_constant(predictions[:, place]):
                return f"the same {label!r} is predicted for each item of {split}"
    if name == "mAP" and not has_positives(targets):
        return f"{split} has no positive item"
    if name in ("aucroc", "d_prime"):
        positives = (targets > 0).sum(axis=0)
        none, every = np.flatnonzero(positives == 0), np.flatnonzero(positives == len(targets))
        reasons = []
        if len(none):
            reasons.append(f"{_named(none, labels)} no positive item in {split}")
        if len(every):
            reasons.append(f"{_named(every, labels)} only positive items in {split}")
        if reasons:
            return "; ".join(reasons)
    if name == "d_prime":
        return "predictions are not finite, or the areas under the ROC curves are 1 for one label and 0 for another"
    return "predictions are not finite"


def without_undefined(scores: Mapping[str, float], targets: np.ndarray) -> dict[str, float]:
    """Scores as they are reported: mAP is NaN if `targets` (items, labels) have no positive item."""
    return {name: math.nan if name == "mAP" and not has_positives(targets) else scores[name] for name in scores}


def has_positives(targets: np.ndarray) -> bool:
    """Whether any item has any label."""
    return bool((targets > 0).any())


def _is_constant(values: np.ndarray) -> bool:
    return bool((values == values[0]).all())


def _named(indices: np.ndarray, labels: Sequence[str]) -> str:
    names = ", ".join(repr(labels[i]) for i in indices[:NAMED])
    more = f" and {len(indices) - NAMED} more" if len(indices) > NAMED else ""
    return f"label {names} has" if len(indices) == 1 else f"labels {names}{more} have"
