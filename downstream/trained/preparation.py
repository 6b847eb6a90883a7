"""What is done to features before a probe takes them: a fixed pooling, then standardization."""

from dataclasses import dataclass

import numpy as np

from downstream.pooling import fixed
from downstream.pooling.pooling import Pooling
from downstream.probes.features import Features, Pooled, Standardized


@dataclass(frozen=True, eq=False)
class Preparation:
    """The preparation of the features of a fold.

    Attributes:
        pooling: one that learns nothing; None leaves parts side by side.
        statistics: mean and standard deviation of each pooled feature over the training items, both (dim,) float64;
            None leaves features as they are.
    """

    pooling: Pooling | None = None
    statistics: tuple[np.ndarray, np.ndarray] | None = None

    def pooled(self, x: Features) -> Features:
        """Features after the pooling."""
        if self.pooling is None:
            return x
        parts, (pool, widening) = self.pooling.parts, fixed.POOLS[self.pooling.name]
        return Pooled(x, parts, pool, widening * x.shape[1] // parts)

    def __call__(self, x: Features) -> Features:
        """Features as the probe takes them."""
        pooled = self.pooled(x)
        return pooled if self.statistics is None else Standardized(pooled, *self.statistics)
