"""A task under a protocol: folds, the grid of probe configurations, model selection, test scores.

The configuration is chosen on the first fold by its best validation score and refitted on the others; the first fold's
own fit is its result (hear-eval-kit 2021.1.3).
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.model_selection import ParameterGrid

from downstream import events, metrics
from downstream.fit import Fit, ProbeData, Selection, fit, predict
from downstream.probe import ProbeConfig
from downstream.progress import Track, silent
from downstream.scoring import Scorer
from downstream.splits import LabelledSplit, joined
from downstream.task import Fold, Task

GRID = {
    "hidden_layers": [1, 2],
    "lr": [3.2e-3, 1e-3, 3.2e-4, 1e-4],
    "init": ["xavier_uniform", "xavier_normal"],
}
GRID_POINTS = 8  # tried, of the 16
GRID_SEED = 42
TASK_SETTINGS: Mapping[str, Mapping[str, int]] = {"dcase2016_task2": {"check_val_every_n_epoch": 10}}
PROTOCOLS = ("hear2021",)


@dataclass(frozen=True)
class FoldResult:
    """One fold: the chosen fit and what it gives on the test split.

    Attributes:
        scores: by metric, in the task's order, the primary first; parts of a metric behind it.
        tried: per probe configuration that was fitted here, its best validation score.
        test: the test split. predictions: (items, labels) probabilities there, for paired statistics.
    """

    fold: Fold
    chosen: Fit
    test_loss: float
    scores: Mapping[str, float]
    tried: tuple[tuple[ProbeConfig, float], ...]
    test: LabelledSplit = field(repr=False)
    predictions: np.ndarray = field(repr=False)


def configurations(task: Task, protocol: str = "hear2021") -> list[ProbeConfig]:
    """The probe configurations that are tried, in order: 8 of 16, drawn as hear-eval-kit does with seed 42."""
    if protocol not in PROTOCOLS:
        raise ValueError(f"unknown protocol {protocol!r}, expected one of {', '.join(PROTOCOLS)}")
    points = list(ParameterGrid(GRID))
    random.Random(GRID_SEED).shuffle(points)
    settings = {**TASK_SETTINGS.get(task.metadata.get("task_name", ""), {}), **_own_settings(task)}
    return [ProbeConfig(**point, **settings) for point in points[:GRID_POINTS]]


def evaluate(
    task: Task,
    splits: Mapping[str, LabelledSplit],
    *,
    protocol: str = "hear2021",
    seed: int = 0,
    device: str = "cpu",
    track: Track = silent,
) -> list[FoldResult]:
    """Fit and test probes on every fold of a task.

    Args:
        splits: every split's embedding, from the store (`splits.from_store`) or a kit folder (`kit.read_folder`).
        seed: fixes the initial weights and the dropout of every probe.

    Returns:
        One result a fold, in the order of `task.folds()`.
    """
    _check(task)
    folds = task.folds()
    grid = configurations(task, protocol)
    results = []
    with track(f"probes on {task.name}", len(grid) + len(folds) - 1) as advance:
        first = _fit_all(task, folds[0], splits, grid, seed, device, advance)
        best = _best(first, selection_of(task))
        results.append(_result(task, folds[0], splits, best, first, device))
        for fold in folds[1:]:
            fits = _fit_all(task, fold, splits, [best.config], seed, device, advance)
            results.append(_result(task, fold, splits, fits[0], fits, device))
    return results


def selection_of(task: Task) -> Selection:
    """By what a task's best epoch and configuration are chosen."""
    return Selection(by_loss=task.selects_by_loss, higher_is_better=metrics.get(task.metrics[0]).higher_is_better)


def _fit_all(task: Task, fold: Fold, splits, grid: list[ProbeConfig], seed: int, device: str, advance) -> list[Fit]:
    train = joined([splits[name] for name in fold.train])
    valid = splits[fold.valid]
    fits = []
    for config in grid:
        fits.append(
            fit(
                config,
                train,
                ProbeData(valid.x, valid.y),
                prediction_type=task.prediction_type,
                selection=selection_of(task),
                score=Scorer(task, fold.valid, valid).validate,
                seed=(seed, fold.name),
                device=device,
            )
        )
        advance(1)
    return fits


def _best(fits: list[Fit], selection: Selection) -> Fit:
    """The fit of the best validation score; ties go to the one tried first."""
    best = fits[0]
    for candidate in fits[1:]:
        if selection.better(candidate.best.score, best.best.score):
            best = candidate
    return best


def _result(task: Task, fold: Fold, splits, chosen: Fit, fits: list[Fit], device: str) -> FoldResult:
    test = splits[fold.test]
    predictions, loss = predict(chosen, ProbeData(test.x, test.y), task.prediction_type, device)
    setting = chosen.best.postprocessing
    if task.is_event and setting is None:  # the loss selected, nothing was decoded at validation: one setting is left
        (setting,) = events.postprocessing_grid(task.evaluation_params)
    return FoldResult(
        fold=fold,
        chosen=chosen,
        test_loss=loss,
        scores=Scorer(task, fold.test, test).scores(predictions, setting),
        tried=tuple((trial.config, trial.best.score) for trial in fits),
        test=test,
        predictions=predictions,
    )


def _own_settings(task: Task) -> dict[str, Any]:
    """The task's own probe settings, each of exactly one value (MAESTRO has such)."""
    source = task.folder / "task_metadata.json"
    own = task.evaluation_params.get("task_specific_param_grid", {})
    known = ProbeConfig.__dataclass_fields__
    for name, values in own.items():
        if name not in known or name in GRID:
            raise ValueError(f"{source}: task_specific_param_grid: unknown setting {name!r}")
        if not isinstance(values, list) or len(values) != 1 or not isinstance(values[0], int | float):
            raise ValueError(f"{source}: task_specific_param_grid: {name} must be a list of one number, got {values!r}")
    return {name: values[0] for name, values in own.items()}


def _check(task: Task) -> None:
    """Raise ValueError, before anything is trained, for metrics and post-processing that do not fit the task."""
    source = task.folder / "task_metadata.json"
    try:
        for metric in map(metrics.get, task.metrics):
            if metric.of_events != task.is_event:
                raise ValueError(f"{metric.name} is not a metric of {task.embedding_type} tasks")
        grid = events.postprocessing_grid(task.evaluation_params)
    except ValueError as error:
        raise ValueError(f"{source}: evaluation: {error}") from None
    if task.is_event and task.selects_by_loss and len(grid) != 1:
        wanted = "exactly one point, as the validation loss selects"
        raise ValueError(f"{source}: event_postprocessing_grid must have {wanted}, got {len(grid)}")
