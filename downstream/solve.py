"""Evaluate embeddings by probes without epochs: nearest neighbors, ridge, logistic regression.

In each fold the setting with the best validation score is chosen, and tested. For event tasks validation also chooses
the threshold of events: predictions of these probes are no calibrated probabilities, and events are rare. The training
items are read into memory.
"""

import dataclasses
import math
import time
from collections.abc import Mapping

import numpy as np

from downstream.checks import check_protocol, check_splits, check_task
from downstream.disk.memory import check_memory
from downstream.fold_data import FoldData
from downstream.fold_result import FoldResult, Solution
from downstream.pooling.pooling import Pooling, check_pooling
from downstream.probes.features import ProbeData, pieces
from downstream.probes.probe import ProbeConfig
from downstream.probes.protocol import Protocol
from downstream.scores import metrics
from downstream.scores.scoring import Scorer
from downstream.solvers import SOLVERS
from downstream.solvers.solver import Weights
from downstream.splits import LabelledSplit
from downstream.tasks.limited import check_limit
from downstream.tasks.task import Fold, Task
from downstream.trained.probe import TrainedProbe, as_tensors, shifted

THRESHOLDS = (0.5, 0.4, 0.3, 0.2, 0.1)
COPIES = 3  # of the training items while a solver works: as read, as float64, and scikit-learn's centered ones


class SolvedEvaluation:
    """One embedding on one task under a protocol without epochs.

    Arguments and errors are those of `downstream.evaluate.Evaluation`.
    """

    grid: tuple[ProbeConfig, ...] = ()  # of configurations with epochs

    def __init__(
        self,
        task: Task,
        splits: Mapping[str, LabelledSplit],
        protocol: str,
        seed: int = 0,
        pooling: Pooling | None = None,
    ) -> None:
        self.task, self.splits, self.seed = task, splits, seed
        self.protocol = Protocol.parse(protocol)
        self.solver = SOLVERS[self.protocol.base]
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}")
        check_task(task)
        check_protocol(task, self.protocol)
        check_limit(task, self.protocol.limit)
        check_pooling(pooling, self.protocol, {name: split.x.shape[1] for name, split in splits.items()})
        check_splits(task, splits)
        self.folds = task.folds()
        self.data = FoldData(task, splits, self.protocol, seed, pooling)

    @property
    def count(self) -> int:
        """How many folds are solved."""
        return len(self.folds)

    def result(self, fold: Fold, device: str) -> FoldResult:
        """Solve, choose and test a fold."""
        start = time.perf_counter()
        train = self.data.train(fold)
        settings = self.solver.settings(len(train.y))
        y = np.asarray(train.y[:], np.float32)
        solved = self.solver.fit(_whole(train), y, settings, self.task.prediction_type, device)
        validate = self.data.score(fold, Scorer(self.task, fold.valid, self.splits[fold.valid]).validate)
        tried: list[Solution] = []
        for value, predictions in solved(_whole(self.data.other(fold, fold.valid))).items():
            for threshold in THRESHOLDS if self.task.is_event else (None,):
                scores, postprocessing = validate(shifted(predictions, threshold))
                score = next(iter(scores.values()))
                tried.append(Solution(self.solver.setting, value, score, threshold, postprocessing))
        chosen = self._best(tried)
        predictions = np.asarray(solved(_whole(self.data.other(fold, fold.test)))[chosen.value])
        weights = solved.weights(chosen.value)
        probe = None if weights is None else self._probe(fold, chosen, weights)
        tested = self._tested(fold, chosen, tried, predictions)
        return dataclasses.replace(tested, probe=probe, seconds=time.perf_counter() - start)

    def _probe(self, fold: Fold, chosen: Solution, weights: Weights) -> TrainedProbe:
        return TrainedProbe(
            kind=self.protocol.base,
            weights=as_tensors(weights),
            dim=self.splits[fold.test].x.shape[1],
            labels=len(self.task.labels),
            prediction_type=self.task.prediction_type,
            preparation=self.data.preparation(fold),
            scale=self.data.scale(fold),
            threshold=chosen.threshold,
            postprocessing=chosen.postprocessing,
        )

    def _best(self, tried: list[Solution]) -> Solution:
        """The solution of the best score; the first one wins a tie, and NaN is worse than any."""
        sign = 1 if metrics.get(self.task.metrics[0]).higher_is_better else -1
        return max(tried, key=lambda one: -math.inf if math.isnan(one.score) else sign * one.score)

    def _tested(self, fold: Fold, chosen: Solution, tried: list[Solution], predictions: np.ndarray) -> FoldResult:
        test = self.splits[fold.test]
        loss = float(np.mean(np.square(predictions - self.data.other(fold, fold.test).y[:]), dtype=np.float64))
        predictions = shifted(self.data.in_units(fold, predictions), chosen.threshold)
        scorer = Scorer(self.task, fold.test, test)
        scores = scorer.reported(predictions, chosen.postprocessing)
        return FoldResult(
            fold=fold,
            chosen=chosen,
            postprocessing=chosen.postprocessing,
            test_loss=loss,
            scores=scores,
            missing=scorer.missing(scores, predictions),
            tried=tuple((one, one.score) for one in tried),
            epochs=0,
            seconds=0.0,
            test=test,
            predictions=predictions,
            counts=scorer.counts(predictions, chosen.postprocessing),
        )


def _whole(data: ProbeData) -> np.ndarray:
    """All items in memory: (items, dim) float32."""
    items, dim = data.x.shape
    check_memory(f"{items} items of {dim} features", 8 * COPIES * items * dim)
    whole = np.empty((items, dim), np.float32)
    for piece in pieces(data.x):
        whole[piece] = data.x[piece]
    return whole
