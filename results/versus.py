"""Two variants of a run task by task, on the same test clips: which differences are more than a choice of clips."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from results.bootstrap import Metric, paired_bootstrap
from results.event_counts import EVENT_SCORES
from results.paired import mcnemar
from results.predictions import Predictions, aligned, aligned_counts, correct, read_predictions
from results.ranks import holm
from results.rows import read_rows

RIGHT_OR_WRONG = ("top1_acc", "pitch_acc")
"""Metrics that are the share of clips that are right."""
COLUMNS = ("task", "metric", "seeds", "difference", "low", "high", "p", "p_holm", "p_mcnemar", "reason")

Seeds = list[list[Predictions]]
"""Of each seed the predictions of each fold."""


def versus(folder: str | Path, a: str, b: str, metrics: Mapping[str, Metric] | None = None, **options) -> pd.DataFrame:
    """The difference (a less b) of two models' primary scores on each task, of means over the seeds that both have.

    Args:
        folder: of the run. a, b: models, as the rows call them. options: those of `results.bootstrap.paired_bootstrap`.
        metrics: functions of (prediction, target), by metric, of scene tasks other than `RIGHT_OR_WRONG`, such as mAP.

    Returns:
        Columns task, metric, seeds (with commas between them), difference, low, high, p (bootstrap over clips), p_holm
        (corrected over the tasks), p_mcnemar (of one seed, where clips are right or wrong), reason (why a task has none
        of these).

    Raises:
        FileNotFoundError: for a folder without rows, or without any predictions of these two. ValueError: for a model
            that is not in the run.
    """
    rows = read_rows(folder)
    rows = rows[rows["primary"].astype(bool)]
    for model in (a, b):
        if model not in set(rows["model"]):
            raise ValueError(
                f"unknown model {model!r} in {folder}; expected one of {', '.join(rows['model'].unique())}"
            )
    jobs = [rows[rows["model"] == model].drop_duplicates(["task", "metric", "seed"]) for model in (a, b)]
    both = jobs[0].merge(jobs[1], on=["task", "metric", "seed"]).sort_values("seed", kind="stable")
    found, absent = [], []
    for task in rows["task"].unique():
        for metric, of in both[both["task"] == task].groupby("metric", sort=False):
            try:
                sides = [[read_predictions(folder, job) for job in of[name]] for name in ("job_x", "job_y")]
                compared = _compared(*sides, metric, metrics or {}, options)
            except FileNotFoundError as error:
                absent.append(error)
                compared = {"reason": str(error)}
            seeds = ", ".join(str(int(seed)) for seed in of["seed"])
            found.append({"task": task, "metric": metric, "seeds": seeds, **compared})
    if found and len(absent) == len(found):
        raise absent[0]
    table = pd.DataFrame(found, columns=list(COLUMNS))
    return table.assign(p_holm=holm(table["p"]), reason=table["reason"].astype(object).fillna(""))


def _compared(a: Seeds, b: Seeds, metric: str, metrics: Mapping[str, Metric], options: dict) -> dict:
    score, width, p_mcnemar = None, 1, float("nan")
    if metric in EVENT_SCORES:
        if any(fold.counts is None for seed in (*a, *b) for fold in seed):
            return {"reason": "no counts of events in each clip: the run was made before they were kept"}
        score = EVENT_SCORES[metric]
        data = [[[(counts,) for _, counts in aligned_counts(a[0], seed)] for seed in side] for side in (a, b)]
    elif metric in metrics:
        score, width = metrics[metric], 2
        data = [
            [[(fold.prediction, fold.target) for _, fold in aligned(a[0], seed)] for seed in side] for side in (a, b)
        ]
    elif metric in RIGHT_OR_WRONG:
        right = [[[correct(fold) for _, fold in aligned(a[0], seed)] for seed in side] for side in (a, b)]
        if len(a) == 1:
            p_mcnemar = mcnemar(*(np.concatenate(side[0]) for side in right)).p
        data = [[[(np.mean(folds, axis=0),) for folds in zip(*side, strict=True)]] for side in right]
    else:
        return {"reason": f"no function for {metric}; expected it in `metrics`"}
    folds = [[sum(seeds, ()) for seeds in zip(*side, strict=True)] for side in data]
    found = paired_bootstrap(*folds, score and _mean_over_seeds(score, width), **options)
    interval = {"difference": found.estimate, "low": found.low, "high": found.high, "p": found.p}
    return interval | {"p_mcnemar": p_mcnemar}


def _mean_over_seeds(score: Metric, width: int) -> Metric:
    """The score's mean where every `width` arrays are of another seed."""
    return lambda *arrays: float(np.mean([score(*arrays[i : i + width]) for i in range(0, len(arrays), width)]))
