"""Which epoch of a fit is the best, and when training stops (hear-eval-kit 2021.1.3)."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Selection:
    """By what the best epoch is chosen.

    Attributes:
        by_loss: the validation loss, lower is better, no scores are computed; else the primary score.
        higher_is_better: of the primary score.
    """

    by_loss: bool = False
    higher_is_better: bool = True

    @property
    def mode(self) -> str:
        return "max" if self.higher_is_better and not self.by_loss else "min"

    @property
    def worst(self) -> float:
        return -math.inf if self.mode == "max" else math.inf

    def better(self, new: float, old: float) -> bool:
        """Strictly better, compared as float32, as the kit's trainer does."""
        new, old = np.float32(new), np.float32(old)
        return bool(new > old if self.mode == "max" else new < old)


@dataclass(frozen=True)
class Validation:
    """What was seen at one validation.

    Attributes:
        score: what is monitored, the primary score or the loss.
        scores: by metric; none where the loss selects.
        postprocessing: of event tasks, the setting that was chosen.
    """

    epoch: int
    loss: float
    score: float
    scores: Mapping[str, float] = field(default_factory=dict)
    postprocessing: Any = None


class EarlyStopping:
    """The validations of a fit: which is the best so far, and whether training is over.

    It is over after `patience` validations without a strict improvement, or at once where the monitored value is NaN or
    infinite. NaN counts as the worst score, so a first validation that is NaN is the best, with that score.
    """

    def __init__(self, selection: Selection, patience: int) -> None:
        self.selection, self.patience = selection, patience
        self.validations: list[Validation] = []
        self.best: Validation | None = None
        self.over = False
        self._waited = 0

    def see(self, seen: Validation) -> bool:
        """Take a validation; whether it is the best so far."""
        self.validations.append(seen)
        monitored = self.selection.worst if math.isnan(seen.score) else seen.score
        improved = self.best is None or self.selection.better(monitored, self.best.score)
        if improved:
            self.best, self._waited = dataclasses.replace(seen, score=monitored), 0
        else:
            self._waited += 1
        self.over = self._waited >= self.patience or not math.isfinite(seen.score)
        return improved
