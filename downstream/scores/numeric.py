"""How close predicted numbers are to their targets, for many probes at once: the metrics of regression.

All sums are float64, along rows: each is rounded by itself, whatever is beside it. A score is the mean over targets,
and NaN for a probe any of whose predictions is not finite. Scores are those of scikit-learn (`r2_score`,
`root_mean_squared_error`, `mean_absolute_error`) and scipy (`pearsonr`), but where those are not defined: of a constant
target scikit-learn's R2 is 0 or 1.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

OfProbes = Callable[[Tensor], Tensor]
"""Predictions of many probes (probes, targets, items) -> their scores (probes,), float64, on the same device."""


def r2(targets: Tensor) -> OfProbes:
    """1 less the squared errors over the squared deviations from the mean of the targets, the mean over targets.

    It is 1 at best, 0 for predicting the mean of the targets, and below 0 for what is worse. It is NaN if a target is
    constant.

    Args:
        targets: (targets, items).
    """
    right = targets.double().contiguous()
    total = torch.square(_centered(right)).sum(dim=-1)
    return _mean_over_targets(lambda predicted: 1 - torch.square(predicted - right).sum(dim=-1) / total)


def pearson(targets: Tensor) -> OfProbes:
    """The correlation of predictions and targets, the mean over targets.

    It is NaN if a target, or what is predicted for it, is constant.

    Args:
        targets: (targets, items).
    """
    right = _centered(targets.double().contiguous())
    norm = torch.linalg.vector_norm(right, dim=-1)

    def score(predicted: Tensor) -> Tensor:
        ours = _centered(predicted)
        cosine: Tensor = (ours * right).sum(dim=-1) / (torch.linalg.vector_norm(ours, dim=-1) * norm)
        return cosine.clamp(-1, 1)

    return _mean_over_targets(score)


def rmse(targets: Tensor) -> OfProbes:
    """The root of the mean square error, in the units of the task, the mean over targets.

    Args:
        targets: (targets, items).
    """
    right = targets.double().contiguous()
    return _mean_over_targets(lambda predicted: torch.square(predicted - right).mean(dim=-1).sqrt())


def mae(targets: Tensor) -> OfProbes:
    """The mean absolute error, in the units of the task, the mean over targets.

    Args:
        targets: (targets, items).
    """
    right = targets.double().contiguous()
    return _mean_over_targets(lambda predicted: (predicted - right).abs().mean(dim=-1))


def _mean_over_targets(score: OfProbes) -> OfProbes:
    """Average what a score gives, from predictions in float64: (probes, targets) -> (probes,)."""

    def of_probes(predictions: Tensor) -> Tensor:
        finite = predictions.isfinite().all(dim=2).all(dim=1)
        return torch.where(finite, score(predictions.double().contiguous()).mean(dim=1), math.nan)

    return of_probes


def _centered(values: Tensor) -> Tensor:
    """Values less their mean over items; NaN, rather than what rounding leaves, where they are all the same."""
    same = (values == values[..., :1]).all(dim=-1, keepdim=True)
    return torch.where(same, math.nan, values - values.mean(dim=-1, keepdim=True))
