"""Models of a run compared task by task, on the same test clips: which differences are more than chance."""

import functools
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from results.rows.event_counts import EVENT_SCORES
from results.rows.predictions import Clips, correct, read_clips, same_clips
from results.rows.rows import read_rows
from results.scores.missing import with_missing
from results.scores.records import read_record
from results.statistics import swapped
from results.statistics.permutation import RESAMPLES, Swapped, SwapTest, check_options, fewest_units, swap_test
from results.statistics.ranks import DIFFER, NOT_ESTABLISHED, holm
from results.statistics.swapped import Metric

RIGHT_OR_WRONG = ("top1_acc", "pitch_acc")
"""Metrics that are the share of clips that are right."""
UNBOUNDED = ("segment_1s_er", "d_prime")
"""Metrics that are not between 0 and 1."""
NOT_COMPARED = "not compared"
PATTERNS, NUMBERS = (199, 999), 100_000_000
"""Metrics that are computed anew for every pattern have as many patterns as take so many predictions in all, but no
fewer and no more than these."""
COLUMNS = (
    *("a", "b", "task", "metric", "score_a", "score_b", "difference", "low", "high", "p", "p_holm"),
    *("clips", "groups", "seeds", "verdict", "reason", "notes"),
)
NO_GROUPS = "groups are not recorded in this run; clips are taken as independent"
ONE_SEED = "one seed: that training with another seed gives another score is not in it"

Runs = list[list[Clips]]
"""Of each seed the clips of each fold."""


def versus(folder: str | Path, a: str, b: str, metrics: Mapping[str, Metric] | None = None, **options) -> pd.DataFrame:
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
        folder: of the run. pairs: models, as the rows call them. metrics: functions of (prediction, target), by metric,
            of scene tasks other than `RIGHT_OR_WRONG`, such as mAP. confidence: of the intervals, and 1 less the level
            of the verdicts. resamples, seed: of swap patterns, where there are too many to try all.

    Returns:
        A row a pair and task. Columns a, b, task, metric; score_a, score_b, means over folds and seeds; difference (a
        less b), low, high, p; p_holm, corrected for all rows that could reach the level; clips; groups, NaN where the
        task has none; seeds, how many, of both; verdict: `differ` where p_holm is at most 1 - confidence,
        `not established`, or `not compared`; reason, why not; notes, what the interval leaves out, a line each.

    Raises:
        FileNotFoundError: for a folder without rows, or without any predictions of these models. ValueError: for a
            model that is not in the run.
    """
    check_options(confidence, resamples)
    rows = read_rows(folder)
    rows = with_missing(rows, read_record(folder))
    rows = rows[rows["primary"].astype(bool)]
    pairs, known = list(pairs), list(rows["model"].unique())
    for model in dict.fromkeys(model for pair in pairs for model in pair):
        if model not in known:
            raise ValueError(f"unknown model {model!r} in {folder}; expected one of {', '.join(known)}")
    read = functools.lru_cache(maxsize=8)(functools.partial(read_clips, folder))
    options = {"confidence": confidence, "resamples": resamples, "seed": seed}
    found, absent = [], []
    for a, b in pairs:
        both = rows[rows["model"].isin((a, b))]
        for (task, metric), cells in both.groupby(["task", "metric"], sort=False):
            line: dict = {"a": a, "b": b, "task": task, "metric": metric}
            try:
                sides = [_jobs(cells[cells["model"] == model], model) for model in (a, b)]
                line |= _compared(*sides, metric, metrics or {}, read, options)
            except FileNotFoundError as error:
                absent.append(error)
                line["reason"] = str(error)
            except ValueError as error:
                line["reason"] = str(error)
            found.append(line)
    if absent and not any("p" in line for line in found):
        raise absent[0]
    return _with_verdicts(pd.DataFrame(found, columns=list(COLUMNS)), confidence)


def _with_verdicts(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Holm's correction over all rows that can reach the level at all, and what follows."""
    corrected = holm(table["p"].astype(float).where(table["low"].notna()))
    verdict = np.where(corrected <= 1 - confidence + 1e-12, DIFFER, NOT_ESTABLISHED)
    texts = {name: table[name].astype(object).fillna("") for name in ("reason", "notes", "seeds")}
    verdict = np.where(table["p"].isna(), NOT_COMPARED, verdict)
    return table.assign(p_holm=corrected, verdict=verdict, **texts)


