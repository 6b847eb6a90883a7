"""Why a score is not defined, in words: such a score is reported as missing, never as 0."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from downstream.event_table import EventTable

NAMED = 3  # labels that a reason names


def of_events(name: str, scores: Mapping[str, float], reference: EventTable, split: str) -> str:
    """Of an event metric that is NaN in `scores`, which hold its parts."""
    if not len(reference):
        return f"{split} has no event"
    if math.isnan(scores.get(f"{name}_precision", 0.0)):
        return "no event was predicted"
    return f"no event of {split} is active in a segment"


def of_scenes(name: str, targets: np.ndarray, labels: Sequence[str], split: str) -> str:
    """Of a metric of (items, labels) targets that is NaN; an area under a ROC curve wants both classes of a label."""
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


def _named(found: np.ndarray, labels: Sequence[str]) -> str:
    names = ", ".join(repr(labels[i]) for i in found[:NAMED])
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"label {names} has" if len(found) == 1 else f"labels {names}{more} have"
