"""Evaluate embeddings on tasks: folds, probe grid, model selection, test scores.

The configuration with the best validation score on the first fold is fitted on the other folds, too (hear-eval-kit
2021.1.3). Evaluations that are made together share packs: first the grids on all first folds, then the chosen
configurations on all other folds.
"""

import dataclasses
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch

from downstream.checks import check_protocol, check_splits, check_task
from downstream.events import targets
from downstream.events.targets import PostProcessing
from downstream.fold_data import FoldData
from downstream.fold_result import FoldResult
from downstream.pooling.learned import level_weights
from downstream.pooling.pooling import Pooling, check_pooling
from downstream.probes.finished import FinishedFits
from downstream.probes.fit import Fit, Fitting, predict
from downstream.probes.pack import fit_all
from downstream.probes.probe import ProbeConfig
from downstream.probes.protocol import Protocol
from downstream.probes.selection import Selection
from downstream.progress import Advance, Track, silent
from downstream.scores import metrics
from downstream.scores.scoring import Scorer
from downstream.solve import SolvedEvaluation
from downstream.splits import LabelledSplit
from downstream.tasks.limited import check_limit
from downstream.tasks.task import Fold, Task
from downstream.trained.probe import TrainedProbe
from downstream.watching import FoldFitted, notify

logger = logging.getLogger(__name__)


