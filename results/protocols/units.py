"""Scores of many models on drawn test clips: what each independent unit adds to them, under one protocol.

A unit is a group of clips (a speaker, a recording) in whatever folds it is, or a clip on its own. The score of drawn
units is the mean over folds of a fold's score of its drawn clips, where a fold counts by the share of its clips that
were drawn. With every unit once that is the score of tables.
"""

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from results.protocols.runs import ProtocolRun
from results.rows.event_counts import EVENT_SCORES
from results.rows.predictions import Clips, correct, read_clips
from results.scores.normalize import LOWER_IS_BETTER
from results.statistics.clips import aligned, arrays, number_units
from results.statistics.ranks import DIGITS
from results.statistics.swapped import counted, summed
from results.statistics.versus import RIGHT_OR_WRONG

Scores = Callable[[np.ndarray], np.ndarray]
"""(draws, units), how often each unit is drawn, to (draws, models) scores, more is better."""


@dataclass(frozen=True)
class Drawable:
    """A task whose test units can be drawn, paired over models and protocols.

    Attributes:
        units: how many there are.
        grouped: whether units are groups of clips.
        scores: of each protocol.
    """

    units: int
    grouped: bool
    scores: dict[str, Scores]


def drawable(task: str, models: Sequence[str], runs: Sequence[ProtocolRun]) -> Drawable:
    """Read the predictions of models on a task under each protocol.

    Raises:
        FileNotFoundError: where a run has no predictions.
        ValueError: for a metric that is no mean of right clips and no function of counts of events, or runs of other
            clips.
    """
    metric = runs[0].metric(task)
    if metric not in EVENT_SCORES and metric not in RIGHT_OR_WRONG:
        raise ValueError(f"{metric} is not resampled: it is no share of right clips and no function of counts")
    first = _first(task, models[0], runs[0])
    folds = [clips for of_folder in first.values() for clips in of_folder]
    units, groups = number_units(folds)
    scores: dict[str, Scores] = {}
    for run in runs:
        of_models = [_of_model(_jobs(run, model, task), first, run, units, metric) for model in models]
        scores[run.protocol] = functools.partial(_side_by_side, of_models, -1 if metric in LOWER_IS_BETTER else 1)
    return Drawable(1 + max(int(numbers.max()) for numbers in units), not math.isnan(groups), scores)


def _jobs(run: ProtocolRun, model: str, task: str) -> dict[int, dict[str, str]]:
    """The jobs of a model on a task: seed -> task fingerprint -> job."""
    rows = run.cells.get((model, task), run.rows.iloc[:0])
    return {
        int(seed): dict(zip(of_seed["task_fp"], of_seed["job"], strict=True)) for seed, of_seed in rows.groupby("seed")
    }


def _first(task: str, model: str, run: ProtocolRun) -> dict[str, list[Clips]]:
    """The folds that all others must have: of one model and seed, by folder of the task."""
    jobs = next(iter(_jobs(run, model, task).values()))
    return {fingerprint: read_clips(run.folder, job) for fingerprint, job in sorted(jobs.items())}


def _of_model(
    jobs: dict[int, dict[str, str]],
    first: dict[str, list[Clips]],
    run: ProtocolRun,
    units: list[np.ndarray],
    metric: str,
) -> Scores:
    """The score of a model from draws, (draws, units) to (draws,): the mean over its seeds."""
    read = functools.partial(read_clips, run.folder)
    seeds = [aligned(first, of_seed, read) for of_seed in jobs.values()]
    share = [summed([np.ones(len(n)) if k == fold else np.zeros(len(n)) for k, n in enumerate(units)], units)
             for fold in range(len(units))]  # fmt: skip
    shares = np.stack(share)  # (folds, units), of the clips of all folds together 1
    if metric not in EVENT_SCORES:
        right = arrays(seeds, lambda clips: correct(clips).astype(float))
        sums = np.mean([summed(folds, units) for folds in right], axis=0)
        return functools.partial(_share, sums, shares.sum(0))
    without = "no counts of events in each clip: the run was made before they were kept"
    counts = counted(arrays(seeds, lambda clips: clips.counts, without), units)
    return functools.partial(_of_counts, counts, shares, EVENT_SCORES[metric])


def _share(right: np.ndarray, clips: np.ndarray, draws: np.ndarray) -> np.ndarray:
    return np.asarray((draws @ right) / (draws @ clips))


def _of_counts(counts: np.ndarray, shares: np.ndarray, score: Callable[..., Any], draws: np.ndarray) -> np.ndarray:
    """The score of counts, (seeds, folds, units, numbers); a fold without a drawn event has no part in it."""
    sums = np.einsum("du,sfun->dsfn", draws, counts, optimize=True)
    of_folds = score(sums)
    defined = ~np.isnan(of_folds)
    weights = (draws @ shares.T)[:, None, :] * defined  # (draws, seeds, folds)
    total = weights.sum(-1)
    means = np.where(defined, of_folds * weights, 0.0).sum(-1) / np.where(total > 0, total, np.nan)
    return np.asarray(means.mean(-1))


def _side_by_side(models: Sequence[Scores], sign: int, draws: np.ndarray) -> np.ndarray:
    return np.stack([sign * scores(draws) for scores in models], -1).round(DIGITS)
