"""What a condition of the sound costs: scores under it against clean ones, on the same test clips.

Two questions. Does a condition change a model's score (`against_clean`)? The swap test
(`results.statistics.permutation`) exchanges the model's outputs on clean and on changed sound within independent units.
Does it change one model's score by more than another's (`changes_compared`)? Then both outputs of the one model are
exchanged with both of the other.

Probes are the same on clean and on changed sound, where the test clips alone are changed. With several seeds their
variance is added. `against_clean` takes seeds of clean and changed sound as apart, which errs on the side of wide
intervals.
"""

import functools
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from results.rows.event_counts import EVENT_SCORES
from results.rows.job_files import read_job
from results.rows.predictions import Clips, correct, read_clips
from results.rows.rows import read_rows
from results.scores.conditions import parts
from results.scores.missing import with_missing
from results.scores.records import read_record
from results.statistics import swapped
from results.statistics.clips import Read, Runs, aligned, arrays, number_units, with_groups
from results.statistics.numeric import NUMERIC, Numeric, unit_of
from results.statistics.permutation import RESAMPLES, Swapped, check_options, swap_test
from results.statistics.swapped import Metric
from results.statistics.versus import (
    NOT_COMPARED,
    RIGHT_OR_WRONG,
    SAME,
    Jobs,
    Options,
    compared_jobs,
    jobs_of,
    reason_of,
    with_verdicts,
)

COLUMNS = (
    *("model", "task", "conditions", "metric", "clean", "changed", "difference", "low", "high", "p", "p_holm"),
    *("clips", "groups", "seeds", "verdict", "reason", "notes"),
)
CHANGES = (
    *("a", "b", "task", "conditions", "metric", "change_a", "change_b", "difference", "low", "high", "p", "p_holm"),
    *("clips", "groups", "seeds", "verdict", "reason", "notes"),
)
NO_CLEAN = "the clean task is not in the run"
LARGEST = 2.0
"""The largest difference of two changes of scores between 0 and 1."""


