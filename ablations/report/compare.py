"""Compare a run's models: pairs on the same clips, all over the tasks, and where the spread of scores comes from."""

import html
import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from downstream.scores.metrics import METRICS
from results.rows.choices import choices
from results.rows.rows import read_rows
from results.scores.conditions import are_changed
from results.scores.records import read_record
from results.scores.scores import Rows, Scored
from results.statistics import ranks, variance
from results.statistics.conditions import against_clean, changes_compared, changes_shown, shown
from results.statistics.permutation import RESAMPLES
from results.statistics.shown import as_html
from results.statistics.swapped import Metric
from results.statistics.versus import NOT_COMPARED, RIGHT_OR_WRONG, comparisons

Pair = tuple[str, str]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Compared:
    """The comparisons of a run's models; None for those that can't be made, which `notes` explain.

    Attributes:
        pairs: of models that were compared on clips.
        clips: `results.statistics.versus.comparisons` of these pairs; None where none were named.
        tasks: `results.statistics.ranks.pairwise_wilcoxon`, of the models named or of all.
        ranking: Friedman's test of all models, `results.statistics.ranks.ranking`.
        variance: `results.statistics.variance.variance`, of the models named or of all.
        untrained: whether a model that is shown has untrained weights.
        conditions: `results.statistics.conditions.against_clean` of the models named or of all; None where no task has
            conditions.
        changes: `results.statistics.conditions.changes_compared` of the pairs; None likewise, or without pairs.
    """

    pairs: tuple[Pair, ...]
    clips: pd.DataFrame | None
    tasks: pd.DataFrame | None
    ranking: ranks.Ranking | None
    variance: pd.DataFrame
    untrained: bool
    notes: tuple[str, ...]
    conditions: pd.DataFrame | None = None
    changes: pd.DataFrame | None = None

    def _repr_html_(self) -> str:
        parts = [] if self.clips is None else ["<h4>On the same test clips</h4>", self.clips._repr_html_()]
        if self.conditions is not None:
            parts += ["<h4>Against clean sound, on the same test clips</h4>", as_html(shown(self.conditions))]
        if self.changes is not None:
            parts += ["<h4>What the conditions change in A and in B</h4>", as_html(changes_shown(self.changes))]
        if self.tasks is not None and len(self.tasks):
            over_tasks = self.tasks.drop(columns=["p", "reason"]).round(3)
            parts += ["<h4>Over tasks, by Wilcoxon's test</h4>", as_html(over_tasks)]
        if self.ranking is not None:
            parts += ["<h4>All models over tasks</h4>", self.ranking._repr_html_()]
        return "\n".join([*parts, *(f"<p>{html.escape(note)}.</p>" for note in self.notes)])


def compared(
    folder: str | Path,
    pairs: Iterable[Pair] = (),
    *,
    rows: Rows | None = None,
    all_metrics: bool = False,
    most_pairs: float = math.inf,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Compared:
    """Compare pairs of models of a run, or all models over the tasks alone where none are named.

    Args:
        pairs: models, as rows call them.
        rows: the measured rows of the run, where they are at hand.
        all_metrics: whether to compare also mAP and its like on clips, which are computed anew for every swap pattern.
        most_pairs: without pairs, the largest number that is tested.
        confidence, resamples, seed: as in `results.statistics.versus.comparisons`.

    Raises:
        FileNotFoundError: for a folder without rows.
        ValueError: for a model that is not in the run.
    """
    pairs, notes = tuple(pairs), list[str]()
    whole = Scored.of(read_rows(folder) if rows is None else rows)
    if whole.rows.empty:
        raise ValueError(f"{Path(folder) / 'rows.csv'}: expected rows, got none: nothing was measured")
    named = set(itertools.chain.from_iterable(pairs))
    _check(whole.rows, folder, *itertools.chain.from_iterable(pairs))
    clips = conditions = changes = None
    slow = (
        {name: metric for name, metric in clip_metrics().items() if name not in RIGHT_OR_WRONG} if all_metrics else {}
    )
    options: dict[str, Any] = {"confidence": confidence, "resamples": resamples, "seed": seed}
    if pairs:
        try:
            clips = comparisons(folder, pairs, slow, **options)
        except FileNotFoundError as error:
            notes.append(f"no comparison on clips: {error}")
    if are_changed(whole.rows["task"]).any():
        conditions = against_clean(folder, slow, models=frozenset(named) or None, **options)
        if (conditions["verdict"] == NOT_COMPARED).all():
            reasons = "; ".join(conditions["reason"].unique()[:1])
            notes, conditions = [*notes, f"no comparison with clean sound: {reasons}"], None
        elif pairs:
            changes = changes_compared(folder, pairs, **options)
        notes.append("tests over tasks leave out tasks under conditions, whose clips are those of the clean tasks")
    chosen = whole
    if pairs:
        chosen = Scored(*(table[table["model"].isin(named)] for table in (whole.rows, whole.scores)))
    alpha = 1 - confidence
    tasks = _or_note(lambda: _over_tasks(chosen.scores, pairs, alpha, most_pairs), "no test over tasks", notes)
    ranking = _or_note(lambda: ranks.ranking(whole.scores, alpha), "no ranking of all models", notes)
    tried = variance.tried(folder) if any((Path(folder) / "jobs").glob("*.json")) else None
    untrained = bool((chosen if ranking is None else whole).scores["untrained"].any())
    return Compared(
        pairs, clips, tasks, ranking, variance.variance(chosen, tried), untrained, tuple(notes), conditions, changes
    )


def clip_metrics() -> Mapping[str, Metric]:
    """Give HEAR's metrics of scene tasks as functions of (prediction, target) to a number."""

    def number(name: str) -> Metric:
        return lambda prediction, target: next(iter(METRICS[name].score(prediction, np.asarray(target)).values()))

    return {name: number(name) for name, metric in METRICS.items() if not metric.of_events}


def ranking_line(ranking: ranks.Ranking) -> str:
    """Say the outcome of Friedman's test in a sentence."""
    models, tasks = len(ranking.ranks), len(ranking.tasks)
    test = f"Friedman of {models} models over {tasks} tasks: chi-square {ranking.statistic:.3g}, p {ranking.p:.3g}"
    return f"{test}; mean ranks more than {ranking.distance:.2f} apart differ (Nemenyi, level {ranking.alpha:g})."


def _over_tasks(scores: pd.DataFrame, pairs: Sequence[Pair], alpha: float, most_pairs: float) -> pd.DataFrame:
    models = scores["model"].nunique()
    if not pairs and math.comb(models, 2) > most_pairs:
        raise ValueError(
            f"{models} models make {math.comb(models, 2)} pairs, more than the {most_pairs} that are shown"
        )
    return ranks.pairwise_wilcoxon(scores, pairs=[(a, b) for a, b in pairs if a != b] if pairs else None, alpha=alpha)


def _or_note(work: Callable[[], Result], missing: str, notes: list[str]) -> Result | None:
    """Do the work; where it raises ValueError, note why the result is missing."""
    try:
        return work()
    except ValueError as error:
        notes.append(f"{missing}: {error}")
        return None


def _check(rows: pd.DataFrame, folder: str | Path, *models: str) -> None:
    record = read_record(folder)
    known = dict.fromkeys([*rows["model"], *(model.label for model in (record.models if record else ()))])
    for model in models:
        if model not in known:
            raise ValueError(f"unknown model {model!r} in {folder}{choices(model, known, f'`ablate table {folder}`')}")
