"""The items of a fold, in the form that its probes take: drawn, pooled, standardized, in the protocol's order.

Numeric targets are always standardized, by the training items (`downstream.scaling`).
"""

from collections.abc import Mapping

import numpy as np

from downstream.pooling.pooling import Pooling
from downstream.probes import features
from downstream.probes.features import Concatenated, Features, ProbeData
from downstream.probes.fit import Score, StackedScore
from downstream.probes.protocol import Protocol
from downstream.scaling import TargetScale
from downstream.solvers import SOLVERS
from downstream.splits import LabelledSplit, concatenated, of_files
from downstream.tasks.drawn import drawn
from downstream.tasks.task import Fold, Task
from downstream.trained.preparation import Preparation


class FoldData:
    """Training, validation and test items of every fold of an evaluation.

    Args:
        splits: the embedding of every split.
        protocol: says which clips are drawn, and whether features are standardized.
        seed: of the draw and of shuffled batches.
        pooling: of levels or tokens. What it learns is left to the probe: features then stay as they lie, and each
            part of them is standardized by itself.
    """

    def __init__(
        self,
        task: Task,
        splits: Mapping[str, LabelledSplit],
        protocol: Protocol,
        seed: int,
        pooling: Pooling | None = None,
    ) -> None:
        self.task, self.splits, self.protocol, self.seed = task, splits, protocol, seed
        self.pooling = pooling if pooling and not pooling.learns else None
        self.standardizes = SOLVERS[protocol.base].standardized if protocol.is_solved else protocol.standardized
        self._preparations: dict[str, Preparation] = {}
        self._drawn: dict[str, list[LabelledSplit]] = {}
        self._scales = {fold.name: self._scale(fold) for fold in task.folds()} if task.is_regression else {}

    def train(self, fold: Fold) -> ProbeData:
        """The training items of a fold; those of drawn clips if the protocol draws."""
        parts = self._parts(fold)
        y: np.ndarray | Concatenated
        y = parts[0].y if len(parts) == 1 else Concatenated([part.y for part in parts])  # no copy a fold
        shuffle = self.seed if self.protocol.shuffled else None
        key = (*map(id, parts), self.pooling, self._scaling(fold), shuffle)
        return ProbeData(self._features(fold, concatenated(parts)), self._targets(fold, y), shuffle, key=key)

    def other(self, fold: Fold, split: str) -> ProbeData:
        """All items of a split, as the probes of a fold take them."""
        part = self.splits[split]
        key = id(part), self.pooling, self._scaling(fold)
        return ProbeData(self._features(fold, part.x), self._targets(fold, part.y), key=key)

    def preparation(self, fold: Fold) -> Preparation:
        """What makes features of embeddings, as the probes of a fold take them: pooled, then standardized."""
        if not self.standardizes:
            return Preparation(self.pooling)
        if fold.name not in self._preparations:
            pooled = Preparation(self.pooling).pooled(concatenated(self._parts(fold)))
            self._preparations[fold.name] = Preparation(self.pooling, features.statistics(pooled))
        return self._preparations[fold.name]

    def scale(self, fold: Fold) -> TargetScale | None:
        """The scale of a fold's numeric targets; None for labels."""
        return self._scales.get(fold.name)

    def in_units(self, fold: Fold, predictions: np.ndarray) -> np.ndarray:
        """Predictions (items, labels) of the probes of a fold, in the units of the task; probabilities as they are."""
        return self._scales[fold.name].in_units(predictions) if self._scales else predictions

    def score(self, fold: Fold, score: Score) -> Score:
        """A score of predictions in the units of the task, as one of what the probes of a fold predict."""
        return self._scales[fold.name].score(score) if self._scales else score

    def stacked_score(self, fold: Fold, score: StackedScore | None) -> StackedScore | None:
        """The same of a score of many probes on their device; None if only the host can."""
        return self._scales[fold.name].stacked_score(score) if self._scales and score else score

    def _scale(self, fold: Fold) -> TargetScale:
        y = np.concatenate([part.y for part in self._parts(fold)])
        return TargetScale.of(y, self.task.labels, f"{self.task.folder}: fold {fold.name}")

    def _targets(self, fold: Fold, y: "np.ndarray | Concatenated") -> "np.ndarray | Concatenated":
        return self._scales[fold.name].standardized(y[:]) if self._scales else y

    def _parts(self, fold: Fold) -> list[LabelledSplit]:
        protocol = self.protocol
        if not protocol.draws:
            return [self.splits[name] for name in fold.train]
        if fold.name not in self._drawn:
            files = drawn(self.task, fold.train, self.seed, fewshot=protocol.fewshot, fraction=protocol.fraction)
            chosen = [of_files(self.splits[name], files[name]) for name in fold.train]
            self._drawn[fold.name] = [part for part in chosen if len(part.y)]
        return self._drawn[fold.name]

    def _scaling(self, fold: Fold) -> str | None:
        return fold.name if self.standardizes or self._scales else None

    def _features(self, fold: Fold, x: Features) -> Features:
        return self.preparation(fold)(x)
