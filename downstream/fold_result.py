"""The result of evaluating one fold."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from downstream.events.targets import PostProcessing
from downstream.probes.fit import Fit
from downstream.probes.probe import ProbeConfig
from downstream.splits import LabelledSplit
from downstream.tasks.task import Fold
from downstream.trained.probe import TrainedProbe


@dataclass(frozen=True)
class Solution:
    """A probe that was solved for, without epochs.

    Attributes:
        setting: the name of what validation chose, such as `k`.
        value: the chosen value.
        threshold: from which on a timestamp's prediction counts as an event; None for scene tasks.
        score: the primary score at validation.
        postprocessing: how validation's predictions became events; None for scene tasks.
    """

    setting: str
    value: float
    score: float
    threshold: float | None = None
    postprocessing: PostProcessing | None = None

    def __str__(self) -> str:
        text = f"{self.setting}={self.value:g}"
        return text if self.threshold is None else f"{text} threshold={self.threshold:g}"


@dataclass(frozen=True)
class FoldResult:
    """The result of one fold.

    Attributes:
        fold: the splits to train, validate and test on.
        chosen: the fit, or the solution, of the best validation score.
        postprocessing: how the test's predictions became events; None for scene tasks.
        test_loss: mean over the test items; of a solution, the mean square of prediction less target. Of regression,
            targets are in standard deviations of the training items.
        scores: metric -> score in the task's order, the primary first, each metric before its parts.
        missing: metric -> the reason why its score is NaN.
        tried: each probe configuration that was fitted here, with its best validation score; or each solution.
        epochs: of all fits together; 0 for a solution.
        seconds: of all fits together, each its share of its pack's, and of the test.
        test: the test split.
        predictions: (items, labels) probabilities on the test split, or numbers in the task's units, for paired
            statistics.
        counts: (files, numbers) that the primary score sums over the test's files; None for scene tasks.
        level_weights: the weight that the chosen fit learned for each level, in their order, with the sum 1; None if
            the pooling learns none.
        probe: the chosen probe, to predict other items with; None where a probe is its training items.
    """

    fold: Fold
    chosen: Fit | Solution
    postprocessing: PostProcessing | None
    test_loss: float
    scores: Mapping[str, float]
    missing: Mapping[str, str]
    tried: tuple[tuple[ProbeConfig | Solution, float], ...]
    epochs: int
    seconds: float
    test: LabelledSplit = field(repr=False)
    predictions: np.ndarray = field(repr=False)
    counts: np.ndarray | None = field(default=None, repr=False)
    level_weights: tuple[float, ...] | None = None
    probe: TrainedProbe | None = field(default=None, repr=False)

    @property
    def validation_score(self) -> float:
        """The best validation score, or loss if the loss selects."""
        return self.chosen.score if isinstance(self.chosen, Solution) else self.chosen.best.score
