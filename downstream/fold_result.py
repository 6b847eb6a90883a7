"""The result of evaluating one fold."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from downstream.events.targets import PostProcessing
from downstream.probes.fit import Fit
from downstream.probes.probe import ProbeConfig
from downstream.splits import LabelledSplit
from downstream.tasks.task import Fold


@dataclass(frozen=True)
class FoldResult:
    """The result of one fold.

    Attributes:
        fold: the splits to train, validate and test on.
        chosen: the fit of the best validation score.
        postprocessing: how the test's predictions became events; None for scene tasks.
        test_loss: mean over the test items.
        scores: metric -> score in the task's order, the primary first, each metric before its parts.
        missing: metric -> the reason why its score is NaN.
        tried: each probe configuration that was fitted here, and its best validation score.
        epochs: of all fits together.
        seconds: of all fits together, each its share of its pack's, and of the test.
        test: the test split.
        predictions: (items, labels) probabilities on the test split, for paired statistics.
        counts: (files, numbers) that the primary score sums over the test's files; None for scene tasks.
    """

    fold: Fold
    chosen: Fit
    postprocessing: PostProcessing | None
    test_loss: float
    scores: Mapping[str, float]
    missing: Mapping[str, str]
    tried: tuple[tuple[ProbeConfig, float], ...]
    epochs: int
    seconds: float
    test: LabelledSplit = field(repr=False)
    predictions: np.ndarray = field(repr=False)
    counts: np.ndarray | None = field(default=None, repr=False)
