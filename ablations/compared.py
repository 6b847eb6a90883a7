"""A run's models compared: two on the same clips, all over the tasks, and where the spread of scores comes from."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from downstream.metrics import METRICS
from results import ranks, variance
from results.bootstrap import Metric
from results.rows import read_rows
from results.scores import scores
from results.versus import RIGHT_OR_WRONG, versus


@dataclass(frozen=True)
class Compared:
    """What there is to say of the models of a run; None for what can't be said, which `notes` explain.

    Attributes:
        clips: `results.versus.versus` of two models; None where none were named.
        tasks: `results.ranks.pairwise_wilcoxon`, of these two or of all.
        ranking: Friedman's test of all models, `results.ranks.ranking`.
        variance: `results.variance.variance`, of these two or of all.
    """

    clips: pd.DataFrame | None
    tasks: pd.DataFrame | None
    ranking: ranks.Ranking | None
    variance: pd.DataFrame
    notes: tuple[str, ...]


def compared(
    folder: str | Path, a: str | None = None, b: str | None = None, *, all_metrics: bool = False, **options
) -> Compared:
    """Two models of a run, or all of them where none are named.

    Args:
        a, b: models, as rows call them. all_metrics: on clips also mAP and its like, which are computed anew for every
            resample. options: those of `results.bootstrap.paired_bootstrap`.

    Raises:
        FileNotFoundError: for a folder without rows. ValueError: for a model that is not in the run.
    """
    rows, notes = read_rows(folder), []
    if rows.empty:
        raise ValueError(f"{Path(folder) / 'rows.csv'}: expected rows, got none: nothing was measured")
    clips = None
    if a and b:
        _check(rows, folder, a, b)
        clips = _on_clips(folder, a, b, clip_metrics() if all_metrics else {}, options, notes)
    chosen = rows[rows["model"].isin([a, b])] if a and b else rows
    tasks = _or_note(lambda: ranks.pairwise_wilcoxon(scores(chosen)), "no test over tasks", notes)
    ranking = _or_note(lambda: ranks.ranking(scores(rows)), "no ranking of all models", notes)
    tried = variance.tried(folder) if any((Path(folder) / "jobs").glob("*.json")) else None
    return Compared(clips, tasks, ranking, variance.variance(chosen, tried), tuple(notes))


def clip_metrics() -> Mapping[str, Metric]:
    """HEAR's metrics of scene tasks as functions of (prediction, target) to a number."""

    def number(name: str) -> Metric:
        return lambda prediction, target: next(iter(METRICS[name].score(prediction, np.asarray(target)).values()))

    return {name: number(name) for name, metric in METRICS.items() if not metric.of_events}


def ranking_line(ranking: ranks.Ranking) -> str:
    """Friedman's test in a sentence."""
    of = f"Friedman of {len(ranking.ranks)} models over {len(ranking.tasks)} tasks"
    test = f"chi-square {ranking.statistic:.3g}, p {ranking.p:.3g}"
    apart = f"mean ranks more than {ranking.distance:.2f} apart differ (Nemenyi, level {ranking.alpha:g})"
    return f"{of}: {test}; {apart}."


def _on_clips(
    folder: str | Path, a: str, b: str, metrics: Mapping[str, Metric], options: dict, notes: list[str]
) -> pd.DataFrame | None:
    slow = {name: metric for name, metric in metrics.items() if name not in RIGHT_OR_WRONG}
    try:
        return versus(folder, a, b, slow, **options)
    except FileNotFoundError as error:
        notes.append(f"no comparison on clips: {error}")
        return None


def _or_note(work, what: str, notes: list[str]):
    try:
        return work()
    except ValueError as error:
        notes.append(f"{what}: {error}")
        return None


def _check(rows: pd.DataFrame, folder: str | Path, *models: str) -> None:
    known = list(rows["model"].unique())
    for model in models:
        if model not in known:
            raise ValueError(f"unknown model {model!r} in {folder}; expected one of {', '.join(known)}")
