"""What a solver is: a way to fit probes of several settings at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Predict = Callable[[np.ndarray], Mapping[float, np.ndarray]]
"""Features (items, dim) -> for each setting the predictions (items, labels)."""
Weights = Mapping[str, np.ndarray]
"""Name -> array: all that a probe of one setting knows."""


def _no_weights(setting: float) -> Weights | None:
    return None


@dataclass(frozen=True)
class Solved:
    """Probes of several settings, fitted to the same items.

    Attributes:
        predict: what they predict.
        weights: takes a setting, and gives what `Solver.restored` makes its probe of; None if that is all items.
    """

    predict: Predict
    weights: Callable[[float], Weights | None] = _no_weights

    def __call__(self, queries: np.ndarray) -> Mapping[float, np.ndarray]:
        return self.predict(queries)


@dataclass(frozen=True)
class Solver:
    """A way to fit probes without epochs.

    Attributes:
        setting: the name of what validation chooses, such as `k`.
        grid: its values, in the order in which they are tried; the first wins a tie.
        standardized: whether features have mean 0 and standard deviation 1 over the training items.
        fit: (x, y, settings, prediction type, device) -> `Solved`; x is (items, dim), y (items, labels), float32.
        growth: the exponent of the number of items in the time that it takes, about.
        most: (training items) -> the largest setting that they allow.
        restored: weights -> predictions (items, labels) of features (items, dim), as the fitted probe makes them; None
            for probes that have no weights.
    """

    setting: str
    grid: tuple[float, ...]
    standardized: bool
    fit: Callable[[np.ndarray, np.ndarray, tuple[float, ...], str, str], Solved]
    growth: float = 1.0
    most: Callable[[int], float] = lambda items: float("inf")
    restored: Callable[[Weights], Callable[[np.ndarray], np.ndarray]] | None = None

    def settings(self, items: int) -> tuple[float, ...]:
        """The values of the grid that so many training items allow; at least the smallest."""
        return tuple(value for value in self.grid if value <= self.most(items)) or (min(self.grid),)
