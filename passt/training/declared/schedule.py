"""The learning rate over a training: a warm-up, a plateau, and a linear decay to a floor.

Source: PaSST's training code (github.com/kkoutini/PaSST): a warm-up of exp(-5 (1 - t)^2) over 5 epochs, and a decay
from epoch 50 to 100 down to 0.01 of the learning rate.
"""

import math
from dataclasses import dataclass

SHAPES = ("exponential", "linear")


@dataclass(frozen=True)
class Schedule:
    """The factor of the learning rate at each step. Steps are counted from 0.

    Attributes:
        warmup: steps until the full learning rate. 0 is no warm-up.
        shape: shape of the warm-up: exponential (as published) or linear.
        decay_from: step at which the decay begins.
        decay_over: steps of the decay. 0 is no decay.
        floor: factor after the decay, 0 to 1.

    Raises:
        ValueError: a value is out of its range.
    """

    warmup: int = 0
    shape: str = "exponential"
    decay_from: int = 0
    decay_over: int = 0
    floor: float = 0.01

    def __post_init__(self) -> None:
        if self.shape not in SHAPES:
            raise ValueError(f"schedule shape must be one of {', '.join(SHAPES)}, got {self.shape!r}")
        for name in ("warmup", "decay_from", "decay_over"):
            if getattr(self, name) < 0:
                raise ValueError(f"schedule {name} must be 0 or more, got {getattr(self, name)}")
        if not 0 <= self.floor <= 1:
            raise ValueError(f"schedule floor must be 0 to 1, got {self.floor}")

    def factor(self, step: int) -> float:
        """Compute the factor of the learning rate at a step."""
        return self._warmup_factor(step) * self._decay_factor(step)

    def _warmup_factor(self, step: int) -> float:
        if step >= self.warmup:
            return 1.0
        if self.shape == "linear":
            return (step + 1) / (self.warmup + 1)
        return math.exp(-5 * (1 - max(step, 0.5) / self.warmup) ** 2)

    def _decay_factor(self, step: int) -> float:
        if not self.decay_over or step <= self.decay_from:
            return 1.0
        remaining = max(0.0, 1 - (step - self.decay_from) / self.decay_over)
        return self.floor + (1 - self.floor) * remaining
