"""How far two protocols agree in the order in which they put the same models: Kendall's tau with intervals.

Models, training clips and, where there is one, seeds are as they are. What is drawn are independent units of the test
clips of each task, with replacement, the same for all models and protocols: a resample has the ranks that other clips
would have given. Of its tau-b the interval has the central share, joined with the same interval reflected at the tau
that was measured. So it is of the tau that another test set of the same size would give; a test simulates that.

The tau of models' true scores can lie outside, and above: chance in clips makes orders differ, so that even two
protocols with the same true scores have a measured tau below 1. Two numbers say how much of a disagreement that
explains. Clips are parted into halves at random, often; `halves` is the mean tau between the one protocol on one half
and the other protocol on the other half, `halves_same` that of each protocol with itself. Where `halves` is not below
`halves_same`, another probe changes the order no more than other clips do.

What the interval leaves out: that other models, tasks, training clips or seeds would have given other ranks.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from results.protocols.kendall import orders, tau_b, taus
from results.protocols.ranks import OVERALL, Shared
from results.protocols.runs import ProtocolRun
from results.protocols.units import Drawable, drawable
from results.statistics.permutation import check_options, fewest_units
from results.statistics.ranks import DIGITS

COLUMNS = (
    *("a", "b", "task", "models", "tau", "low", "high", "confidence", "halves", "halves_same"),
    *("units", "unit", "reason"),
)
RESAMPLES, HALVES = 1000, 200
TIED = "a protocol ties all models"
NO_PREDICTIONS = "no predictions of a run (jobs/), and so no interval"
Pair = tuple[str, str]


def agreement(
    runs: Sequence[ProtocolRun], *, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> pd.DataFrame:
    """Measure the agreement of each pair of protocols on each task, and in mean ranks over tasks.

    Models that are tied under a protocol count as tied (tau-b). On a task, models without a score in one of the runs
    that have it are left out.

    Args:
        confidence: of the intervals.
        resamples: draws of test units.
        seed: of these.

    Returns:
        `COLUMNS`, a row a pair and task: a, b, protocols; task (`OVERALL`: mean ranks over the tasks that every run
        has); models, how many are ranked; tau, NaN where a protocol ties all; low, high, NaN where `reason` says why;
        halves, halves_same; units that were drawn, of all tasks together for `OVERALL`, and what a unit is; reason.

    Raises:
        ValueError: for a confidence that is not between 0 and 1, or fewer than 2 resamples.
    """
    check_options(confidence, resamples)
    shared = Shared.of(runs)
    few = few_models(confidence)
    lines: list[dict[str, object]] = []
    drawn: dict[str, _Drawn | str] = {}
    for number, (task, models) in enumerate(shared.models.items()):
        of_task = shared.runs[task]
        drawn[task] = _drawn(task, models, of_task, confidence, resamples, np.random.default_rng([seed, number]))
        measured = {run.protocol: run.means.loc[models, task].to_numpy(float) for run in of_task}
        lines += _lines(task, len(models), measured, drawn[task], confidence, few)
    if shared.tasks and shared.models_of_all:
        lines = _overall(runs, shared, drawn, confidence, few) + lines
    return pd.DataFrame(lines, columns=list(COLUMNS)).astype({"units": "Int64"})


def few_models(confidence: float) -> int:
    """Count the models from which equal orders are more than chance: 5 for 0.95.

    Of m! orders two are the measured one and its reverse, so that the two-sided p of tau = 1 is 2 / m!.
    """
    models = 2
    while 2 / math.factorial(models) > 1 - confidence + 1e-12:
        models += 1
    return models


class _Drawn:
    """The scores of a task's models in resamples and in halves, by protocol: (draws, models)."""

    def __init__(self, task: Drawable, resamples: int, rng: np.random.Generator) -> None:
        self.units, self.unit = task.units, "groups" if task.grouped else "clips"
        resampled = rng.multinomial(task.units, np.full(task.units, 1 / task.units), resamples).astype(float)
        order = np.argsort(rng.random((HALVES, task.units)), axis=1)
        half = (order < task.units // 2).astype(float)
        self.resampled = {name: scores(resampled) for name, scores in task.scores.items()}
        self.halves = {name: (scores(half), scores(1 - half)) for name, scores in task.scores.items()}


def _drawn(
    task: str,
    models: Sequence[str],
    runs: Sequence[ProtocolRun],
    confidence: float,
    resamples: int,
    rng: np.random.Generator,
) -> "_Drawn | str":
    """Draw units of a task; a text says why they can't be drawn."""
    if len(models) < 2 or len(runs) < 2:
        return ""
    runs = [run for run in runs if run.has_predictions]
    if not runs:
        return NO_PREDICTIONS
    try:
        source = drawable(task, models, runs)
    except (FileNotFoundError, ValueError) as error:
        return str(error)
    fewest = fewest_units(confidence)
    if source.units < fewest:
        kind = ("group" if source.grouped else "clip") + "s" * (source.units != 1)
        return f"{source.units} independent {kind}; at least {fewest} are needed for {confidence:.0%}"
    return _Drawn(source, resamples, rng)


def _overall(
    runs: Sequence[ProtocolRun], shared: Shared, drawn: dict[str, "_Drawn | str"], confidence: float, few: int
) -> list[dict[str, object]]:
    """The lines of mean ranks over the tasks that every run has."""
    models = shared.models_of_all
    means = {
        run.protocol: -np.mean([_ranks(run.means.loc[models, task].to_numpy(float)) for task in shared.tasks], axis=0)
        for run in runs
    }
    parts = [drawn[task] for task in shared.tasks]
    without = [f"{task}: {part}" for task, part in zip(shared.tasks, parts, strict=True) if isinstance(part, str)]
    together: _Drawn | str = "; ".join(without)
    if not without:
        columns = {task: [shared.models[task].index(model) for model in models] for task in shared.tasks}
        together = _MeanRanks([part for part in parts if not isinstance(part, str)], list(columns.values()))
    return _lines(OVERALL, len(models), {name: mean.round(DIGITS) for name, mean in means.items()}, together,
                  confidence, few)  # fmt: skip


class _MeanRanks(_Drawn):
    """Mean ranks over tasks in resamples and in halves, less is better, with the sign turned.

    Args:
        parts: of each task.
        columns: of each task, the places of the models.
    """

    def __init__(self, parts: Sequence[_Drawn], columns: Sequence[list[int]]) -> None:
        self.units, self.unit = sum(part.units for part in parts), " and ".join(dict.fromkeys(p.unit for p in parts))

        def mean(scores: Sequence[np.ndarray]) -> np.ndarray:
            ranked = [_ranks(of_task[:, places]) for of_task, places in zip(scores, columns, strict=True)]
            return np.asarray(-np.mean(ranked, axis=0)).round(DIGITS)

        names = [name for name in parts[0].resampled if all(name in part.resampled for part in parts)]
        self.resampled = {name: mean([part.resampled[name] for part in parts]) for name in names}
        self.halves = {
            name: (mean([part.halves[name][0] for part in parts]), mean([part.halves[name][1] for part in parts]))
            for name in names
        }


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Ranks along the last axis, 1 the best; NaN everywhere where one score is NaN."""
    return np.asarray(rankdata(-scores, axis=-1))


def _lines(
    task: str,
    models: int,
    measured: dict[str, np.ndarray],
    drawn: "_Drawn | str",
    confidence: float,
    few: int,
) -> list[dict[str, object]]:
    """A line for each pair of protocols."""
    observed = {name: orders(scores) for name, scores in measured.items()}
    note = _few(models, few)
    lines = []
    for a, b in itertools.combinations(measured, 2):
        tau = float(tau_b(observed[a], observed[b]))
        line: dict[str, object] = {"a": a, "b": b, "task": task, "models": models, "tau": tau}
        line |= {"confidence": confidence, "reason": note}
        if math.isnan(tau) and models > 1:
            line["reason"] = "; ".join(filter(None, [note, TIED]))
        elif isinstance(drawn, str):
            line["reason"] = "; ".join(filter(None, [note, drawn]))
        elif a not in drawn.resampled or b not in drawn.resampled:
            line["reason"] = "; ".join(filter(None, [note, NO_PREDICTIONS]))
        else:
            low, high = tau_interval(tau, taus(drawn.resampled[a], drawn.resampled[b]), confidence)
            (a1, a2), (b1, b2) = drawn.halves[a], drawn.halves[b]
            other = np.nanmean([taus(a1, b2), taus(a2, b1)])
            same = np.nanmean([taus(a1, a2), taus(b1, b2)])
            line |= {"low": low, "high": high, "halves": float(other), "halves_same": float(same)}
            line |= {"units": drawn.units, "unit": drawn.unit}
        lines.append(line)
    return lines


def _few(models: int, few: int) -> str:
    """Say that so few models can't tell agreement from chance; empty for enough."""
    if models >= few:
        return ""
    counted = f"{models} model{'s' * (models != 1)}"
    return f"{counted}: even equal orders are not more than chance; {few} models or more can tell"


def tau_interval(tau: float, resampled: np.ndarray, confidence: float) -> tuple[float, float]:
    """Join the central share of resamples with its reflection at the measured tau, within -1 and 1.

    Args:
        resampled: (resamples,) taus; NaN where a resample ties all models of a protocol, which are left out.
    """
    low, high = np.nanquantile(resampled, [(1 - confidence) / 2, (1 + confidence) / 2])
    return max(min(low, 2 * tau - high), -1.0), min(max(high, 2 * tau - low), 1.0)