class Evaluation:
    """One embedding on one task under one protocol and seed.

    Args:
        splits: the embedding of every split, from the store (`splits.from_store`) or a kit folder (`kit.read_folder`).
        protocol: its text form.
        seed: fixes the initial weights and the dropout of every probe.
        finished: the folder that keeps finished fits until this evaluation has its results; None keeps none.
        pooling: how the levels or tokens in the features become the vector that a probe takes; None leaves them as
            they are.

    Raises:
        ValueError: the protocol is unknown, or can't train the pooling; the seed is below 0; the task has more clips
            than the protocol uses; its metadata contradict themselves; features are not finite, or no whole number
            of parts.
    """

    def __init__(
        self,
        task: Task,
        splits: Mapping[str, LabelledSplit],
        protocol: str = "hear2021",
        seed: int = 0,
        finished: Path | None = None,
        pooling: Pooling | None = None,
    ) -> None:
        self.task, self.splits, self.seed, self.pooling = task, splits, seed, pooling
        self.finished = FinishedFits(finished, pooling) if finished else None
        self.protocol = Protocol.parse(protocol)
        if seed < 0:
            raise ValueError(f"seed must be at least 0, got {seed}")
        check_task(task)
        check_protocol(task, self.protocol)
        check_limit(task, self.protocol.limit)
        self.grid = self.protocol.configurations(task)
        check_pooling(pooling, self.protocol, {name: split.x.shape[1] for name, split in splits.items()})
        check_splits(task, splits)
        self.folds = task.folds()
        self.fits: list[list[Fit]] = []
        self.data = FoldData(task, splits, self.protocol, seed, pooling)

    @property
    def count(self) -> int:
        """How many fits the evaluation needs."""
        return len(self.grid) + len(self.folds) - 1

    def first(self) -> list[Fitting]:
        """The fits of the grid on the first fold."""
        self.fits = []
        return self._fittings(self.folds[0], self.grid)

    def others(self, fits: Sequence[Fit]) -> list[Fitting]:
        """The fits of the configuration that was best on the first fold, on the other folds."""
        best = _best(fits, selection_of(self.task))
        self.fits = [[fit if fit is best else dataclasses.replace(fit, state={}) for fit in fits]]
        self.fitted(self.folds[0].name, best)
        return [fitting for fold in self.folds[1:] for fitting in self._fittings(fold, [best.config])]

    def kept(self, fitting: Fitting) -> Fit | None:
        """A fit that was kept when it had ended; None if there is none."""
        fit = self.finished.read(fitting) if self.finished else None
        if fit and self.fits:
            self.fitted(fitting.seed[1], fit)
        return fit

    def fitted(self, fold: str, fit: Fit) -> None:
        """Notify the watcher of a fold's chosen fit."""
        notify(FoldFitted(self.task, self.seed, fold, fit.best.score, self.finished))

    def results(self, fits: Sequence[Fit], device: str) -> list[FoldResult]:
        """Test every fold, in the order of `task.folds()`."""
        self.fits += [[fit] for fit in fits]
        return [self._result(fold, fits, device) for fold, fits in zip(self.folds, self.fits, strict=True)]

    def _fittings(self, fold: Fold, configs: Sequence[ProbeConfig]) -> list[Fitting]:
        train, valid = self.data.train(fold), self.data.other(fold, fold.valid)
        score = self.data.score(fold, Scorer(self.task, fold.valid, self.splits[fold.valid]).validate)
        selection, kind = selection_of(self.task), self.task.prediction_type
        stacked = self.data.stacked_score(fold, metrics.get(self.task.metrics[0]).stacked)
        seed = self.seed, fold.name
        pooling = self.pooling if self.pooling and self.pooling.learns else None
        rest = train, valid, kind, selection, score, seed, None, stacked, self.protocol.matmul, pooling
        return [Fitting(config, *rest) for config in configs]

    def _result(self, fold: Fold, fits: Sequence[Fit], device: str) -> FoldResult:
        start = time.perf_counter()
        task, test = self.task, self.splits[fold.test]
        chosen = _best(fits, selection_of(task))
        data = self.data.other(fold, fold.test)
        predictions, loss = predict(chosen, data, task.prediction_type, device, self.protocol.matmul)
        predictions = self.data.in_units(fold, predictions)
        setting = chosen.best.postprocessing
        if task.is_event and setting is None:  # the loss selected: nothing was decoded, the grid has one point
            (setting,) = targets.postprocessing_grid(task.evaluation_params)
        scorer = Scorer(task, fold.test, test)
        scores = scorer.reported(predictions, setting)
        missing = scorer.missing(scores, predictions)
        for metric, reason in missing.items():
            logger.warning("%s: fold %s: no %s: %s", task.name, fold.name, metric, reason)
        return FoldResult(
            fold=fold,
            chosen=chosen,
            postprocessing=setting,
            test_loss=loss,
            scores=scores,
            missing=missing,
            tried=tuple((trial.config, trial.best.score) for trial in fits),
            epochs=sum(trial.epochs for trial in fits),
            seconds=sum(trial.seconds for trial in fits) + time.perf_counter() - start,
            test=test,
            predictions=predictions,
            counts=scorer.counts(predictions, setting),
            level_weights=level_weights(self.pooling, chosen.state),
            probe=self._probe(fold, chosen, setting),
        )

    def _probe(self, fold: Fold, chosen: Fit, setting: PostProcessing | None) -> TrainedProbe:
        task, x = self.task, self.splits[fold.test].x
        return TrainedProbe(
            kind=chosen.config,
            weights=chosen.state,
            dim=x.shape[1],
            labels=len(task.labels),
            prediction_type=task.prediction_type,
            preparation=self.data.preparation(fold),
            pooling=chosen.pooling,
            scale=self.data.scale(fold),
            postprocessing=setting,
        )


AnyEvaluation = Evaluation | SolvedEvaluation


def evaluate(
    task: Task,
    splits: Mapping[str, LabelledSplit],
    *,
    protocol: str = "hear2021",
    seed: int = 0,
    device: str = "cpu",
    track: Track = silent,
    pooling: Pooling | None = None,
) -> list[FoldResult]:
    """Fit and test probes on every fold of a task.

    Arguments and errors are those of `Evaluation`.

    Returns:
        A result for each fold, in the order of `task.folds()`.
    """
    evaluation = evaluation_of(task, splits, protocol, seed, pooling=pooling)
    with track(f"probes on {task.name}", evaluation.count) as advance:
        ((_, results),) = evaluate_all([evaluation], device, advance)
    return results


