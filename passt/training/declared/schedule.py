"""The learning rate over a training: a warm-up, a plateau, a linear decay to a floor.

Source: PaSST's training code (github.com/kkoutini/PaSST): over 5 epochs exp(-5 (1 - t)^2), from epoch 50 to 100 down to
0.01 of the learning rate.
"""

import math
from dataclasses import dataclass

SHAPES = ("exponential", "linear")


@dataclass(frozen=True)
class Schedule:
    """Steps counted from 0.

    Attributes:
        warmup: steps until the full rate; 0 is none. shape: of the warm-up, exponential (as published) or linear.
        decay_from: the step from which the rate falls, for `decay_over` steps (0 is never), to `floor` of it.
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
        """What the learning rate is multiplied with in a step."""
        return self._up(step) * self._down(step)

    def _up(self, step: int) -> float:
        if step >= self.warmup:
            return 1.0
        if self.shape == "linear":
            return (step + 1) / (self.warmup + 1)
        return math.exp(-5 * (1 - max(step, 0.5) / self.warmup) ** 2)

    def _down(self, step: int) -> float:
        if not self.decay_over or step <= self.decay_from:
            return 1.0
        left = max(0.0, 1 - (step - self.decay_from) / self.decay_over)
        return self.floor + (1 - self.floor) * left
