"""A run's models compared: pairs on the same clips, all over the tasks, and where the spread of scores comes from."""

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from downstream.scores.metrics import METRICS
from results.rows.rows import read_rows
from results.scores.scores import UNTRAINED_MARK, scores
from results.statistics import ranks, variance
from results.statistics.swapped import Metric
from results.statistics.versus import RIGHT_OR_WRONG, comparisons

Pair = tuple[str, str]


@dataclass(frozen=True)
class Compared:
    """What there is to say of the models of a run; None for what can't be said, which `notes` explain.

    Attributes:
        pairs: of models that were compared on clips.
        clips: `results.statistics.versus.comparisons` of these pairs; None where none were named.
        tasks: `results.statistics.ranks.pairwise_wilcoxon`, of the models named or of all.
        ranking: Friedman's test of all models, `results.statistics.ranks.ranking`.
        variance: `results.statistics.variance.variance`, of the models named or of all.
    """

    pairs: tuple[Pair, ...]
    clips: pd.DataFrame | None
    tasks: pd.DataFrame | None
    ranking: ranks.Ranking | None
    variance: pd.DataFrame
    notes: tuple[str, ...]


def compared(
    folder: str | Path,
    pairs: Iterable[Pair] = (),
    *,
    all_metrics: bool = False,
    most_pairs: float = math.inf,
    **options,
) -> Compared:
    """Pairs of models of a run, or all models over the tasks alone where none are named.

    Args:
        pairs: models, as rows call them. all_metrics: on clips also mAP and its like, which are computed anew for every
            swap pattern. most_pairs: without pairs, more than these are not tested. options: those of
            `results.statistics.versus.comparisons`.

    Raises:
        FileNotFoundError: for a folder without rows. ValueError: for a model that is not in the run.
    """
    pairs, rows, notes = tuple(pairs), read_rows(folder), []
    if rows.empty:
        raise ValueError(f"{Path(folder) / 'rows.csv'}: expected rows, got none: nothing was measured")
    named = set(itertools.chain.from_iterable(pairs))
    _check(rows, folder, *itertools.chain.from_iterable(pairs))
    clips = _on_clips(folder, pairs, clip_metrics() if all_metrics else {}, options, notes) if pairs else None
    chosen = rows[rows["model"].isin(named)] if pairs else rows
    alpha = 1 - options.get("confidence", 0.95)
    tasks = _or_note(lambda: _over_tasks(chosen, pairs, alpha, most_pairs), "no test over tasks", notes)
    ranking = _or_note(lambda: ranks.ranking(scores(rows), alpha), "no ranking of all models", notes)
    tried = variance.tried(folder) if any((Path(folder) / "jobs").glob("*.json")) else None
    return Compared(pairs, clips, tasks, ranking, variance.variance(chosen, tried), tuple(notes))


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
    folder: str | Path, pairs: Sequence[Pair], metrics: Mapping[str, Metric], options: dict, notes: list[str]
) -> pd.DataFrame | None:
    slow = {name: metric for name, metric in metrics.items() if name not in RIGHT_OR_WRONG}
    try:
        return comparisons(folder, pairs, slow, **options)
    except FileNotFoundError as error:
        notes.append(f"no comparison on clips: {error}")
        return None


def _over_tasks(rows: pd.DataFrame, pairs: Sequence[Pair], alpha: float, most_pairs: float) -> pd.DataFrame:
    found = scores(rows)
    models = found["model"].nunique()
    if not pairs and math.comb(models, 2) > most_pairs:
        raise ValueError(
            f"{models} models make {math.comb(models, 2)} pairs, more than the {most_pairs} that are shown"
        )
    labels = {label.removesuffix(UNTRAINED_MARK): label for label in found["model"]}
    chosen = [(labels[a], labels[b]) for a, b in pairs if a != b]
    return ranks.pairwise_wilcoxon(found, pairs=chosen if pairs else None, alpha=alpha)


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
