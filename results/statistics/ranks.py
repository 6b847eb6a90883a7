"""Models compared over tasks: Wilcoxon and Friedman tests, Holm's correction, Nemenyi's critical difference.

Tasks are the blocks, as Demsar 2006 ("Statistical Comparisons of Classifiers over Multiple Data Sets") has it; a
model's score on a task is one number, its mean. All take the table of `results.scores.scores.scores` (columns model,
task, metric, mean; flags where it has them), name models by their labels (`results.scores.labels`), and raise
ValueError for scores of several protocols or of several metrics of a task: they do not compare.
"""

import functools
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from results.rows.choices import choices
from results.scores.conditions import are_changed
from results.scores.labels import labels
from results.scores.normalize import LOWER_IS_BETTER
from results.statistics.permutation import fewest_units
from results.statistics.shown import as_html

DIFFER, NOT_ESTABLISHED = "differ", "not established"
EXACT = 12
"""Tasks that differ, up to which Wilcoxon's test is exact also with ties."""
DIGITS = 12
"""Differences of scores are compared to so many digits, so that rounding makes no ranks."""


@dataclass(frozen=True)
class Ranking:
    """Friedman's test, with what a critical-difference diagram shows.

    Attributes:
        ranks: each model's mean rank over the tasks, 1 the best; the best first.
        statistic, p: Friedman's chi-square and its p.
        distance: Nemenyi's critical difference: mean ranks farther apart differ at level `alpha`.
        groups: models, next to one another in rank, of which no two differ; largest such groups of two or more.
        tasks: those that every model has a score of.
        left_out: the others.
    """

    ranks: pd.Series
    statistic: float
    p: float
    distance: float
    alpha: float
    groups: tuple[tuple[str, ...], ...]
    tasks: tuple[str, ...]
    left_out: tuple[str, ...]

    def _repr_html_(self) -> str:
        test = f"Friedman over {len(self.tasks)} tasks: chi-square {self.statistic:.3g}, p {self.p:.3g}."
        differ = f"Mean ranks more than {self.distance:.2f} apart differ (Nemenyi, level {self.alpha:g})."
        left_out = f"Left out, without a score of every model: {', '.join(self.left_out)}." if self.left_out else ""
        table = pd.DataFrame({"model": self.ranks.index, "mean rank": self.ranks.map("{:.2f}".format).to_numpy()})
        return as_html(table, f"{test} {differ}", left_out)


def ranking(scores: pd.DataFrame, alpha: float = 0.05) -> Ranking:
    """Rank models by Friedman's test and Nemenyi's critical difference, on the tasks that every model has a score of.

    Raises:
        ValueError: for fewer than three models, fewer than two such tasks, or so few that no models could differ: the
            critical difference is as large as that of the first and the last rank.
    """
    wide = _wide(scores)
    complete = wide.dropna()
    if wide.shape[1] < 3:
        raise ValueError(f"got {wide.shape[1]} models; expected at least 3 (for two: pairwise_wilcoxon)")
    if len(complete) < 2:
        tasks = f"{len(complete)} task{'s' * (len(complete) != 1)}"
        raise ValueError(f"all {wide.shape[1]} models have scores of {tasks}; expected 2 or more")
    models, distance = wide.shape[1], critical_difference(wide.shape[1], len(complete), alpha)
    if distance >= models - 1:
        raise ValueError(
            f"on {len(complete)} tasks no two of {models} models can differ: mean ranks are at most {models - 1} apart "
            f"and would have to be more than {distance:.2f} apart (Nemenyi, level {alpha:g}); "
            f"{_enough_tasks(models, alpha)} tasks or more can tell"
        )
    ranks = (-complete).rank(axis=1).mean().sort_values(kind="stable")
    same = complete.eq(complete.iloc[:, 0], axis=0).all(axis=None)
    statistic, p = (0.0, 1.0) if same else stats.friedmanchisquare(*complete.to_numpy().T)
    left_out = tuple(task for task in wide.index if task not in complete.index)
    groups = _groups(ranks, distance)
    return Ranking(ranks, float(statistic), float(p), distance, alpha, groups, tuple(complete.index), left_out)


def critical_difference(models: int, tasks: int, alpha: float = 0.05) -> float:
    """Calculate the distance beyond which mean ranks differ: q * sqrt(k (k + 1) / (6 N)).

    q is the quantile of the studentized range over sqrt(2), k the number of models, N that of tasks.

    Source: Nemenyi 1963; Demsar 2006, s. 3.2.2.

    >>> round(critical_difference(models=4, tasks=14), 2)  # his example: 4 classifiers on 14 data sets
    1.25
    """
    if models < 2 or tasks < 1 or not 0 < alpha < 1:
        raise ValueError(f"expected 2 or more models, 1 or more tasks, 0 < alpha < 1; got {models}, {tasks}, {alpha}")
    q = stats.studentized_range.ppf(1 - alpha, models, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(models * (models + 1) / (6 * tasks)))


def _enough_tasks(models: int, alpha: float) -> int:
    """Count the fewest tasks on which mean ranks can be far enough apart."""
    on_one_task = critical_difference(models, 1, alpha)
    return int((on_one_task / (models - 1)) ** 2) + 1


