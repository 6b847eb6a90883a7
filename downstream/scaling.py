"""The scale of numeric targets: probes train on targets of mean 0 and standard deviation 1 over the training items.

What they predict is brought back to the task's units, in which it is scored and kept.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from downstream.probes.fit import Score, StackedScore
from downstream.probes.validation import to_device


@dataclass(frozen=True)
class TargetScale:
    """The mean and the standard deviation (ddof 0) of each target over the training items of a fold."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def of(cls, y: np.ndarray, names: tuple[str, ...], where: str) -> "TargetScale":
        """Measure targets.

        Args:
            y: (items, targets), of the training items.
            names: of the targets.
            where: what the items are of, for the error.

        Raises:
            ValueError: a target is the same for all items.
        """
        for name, values in zip(names, y.T, strict=True):
            if (values == values[0]).all():
                got = f"{values[0]:g} for each of {len(values)} training items"
                raise ValueError(f"{where}: target {name!r} must have several values, got {got}")
        wide = y.astype(np.float64)
        return cls(tuple(wide.mean(axis=0).tolist()), tuple(wide.std(axis=0).tolist()))

    def standardized(self, y: np.ndarray) -> np.ndarray:
        """Targets (items, targets) as probes take them, float32."""
        return ((y.astype(np.float64) - self.mean) / self.std).astype(np.float32)

    def in_units(self, predictions: np.ndarray) -> np.ndarray:
        """Predictions (items, targets) of probes, in the units of the task, of the same precision."""
        return (predictions.astype(np.float64) * self.std + self.mean).astype(predictions.dtype)

    def score(self, score: Score) -> Score:
        """A score of predictions in the task's units, as a score of what probes predict."""
        return lambda predictions: score(self.in_units(predictions))

    def stacked_score(self, score: StackedScore) -> StackedScore:
        """The same of a score that is computed on the device; equal for equal scales and scores."""
        return _InUnits(self, score)


@dataclass(frozen=True)
class _InUnits:
    """A stacked score of the task's units, for targets and predictions that are standardized."""

    scale: TargetScale
    score: StackedScore

    def __call__(self, targets: Tensor) -> Callable[[Tensor], Tensor]:
        """Take targets (targets, items); give the score of predictions (probes, targets, items)."""
        columns = to_device(torch.tensor([self.scale.std, self.scale.mean], dtype=torch.float32), targets.device)
        std, mean = columns[..., None].unbind()
        score = self.score(targets * std + mean)
        return lambda predictions: score(predictions * std + mean)
