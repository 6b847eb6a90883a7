"""What a solver is: a way to fit probes of several settings at once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

Predict = Callable[[np.ndarray], Mapping[float, np.ndarray]]
"""Features (items, dim) -> for each setting the predictions (items, labels)."""


@dataclass(frozen=True)
class Solver:
    """A way to fit probes without epochs.

    Attributes:
        setting: the name of what validation chooses, such as `k`.
        grid: its values, in the order in which they are tried; the first wins a tie.
        standardized: whether features have mean 0 and standard deviation 1 over the training items.
        fit: (x, y, settings, prediction type, device) -> `Predict`; x is (items, dim), y (items, labels), float32.
        growth: the exponent of the number of items in the time that it takes, about.
        most: (training items) -> the largest setting that they allow.
    """

    setting: str
    grid: tuple[float, ...]
    standardized: bool
    fit: Callable[[np.ndarray, np.ndarray, tuple[float, ...], str, str], Predict]
    growth: float = 1.0
    most: Callable[[int], float] = lambda items: float("inf")

    def settings(self, items: int) -> tuple[float, ...]:
        """The values of the grid that so many training items allow; at least the smallest."""
        return tuple(value for value in self.grid if value <= self.most(items)) or (min(self.grid),)