def against_clean(
    folder: str | Path,
    metrics: Mapping[str, Metric] | None = None,
    *,
    models: frozenset[str] | None = None,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare each model's scores under conditions with its clean ones.

    Args:
        folder: of the run.
        metrics: functions of (prediction, target), as in `results.statistics.versus.comparisons`.
        models: those to compare, as rows call them; None is all.
        confidence: of the intervals; the level of the verdicts is 1 less it.
        resamples, seed: of swap patterns, where there are too many to try all.

    Returns:
        A row a model, task and conditions. Columns model, task (the clean one), conditions, metric; clean and changed,
        means over folds and seeds; difference (changed less clean), and the others of `versus.comparisons`. Verdicts
        are corrected for all rows. No rows where no task has conditions.

    Raises:
        FileNotFoundError: for a folder without rows.
    """
    check_options(confidence, resamples)
    cells = _Cells(folder)
    options = Options(confidence, resamples, seed)
    lines: dict[str, dict[str, Any]] = {}
    named: list[tuple[str, str]] = []  # model, and the key of its line, which models of one embedding share
    for model, task in cells.changed(models):
        line: dict[str, Any] = {"model": model, **cells.identity(task)}
        key = f"{model} {task}"
        try:
            changed, clean = cells.jobs(model, task)
            key = f"{task} {changed} {clean}"
            if key not in lines:
                line |= compared_jobs(changed, clean, line["metric"], metrics or {}, cells.read, options)
        except (ValueError, FileNotFoundError) as error:
            line["reason"] = str(error)
        lines.setdefault(key, line | {"changed": line.get("score_a"), "clean": line.get("score_b")})
        named.append((model, key))
    table = with_verdicts(pd.DataFrame(list(lines.values()), columns=list(COLUMNS)), confidence)
    places = {key: place for place, key in enumerate(lines)}
    whole = table.iloc[[places[key] for _, key in named]].reset_index(drop=True)
    return whole.assign(model=[model for model, _ in named])


def changes_compared(
    folder: str | Path,
    pairs: Iterable[tuple[str, str]],
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> pd.DataFrame:
    """Compare what conditions change in the scores of two models.

    Args:
        folder: of the run.
        pairs: models, as the rows call them.
        confidence: of the intervals; the level of the verdicts is 1 less it.
        resamples, seed: of swap patterns, where there are too many to try all.

    Returns:
        A row a pair, task and conditions. Columns a, b, task, conditions, metric; change_a and change_b, of scores
        under conditions less clean ones; difference (change_a less change_b: above 0, a keeps more of its score where
        more is better), and the others of `versus.comparisons`. Metrics such as mAP, which clips add nothing to one by
        one, are not compared; `reason` says so.

    Raises:
        FileNotFoundError: for a folder without rows.
    """
    check_options(confidence, resamples)
    cells = _Cells(folder)
    options = Options(confidence, resamples, seed)
    lines: list[dict[str, Any]] = []
    for a, b in pairs:
        tasks = dict.fromkeys(task for _, task in cells.changed(frozenset((a, b))))
        for task in tasks:
            line = {"a": a, "b": b, **cells.identity(task)}
            try:
                sides = cells.jobs(a, task), cells.jobs(b, task)
                if sides[0] == sides[1]:
                    raise ValueError(SAME)
                line |= _changes_compared(*sides, line["metric"], cells.read, options)
            except (ValueError, FileNotFoundError) as error:
                line["reason"] = str(error)
            lines.append(line)
    return with_verdicts(pd.DataFrame(lines, columns=list(CHANGES)), confidence)


def _changes_compared(
    a: tuple[Jobs, Jobs], b: tuple[Jobs, Jobs], metric: str, read: Read, options: Options
) -> dict[str, Any]:
    """Compare the changes of two models, each of jobs under conditions and clean ones."""
    first = {name: read(job) for name, job in next(iter(a[0].values())).items()}
    runs = [[aligned(first, of_seed, read) for of_seed in jobs.values()] for jobs in (*a, *b)]
    if len(runs[0]) != len(runs[1]) or len(runs[2]) != len(runs[3]):
        raise ValueError("a model has other seeds on clean sound than under the conditions")
    grouped = [with_groups(folds) for folds in zip(*runs[0], *runs[1], *runs[2], *runs[3], strict=True)]
    units, groups = number_units(grouped)
    difference, unit = _difference(runs, units, metric)
    test = swap_test(difference, confidence=options.confidence, resamples=options.resamples, seed=options.seed)
    return {
        "change_a": unit * difference.a,
        "change_b": unit * difference.b,
        **{name: unit * getattr(test, name) for name in ("difference", "low", "high")},
        "p": test.p,
        "clips": difference.clips,
        "groups": groups,
        "seeds": " and ".join(dict.fromkeys(str(len(side)) for side in (runs[0], runs[2]))),
        "reason": reason_of(test, groups, options.confidence),
    }


def _difference(runs: list[Runs], units: list[np.ndarray], metric: str) -> tuple[Swapped, float]:
    """The difference of two changes under swaps, and its unit.

    Scores that are means over clips change by the mean of what each clip gains. Of others each clip has what it adds to
    the score under the conditions, and beside it what it adds to the clean one.
    """
    unit, score = 1.0, EVENT_SCORES.get(metric)
    if metric in NUMERIC:
        numeric = NUMERIC[metric]
        (targets,) = arrays(runs[0][:1], lambda clips: clips.target)
        unit, score = unit_of(targets) if numeric.in_units else 1.0, numeric.score
        added = [arrays(side, functools.partial(_number, numeric, unit)) for side in runs]
    elif metric in EVENT_SCORES:
        added = [arrays(side, lambda clips: clips.counts, "no counts of events in each clip") for side in runs]
    elif metric in RIGHT_OR_WRONG:
        added = [arrays(side, lambda clips: correct(clips).astype(float)) for side in runs]
    else:
        raise ValueError(f"changes of {metric} are not compared; those of right clips, events and regression are")
    if score is None:
        a, b = (_fold_by_fold(added[i], added[i + 1], np.subtract) for i in (0, 2))
        return swapped.of_shares(a, b, units, math.inf if metric in NUMERIC else LARGEST), unit
    width = added[0][0][0].shape[1]
    a, b = (_fold_by_fold(added[i], added[i + 1], lambda x, y: np.concatenate([x, y], 1)) for i in (0, 2))
    return swapped.of_counts(a, b, units, lambda sums: score(sums[..., :width]) - score(sums[..., width:])), unit


def _number(numeric: Numeric, unit: float, clips: Clips) -> np.ndarray | None:
    """What each clip adds to a score of regression; None where predictions were not kept."""
    if clips.prediction is None or clips.target is None:
        return None
    return numeric.of_clips(clips.prediction, clips.target, unit)


def _fold_by_fold(
    changed: list[list[np.ndarray]], clean: list[list[np.ndarray]], join: Callable[..., np.ndarray]
) -> list[list[np.ndarray]]:
    """Join the arrays of changed and clean sound of each seed and fold."""
    pairs = zip(changed, clean, strict=True)
    return [[join(x, y) for x, y in zip(one, other, strict=True)] for one, other in pairs]


class _Cells:
    """The primary rows of a run, by model and task.

    Args:
        folder: of the run.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = folder
        rows = with_missing(read_rows(folder), read_record(folder))
        rows = rows[rows["primary"].astype(bool)]
        self._rows, self._none = dict(iter(rows.groupby("model", sort=False))), rows.iloc[:0]
        self._metrics = dict(rows.drop_duplicates("task").set_index("task")["metric"])
        self._changed: dict[str, list[tuple[int, str]]] = {}
        for place, (model, task) in enumerate(rows[["model", "task"]].drop_duplicates().itertuples(index=False)):
            if parts(task).conditions:
                self._changed.setdefault(model, []).append((place, task))
        self.read: Read = functools.lru_cache(maxsize=16)(functools.partial(read_clips, folder))

    def changed(self, models: frozenset[str] | None) -> list[tuple[str, str]]:
        """Pairs of model and task, of tasks with conditions; of all models for None."""
        chosen = self._changed if models is None else self._changed.keys() & models
        places = sorted((place, model, task) for model in chosen for place, task in self._changed[model])
        return [(model, task) for _, model, task in places]

    def identity(self, task: str) -> dict[str, str]:
        """The clean task, the conditions and the metric of a task."""
        return {"task": parts(task).task, "conditions": parts(task).conditions, "metric": self._metrics[task]}

    def jobs(self, model: str, task: str) -> tuple[Jobs, Jobs]:
        """The jobs of a model under conditions, and those on the clean task, by seed and folder.

        Raises:
            ValueError: the model has no score of one of both.
        """
        own = self._rows.get(model, self._none)
        clean = own[(own["task"] == parts(task).task) & own["job"].astype(bool)]
        if clean.empty:
            raise ValueError(NO_CLEAN)
        first, second = (_by_folder(jobs_of(side, model), self.folder) for side in (own[own["task"] == task], clean))
        return first, second


def _by_folder(jobs: Jobs, folder: str | Path) -> Jobs:
    """Call the folders of a task by their names without conditions, as clean and changed sound have other prints."""
    named: Jobs = {}
    for seed, of_seed in jobs.items():
        files = {job: Path(folder) / "jobs" / f"{job}.json" for job in of_seed.values()}
        named[seed] = {parts(str(read_job(file)["task_folder"])).task: job for job, file in files.items()}
    return named


def shown(table: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Write the lines of `against_clean` that were compared as texts, for a terminal or a page."""
    lines = table[table["verdict"] != NOT_COMPARED]
    return pd.DataFrame(
        {
            "model": lines["model"],
            "task": lines["task"],
            "conditions": lines["conditions"],
            "clean": lines["clean"].map("{:.3f}".format),
            "changed": lines["changed"].map("{:.3f}".format),
            **_tested(lines, confidence),
        }
    )


def _tested(lines: pd.DataFrame, confidence: float) -> dict[str, Any]:
    """The columns of texts that all tables of tests have."""
    bounds = zip(lines["low"], lines["high"], strict=True)
    return {
        "difference": lines["difference"].map("{:+.3f}".format),
        f"{confidence:.0%} interval": ["–" if pd.isna(low) else f"[{low:+.3f}, {high:+.3f}]" for low, high in bounds],
        "p (Holm)": lines["p_holm"].map(lambda p: "–" if pd.isna(p) else f"{p:.3g}"),
        "verdict": lines["verdict"],
    }


def changes_shown(table: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Write the lines of `changes_compared` that were compared as texts."""
    lines = table[table["verdict"] != NOT_COMPARED]
    signed = {f"{name.upper()}'s change": lines[f"change_{name}"].map("{:+.3f}".format) for name in ("a", "b")}
    return pd.DataFrame(
        {"A": lines["a"], "B": lines["b"], "task": lines["task"], "conditions": lines["conditions"], **signed}
        | _tested(lines, confidence)
    )


def not_compared(table: pd.DataFrame) -> list[str]:
    """Say why differences were not compared or can't be established, a line for each reason."""
    reasons = table[table["reason"] != ""].groupby("reason", sort=False)
    return [f"{', '.join(dict.fromkeys(of['task'] + of['conditions']))}: {reason}." for reason, of in reasons]
