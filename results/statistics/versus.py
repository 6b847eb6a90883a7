"""Models of a run compared task by task, on the same test clips: which differences are more than chance."""

import functools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from results.rows.choices import choices
from results.rows.event_counts import EVENT_SCORES
from results.rows.predictions import Clips, correct, read_clips
from results.rows.rows import read_rows
from results.scores.missing import with_missing
from results.scores.records import read_record
from results.statistics import swapped
from results.statistics.clips import Read, Runs, aligned, arrays, number_units, with_groups
from results.statistics.numeric import NUMERIC, Numeric, unit_of
from results.statistics.permutation import RESAMPLES, Swapped, SwapTest, check_options, fewest_units, swap_test
from results.statistics.ranks import DIFFER, NOT_ESTABLISHED, holm
from results.statistics.shown import Comparisons
from results.statistics.swapped import Metric

RIGHT_OR_WRONG = ("top1_acc", "pitch_acc")
"""Metrics that are the share of right clips."""
UNBOUNDED = ("segment_1s_er", "d_prime")
"""Metrics that are not between 0 and 1."""
NOT_COMPARED = "not compared"
PATTERNS, NUMBERS = (199, 999), 100_000_000
"""Metrics that are computed anew for every pattern have as many patterns as take `NUMBERS` predictions in all, within
the bounds `PATTERNS`."""
COLUMNS = (
    *("a", "b", "task", "metric", "score_a", "score_b", "difference", "low", "high", "p", "p_holm"),
    *("clips", "groups", "seeds", "verdict", "reason", "notes"),
)
SAME = "both have the same embedding there"
"""Why variants of which a task takes the same part, such as its scene embedding, are not compared on it."""
NO_GROUPS = "groups are not recorded in this run; clips are taken as independent"
ONE_SEED = "one seed: that training with another seed gives another score is not in it"

Jobs = dict[int, dict[str, str]]
"""Seed -> task fingerprint -> job, of one model on one task: a HEAR key may be several folders."""


@dataclass(frozen=True)
class Options:
    """Options of a swap test (`results.statistics.permutation.swap_test`)."""

    confidence: float
    resamples: int
    seed: int


def versus(
    folder: str | Path, a: str, b: str, metrics: Mapping[str, Metric] | None = None, **options: Any
) -> pd.DataFrame:
    """Compare two models on each task; arguments and columns are those of `comparisons`."""
    return comparisons(folder, [(a, b)], metrics, **options)