def _jobs(cells: pd.DataFrame, model: str) -> dict[int, dict[str, str]]:
    """Seed -> task fingerprint -> job, of one model on one task: a HEAR key may be several folders.

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
    jobs: dict[int, dict[str, str]] = {}
    for number, fingerprint, job in cells[["seed", "task_fp", "job"]].drop_duplicates().itertuples(index=False):
        if jobs.setdefault(int(number), {}).setdefault(fingerprint, job) != job:
            raise ValueError(f"{model} has several scores of seed {number}; give them names of their own")
    return dict(sorted(jobs.items()))


def _compared(a: dict, b: dict, metric: str, metrics: Mapping[str, Metric], read, options: dict) -> dict:
    """The columns of a row from score_a on, of the jobs of both models."""
    folders = {tuple(sorted(of_seed)) for of_seed in (*a.values(), *b.values())}
    if len(folders) > 1:
        raise ValueError("the scores are of other folders or versions of this task; run both models on the same")
    (fingerprints,) = folders
    if metric not in EVENT_SCORES and metric not in metrics and metric not in RIGHT_OR_WRONG:
        raise ValueError(f"no function for {metric}; expected it in `metrics`")
    first = {fingerprint: read(next(iter(a.values()))[fingerprint]) for fingerprint in fingerprints}
    runs = [[_aligned(first, of_seed, read) for of_seed in side.values()] for side in (a, b)]
    grouped = [_with_groups(folds) for folds in zip(*runs[0], *runs[1], strict=True)]
    units, groups = _units(grouped)
    difference, options = _swapped(*runs, units, metric, metrics, options)
    test = swap_test(difference, **options)
    if a == b:  # the same outputs, not two that happen to agree
        test = SwapTest(0.0, 0.0, 0.0, 1.0, test.units, 0, 0)
    seeds = [str(len(side)) for side in (a, b)]
    notes = [NO_GROUPS] if grouped[0].groups is None else []
    notes += [ONE_SEED] if min(len(a), len(b)) < 2 else []
    return {
        "score_a": difference.a,
        "score_b": difference.b,
        "difference": test.difference,
        "low": test.low,
        "high": test.high,
        "p": test.p,
        "clips": difference.clips,
        "groups": groups,
        "seeds": " and ".join(dict.fromkeys(seeds)),
        "reason": _reason(test, groups, options["confidence"]),
        "notes": "\n".join(notes),
    }


def _aligned(first: Mapping[str, Sequence[Clips]], jobs: Mapping[str, str], read) -> list[Clips]:
    """The folds of all folders of a task, in the order of `first`, which they must be of the same clips as."""
    found = []
    for fingerprint, folds in first.items():
        others = {clips.fold: clips for clips in read(jobs[fingerprint])}
        if set(others) != {clips.fold for clips in folds}:
            names = (", ".join(each) for each in ([clips.fold for clips in folds], others))
            raise ValueError("folds are {} and {}; expected the same task's".format(*names))
        for clips in folds:
            same_clips(clips, others[clips.fold])
            found.append(others[clips.fold])
    return found


def _with_groups(runs: Sequence[Clips]) -> Clips:
    """The run of a fold that knows the groups of its clips, where one does; earlier runs did not record them."""
    known = [clips for clips in runs if clips.groups is not None]
    return max(known, key=lambda clips: clips.groups.tolist(), default=runs[0])


def _units(folds: Sequence[Clips]) -> tuple[list[np.ndarray], float]:
    """For each fold the (clips,) numbers of independent units; and how many groups there are, NaN where none is named.

    A unit is a group, in whatever folds it is, or a clip without one. A clip that several folders of a task test in the
    same fold is one unit.
    """
    names = []
    for clips in folds:
        groups = clips.groups if clips.groups is not None else [""] * len(clips.files)
        pairs = zip(groups, clips.files, strict=True)
        names.append([("group", str(group)) if group else (clips.fold, str(file)) for group, file in pairs])
    places = {name: place for place, name in enumerate(sorted({name for fold in names for name in fold}))}
    named = any(kind == "group" for kind, _ in places)
    return [np.array([places[name] for name in fold]) for fold in names], len(places) if named else math.nan


def _swapped(
    a: Runs, b: Runs, units: list[np.ndarray], metric: str, metrics: Mapping[str, Metric], options: dict
) -> tuple[Swapped, dict]:
    """The difference of both, and the options of its test."""
    largest = math.inf if metric in UNBOUNDED else 1.0
    if metric in EVENT_SCORES:
        if any(clips.counts is None for seed in (*a, *b) for clips in seed):
            raise ValueError("no counts of events in each clip: the run was made before they were kept")
        counts = ([[clips.counts for clips in seed] for seed in side] for side in (a, b))
        return swapped.of_counts(*counts, units, EVENT_SCORES[metric], largest), options
    if metric not in metrics:
        right = ([[correct(clips).astype(float) for clips in seed] for seed in side] for side in (a, b))
        return swapped.of_shares(*right, units), options
    predictions = [[[clips.prediction for clips in seed] for seed in side] for side in (a, b)]
    size = 2 * math.lcm(len(a), len(b)) * sum(clips.prediction.size for clips in a[0])
    resamples = min(options["resamples"], sorted((*PATTERNS, NUMBERS // size))[1])
    targets = [clips.target for clips in a[0]]
    found = swapped.of_metric(*predictions, targets, units, metrics[metric], largest)
    return found, options | {"resamples": resamples}


def _reason(test: SwapTest, groups: float, confidence: float) -> str:
    """Why a difference can't be established; empty where it could."""
    what = "independent clips" if math.isnan(groups) else "independent groups"
    fewest = fewest_units(confidence)
    if test.units < fewest:
        units = what.removesuffix("s") if test.units == 1 else what
        return f"{test.units} {units}; at least {fewest} are needed for {confidence:.0%}"
    if test.fewest and test.differing < fewest:
        return (
            f"the models differ on {test.differing} of {test.units} {what}; {fewest} must differ for {confidence:.0%}"
        )
    return ""