def pairwise_wilcoxon(
    scores: pd.DataFrame,
    against: str | None = None,
    pairs: Iterable[tuple[str, str]] | None = None,
    alpha: float = 0.05,
) -> pd.DataFrame:
    """Test every pair of models by Wilcoxon's signed-rank test over the tasks that both have.

    Args:
        against: a model; all others are tested against it alone.
        pairs: the pairs to test, by names or labels.

    Returns:
        Columns a, b (labels), tasks (how many), difference (the median over tasks of a less b, more is better), p
        (two-sided; 1 where no task differs), p_holm (corrected for all rows that can reach the level), verdict
        (`differ` where p_holm is at most alpha, else `not established`), reason (where there are too few tasks: 6 are
        needed for 0.05).

    Raises:
        ValueError: where a model is not in the table.
    """
    wide = _wide(scores)
    label_of = dict(zip(scores["model"][::-1], labels(scores)[::-1], strict=True)) | {label: label for label in wide}
    if pairs is None:
        pairs = itertools.combinations(wide, 2) if against is None else [(m, against) for m in wide]
    pairs = list(pairs)
    for model in filter(None, [against, *itertools.chain.from_iterable(pairs)]):
        if model not in label_of:
            raise ValueError(f"unknown model {model!r}{choices(model, wide, '`ablate table`')}")
    pairs = [(label_of[a], label_of[b]) for a, b in pairs]
    if against is not None:
        pairs = [(a, b) for a, b in pairs if a != b]
    rows = [{"a": a, "b": b, **_wilcoxon((wide[a] - wide[b]).dropna())} for a, b in pairs]
    tests = pd.DataFrame(rows, columns=["a", "b", "tasks", "difference", "p"])
    fewest = fewest_units(1 - alpha)
    enough = tests["tasks"] >= fewest
    corrected = holm(tests["p"].where(enough))
    counted = tests["tasks"].map(lambda tasks: f"{tasks} task{'s' * (tasks != 1)}; at least ")
    few = counted + f"{fewest} are needed for {1 - alpha:.0%}"
    verdict = np.where(corrected <= alpha + 1e-12, DIFFER, NOT_ESTABLISHED)
    return tests.assign(p_holm=corrected, verdict=verdict, reason=few.where(~enough, ""))


def holm(p: Sequence[float] | pd.Series) -> np.ndarray:
    """Correct p values for their number, step by step from the smallest (Holm 1979); NaN stay and do not count.

    >>> holm([0.01, 0.04, 0.03]).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, float)
    known = np.flatnonzero(~np.isnan(values))
    order = known[np.argsort(values[known], kind="stable")]
    corrected = np.full(len(values), np.nan)
    corrected[order] = np.minimum(np.maximum.accumulate(values[order] * np.arange(len(order), 0, -1)), 1)
    return corrected


def _wilcoxon(differences: pd.Series) -> dict[str, float]:
    values = differences.to_numpy().round(DIGITS)
    summary = {"tasks": len(values), "difference": float(np.median(values)) if len(values) else float("nan")}
    if not len(values):
        return summary | {"p": float("nan")}
    return summary | {"p": _signed_rank_p(values[values != 0])}


def _signed_rank_p(differences: np.ndarray) -> float:
    """Calculate the two-sided p: exact for few differences, ties or not, where scipy's approximation can be too low."""
    if len(differences) > EXACT:
        return float(stats.wilcoxon(differences).pvalue)
    ranks = stats.rankdata(np.abs(differences))
    return float(np.mean(np.abs(_signs(len(ranks)) @ ranks) >= abs(np.sign(differences) @ ranks) - 1e-9))


@functools.cache
def _signs(count: int) -> np.ndarray:
    """All patterns of signs of so many differences, (2 ** count, count)."""
    return 1 - 2 * (np.arange(2**count)[:, None] >> np.arange(count) & 1)


def _wide(scores: pd.DataFrame) -> pd.DataFrame:
    """Arrange scores as tasks x labels of models; more is better."""
    scores = scores[~are_changed(scores["task"])]  # whose clips are those of the clean task: no tasks of their own
    protocols = list(scores["protocol"].dropna().unique()) if "protocol" in scores else []
    if len(protocols) > 1:
        raise ValueError(f"scores are of protocols {' and '.join(protocols)}, which do not compare; expected one")
    metrics = scores.groupby("task")["metric"].unique()
    several = metrics[metrics.map(len) > 1]
    if len(several):
        raise ValueError(f"scores of {several.index[0]} are of {' and '.join(several.iloc[0])}; expected one metric")
    value = scores["mean"].where(~scores["metric"].isin(LOWER_IS_BETTER), -scores["mean"]).round(DIGITS)
    long = scores.assign(label=labels(scores), value=value)
    wide = long.pivot_table(index="task", columns="label", values="value", sort=False, dropna=False)
    return wide[list(long["label"].unique())].rename_axis(columns="model")


def _groups(ranks: pd.Series, distance: float) -> tuple[tuple[str, ...], ...]:
    """Group neighbors in the order of ranks that span no more than the distance, no group inside another."""
    groups: list[tuple[str, ...]] = []
    ends = 0
    for start, rank in enumerate(ranks):
        end = int((ranks <= rank + distance).sum())
        if end > max(ends, start + 1):
            groups.append(tuple(ranks.index[start:end]))
            ends = end
    return tuple(groups)
