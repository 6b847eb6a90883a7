"""Select the best epoch of a fit, and stop training (hear-eval-kit 2021.1.3)."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Selection:
    """How the best epoch is chosen.

    Attributes:
        by_loss: by the lowest validation loss, without computing scores; else by the primary score.
        higher_is_better: whether a higher primary score is better.
    """

    by_loss: bool = False
    higher_is_better: bool = True

    @property
    def mode(self) -> str:
        """`max` or `min`: which value is the best."""
        return "max" if self.higher_is_better and not self.by_loss else "min"

    @property
    def worst(self) -> float:
        """The value that every other one is better than."""
        return -math.inf if self.mode == "max" else math.inf

    def better(self, new: float, old: float) -> bool:
        """Whether `new` is strictly better, compared as float32, as the kit's trainer does."""
        difference = np.float32(new), np.float32(old)
        return bool(np.greater(*difference) if self.mode == "max" else np.less(*difference))


@dataclass(frozen=True)
class Validation:
    """The result of one validation.

    Attributes:
        epoch: counted from 0.
        loss: mean over the validation items.
        score: the monitored value: the primary score, or the loss.
        postprocessing: the setting that was chosen, for event tasks; else None.
    """

    epoch: int
    loss: float
    score: float
    postprocessing: Any = None


class EarlyStopping:
    """Decide which validation of a fit is the best, and whether training is over.

    Training is over after `patience` validations without a strict improvement, or as soon as the monitored value is NaN
    or infinite. NaN counts as the worst score, so a first validation that is NaN is the best one, with that score.

    Attributes:
        validations: all so far.
        over: whether training is over.
    """

    def __init__(self, selection: Selection, patience: int) -> None:
        self.selection, self.patience = selection, patience
        self.validations: list[Validation] = []
        self._best: Validation | None = None
        self.over = False
        self._waited = 0

    @property
    def best(self) -> Validation:
        """The best validation so far; ValueError before the first."""
        if self._best is None:
            raise ValueError("no validation yet")
        return self._best

    def see(self, validation: Validation) -> bool:
        """Add a validation; return whether it is the best so far."""
        self.validations.append(validation)
        monitored = self.selection.worst if math.isnan(validation.score) else validation.score
        improved = self._best is None or self.selection.better(monitored, self._best.score)
        if improved:
            self._best, self._waited = dataclasses.replace(validation, score=monitored), 0
        else:
            self._waited += 1
        self.over = self._waited >= self.patience or not math.isfinite(validation.score)
        return improved