def comparisons(
    folder: str | Path,
    pairs: Iterable[tuple[str, str]],
    metrics: Mapping[str, Metric] | None = None,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare pairs of models on each task of a run by swap tests (`results.statistics.permutation`).

    Args:
        folder: of the run.
        pairs: models, as the rows call them.
        metrics: functions of (prediction, target), by metric, of scene tasks, such as mAP; `RIGHT_OR_WRONG` and
            `NUMERIC` need none.
        confidence: of the intervals; the level of the verdicts is 1 less it.
        resamples, seed: of swap patterns, where there are too many to try all.

    Returns:
        A row a pair and task. Columns a, b, task, metric; score_a, score_b, means over folds and seeds; difference (a
        less b), low, high, p; p_holm, corrected for all rows that could reach the level; clips; groups, NaN where the
        task has none; seeds, their number, of both; verdict: `differ` where p_holm is at most 1 - confidence,
        `not established`, or `not compared`; reason, why not; notes, what the interval leaves out, a line each. Its
        `attrs` have the confidence, and the number of comparisons that the verdicts are corrected for.

    Raises:
        FileNotFoundError: for a folder without rows, or without any predictions of these models.
        ValueError: for a model that is not in the run.
    """
    check_options(confidence, resamples)
    rows = read_rows(folder)
    rows = with_missing(rows, read_record(folder))
    rows = rows[rows["primary"].astype(bool)]
    pairs, known = list(pairs), list(rows["model"].unique())
    places = rows.groupby("model", sort=False).indices
    for model in dict.fromkeys(model for pair in pairs for model in pair):
        if model not in known:
            raise ValueError(f"unknown model {model!r} in {folder}{choices(model, known, '`ablate table`')}")
    read = functools.lru_cache(maxsize=8)(functools.partial(read_clips, folder))
    options = Options(confidence, resamples, seed)
    lines: list[dict[str, Any]] = []
    absent: list[FileNotFoundError] = []
    for a, b in pairs:
        both = rows.iloc[sorted({*places[a], *places[b]})]
        for (task, metric), cells in both.groupby(["task", "metric"], sort=False):
            line = {"a": a, "b": b, "task": task, "metric": metric}
            try:
                jobs_a, jobs_b = (jobs_of(cells[cells["model"] == model], model) for model in (a, b))
                line |= compared_jobs(jobs_a, jobs_b, metric, metrics or {}, read, options)
            except FileNotFoundError as error:
                absent.append(error)
                line["reason"] = str(error)
            except ValueError as error:
                line["reason"] = str(error)
            lines.append(line)
    if absent and not any("p" in line for line in lines):
        raise absent[0]
    return Comparisons.of(with_verdicts(pd.DataFrame(lines, columns=list(COLUMNS)), confidence))


def with_verdicts(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Add Holm's correction over all rows that can reach the level at all, and the verdicts that follow."""
    corrected = holm(table["p"].astype(float).where(table["low"].notna()))
    verdict = np.where(corrected <= 1 - confidence + 1e-12, DIFFER, NOT_ESTABLISHED)
    texts = {name: table[name].astype(object).fillna("") for name in ("reason", "notes", "seeds")}
    verdict = np.where(table["p"].isna(), NOT_COMPARED, verdict)
    whole = table.assign(p_holm=corrected, verdict=verdict, **texts)
    whole.attrs |= {"confidence": confidence, "corrected": int(np.isfinite(corrected).sum())}
    return whole


def jobs_of(cells: pd.DataFrame, model: str) -> Jobs:
    """List the jobs of a model on a task.

    Raises:
        ValueError: where the model has no score of it, or none that is defined, with the reason.
    """
    if cells.empty:
        raise ValueError(f"{model} has no score of it")
    undefined = cells[cells["score"].isna()]
    if len(undefined):
        first = undefined.iloc[0]
        place = f" on {first['fold']}" if first["fold"] and len(cells) > 1 else ""
        raise ValueError(f"{model} has no score{place}: {first['reason'] or 'it is not defined'}")
    jobs: Jobs = {}
    for number, fingerprint, job in cells[["seed", "task_fp", "job"]].drop_duplicates().itertuples(index=False):
        if jobs.setdefault(int(number), {}).setdefault(fingerprint, job) != job:
            raise ValueError(f"{model} has several scores of seed {number}; give them names of their own")
    return dict(sorted(jobs.items()))


def compared_jobs(
    a: Jobs, b: Jobs, metric: str, metrics: Mapping[str, Metric], read: Read, options: Options
) -> dict[str, Any]:
    """Compare the jobs of two models: the columns of a row from score_a on."""
    if a == b:
        raise ValueError(SAME)
    folders = {tuple(sorted(of_seed)) for of_seed in (*a.values(), *b.values())}
    if len(folders) > 1:
        raise ValueError("the scores are of other folders or versions of this task; run both models on the same")
    (fingerprints,) = folders
    if not any(metric in known for known in (EVENT_SCORES, NUMERIC, metrics, RIGHT_OR_WRONG)):
        raise ValueError(f"no function for {metric}; expected it in `metrics`")
    first = {fingerprint: read(next(iter(a.values()))[fingerprint]) for fingerprint in fingerprints}
    runs_a, runs_b = ([aligned(first, of_seed, read) for of_seed in side.values()] for side in (a, b))
    grouped = [with_groups(folds) for folds in zip(*runs_a, *runs_b, strict=True)]
    units, groups = number_units(grouped)
    unit = 1.0
    if metric in NUMERIC:
        difference, unit = _of_numbers(runs_a, runs_b, units, NUMERIC[metric])
    else:
        difference, options = _swapped(runs_a, runs_b, units, metric, metrics, options)
    test = swap_test(difference, confidence=options.confidence, resamples=options.resamples, seed=options.seed)
    seeds = [str(len(side)) for side in (a, b)]
    notes = [NO_GROUPS] if grouped[0].groups is None else []
    notes += [ONE_SEED] if min(len(a), len(b)) < 2 else []
    notes += [NUMERIC[metric].note] if metric in NUMERIC and NUMERIC[metric].note else []
    return {
        "score_a": unit * difference.a,
        "score_b": unit * difference.b,
        "difference": unit * test.difference,
        "low": unit * test.low,
        "high": unit * test.high,
        "p": test.p,
        "clips": difference.clips,
        "groups": groups,
        "seeds": " and ".join(dict.fromkeys(seeds)),
        "reason": reason_of(test, groups, options.confidence),
        "notes": "\n".join(notes),
    }


def _swapped(
    a: Runs, b: Runs, units: list[np.ndarray], metric: str, metrics: Mapping[str, Metric], options: Options
) -> tuple[Swapped, Options]:
    """Make the difference of both, and the options of its test."""
    largest = math.inf if metric in UNBOUNDED else 1.0
    if metric in EVENT_SCORES:
        without = "no counts of events in each clip: the run was made before they were kept"
        counts_a, counts_b = (arrays(runs, lambda clips: clips.counts, without) for runs in (a, b))
        return swapped.of_counts(counts_a, counts_b, units, EVENT_SCORES[metric], largest), options
    if metric not in metrics:
        right_a, right_b = (arrays(runs, lambda clips: correct(clips).astype(float)) for runs in (a, b))
        return swapped.of_shares(right_a, right_b, units), options
    predictions_a, predictions_b = (arrays(runs, lambda clips: clips.prediction) for runs in (a, b))
    (targets,) = arrays(a[:1], lambda clips: clips.target)
    size = 2 * math.lcm(len(a), len(b)) * sum(prediction.size for prediction in predictions_a[0])
    resamples = min(options.resamples, sorted((*PATTERNS, NUMBERS // size))[1])
    difference = swapped.of_metric(predictions_a, predictions_b, targets, units, metrics[metric], largest)
    return difference, replace(options, resamples=resamples)


def _of_numbers(a: Runs, b: Runs, units: list[np.ndarray], metric: Numeric) -> tuple[Swapped, float]:
    """Make the difference of both on a regression task, and the unit that it is in."""
    (targets,) = arrays(a[:1], lambda clips: clips.target)
    unit = unit_of(targets) if metric.in_units else 1.0

    def added(clips: Clips) -> np.ndarray | None:
        if clips.prediction is None or clips.target is None:
            return None
        return metric.of_clips(clips.prediction, clips.target, unit)

    of_a, of_b = (arrays(runs, added) for runs in (a, b))
    if metric.score is None:
        return swapped.of_shares(of_a, of_b, units, metric.largest), unit
    return swapped.of_counts(of_a, of_b, units, metric.score, metric.largest), unit


def reason_of(test: SwapTest, groups: float, confidence: float) -> str:
    """Say why a difference can't be established; empty where it could."""
    units = "independent clips" if math.isnan(groups) else "independent groups"
    fewest = fewest_units(confidence)
    if test.units < fewest:
        counted = units.removesuffix("s") if test.units == 1 else units
        return f"{test.units} {counted}; at least {fewest} are needed for {confidence:.0%}"
    if test.fewest and test.differing < fewest:
        return (
            f"the models differ on {test.differing} of {test.units} {units}; {fewest} must differ for {confidence:.0%}"
        )
    return ""