def evaluation_of(
    task: Task,
    splits: Mapping[str, LabelledSplit],
    protocol: str = "hear2021",
    seed: int = 0,
    finished: Path | None = None,
    pooling: Pooling | None = None,
) -> AnyEvaluation:
    """The evaluation that a protocol asks for; arguments and errors are those of `Evaluation`."""
    if Protocol.parse(protocol).is_solved:
        return SolvedEvaluation(task, splits, protocol, seed, pooling)
    return Evaluation(task, splits, protocol, seed, finished, pooling)


def evaluate_all(
    evaluations: Sequence[AnyEvaluation], device: str, advance: Advance = lambda fits: None
) -> Iterator[tuple[int, list[FoldResult]]]:
    """Yield the number of each evaluation and its results.

    On a CPU evaluations run one after the other, on CUDA together.

    Args:
        advance: called with the number of fits that have ended.

    Raises:
        ValueError: the device can't compute as a protocol says.
    """
    for evaluation in evaluations:
        evaluation.protocol.check(device)
    trained: list[tuple[int, Evaluation]] = []
    for number, one in enumerate(evaluations):
        if isinstance(one, Evaluation):
            trained.append((number, one))
        else:
            yield number, _solved(one, device, advance)
    at_once = max(1, len(trained)) if evaluated_together(device) else 1
    for start in range(0, len(trained), at_once):
        numbers, group = zip(*trained[start : start + at_once], strict=True)
        grids = _fit_each(group, [evaluation.first() for evaluation in group], device, advance)
        others = [evaluation.others(fits) for evaluation, fits in zip(group, grids, strict=True)]
        refitted = _fit_each(group, others, device, advance)
        for number, evaluation, fits in zip(numbers, group, refitted, strict=True):
            yield number, evaluation.results(fits, device)


def _solved(evaluation: SolvedEvaluation, device: str, advance: Advance) -> list[FoldResult]:
    results = []
    for fold in evaluation.folds:
        result = evaluation.result(fold, device)
        notify(FoldFitted(evaluation.task, evaluation.seed, fold.name, result.validation_score, None))
        results.append(result)
        advance(1)
    return results


def evaluated_together(device: str) -> bool:
    """Whether evaluations train their probes together: not on a CPU, where that gains nothing."""
    return torch.device(device).type != "cpu"


def selection_of(task: Task) -> Selection:
    """How the best epoch and configuration of a task are chosen."""
    return Selection(by_loss=task.selects_by_loss, higher_is_better=metrics.get(task.metrics[0]).higher_is_better)


def _fit_each(
    evaluations: Sequence[Evaluation], fittings: Sequence[list[Fitting]], device: str, advance: Advance
) -> list[list[Fit]]:
    """The fits of each evaluation, made together; fits that were kept are not made again."""
    flat = [(evaluation, fitting) for evaluation, group in zip(evaluations, fittings, strict=True) for fitting in group]
    fits_by_place = {i: fit for i, (owner, fitting) in enumerate(flat) if (fit := owner.kept(fitting))}
    waiting = [i for i in range(len(flat)) if i not in fits_by_place]
    advance(len(fits_by_place))

    def done(place: int, fit: Fit) -> None:
        evaluation, fitting = flat[waiting[place]]
        if evaluation.finished:
            evaluation.finished.write(fitting, fit)
        advance(1)
        if evaluation.fits:  # the grid is done: this is the fold's only fit
            evaluation.fitted(fitting.seed[1], fit)

    fits_by_place |= zip(waiting, fit_all([flat[i][1] for i in waiting], device, done), strict=True)
    fits = (fits_by_place[i] for i in range(len(flat)))
    return [[next(fits) for _ in group] for group in fittings]


def _best(fits: Sequence[Fit], selection: Selection) -> Fit:
    """The fit of the best validation score; the first one wins a tie."""
    best = fits[0]
    for candidate in fits[1:]:
        if selection.better(candidate.best.score, best.best.score):
            best = candidate
    return best
