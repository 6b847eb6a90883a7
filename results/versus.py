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
COLUMNS = ("task", "metric", "seed", "difference", "low", "high", "p", "p_holm", "p_mcnemar", "reason")


def versus(folder: str | Path, a: str, b: str, metrics: Mapping[str, Metric] | None = None, **options) -> pd.DataFrame:
    """The difference (a less b) of two models' primary scores on each task, under the lowest seed of both.

    Args:
        folder: of the run. a, b: models, as the rows call them. options: those of `results.bootstrap.paired_bootstrap`.
        metrics: functions of (prediction, target), by metric, of scene tasks other than `RIGHT_OR_WRONG`, such as mAP.

    Returns:
        Columns task, metric, seed, difference, low, high, p (bootstrap over clips), p_holm (corrected over the tasks),
        p_mcnemar (where clips are right or wrong), reason (why a task has none of these).

    Raises:
        FileNotFoundError: for a folder without rows or predictions. ValueError: for a model that is not in the run.
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
    both = both.drop_duplicates(["task", "metric"])
    tasks = [task for task in rows["task"].unique() if task in set(both["task"])]
    found = []
    for row in both.set_index("task").loc[tasks].reset_index().itertuples():
        folds = [read_predictions(folder, job) for job in (row.job_x, row.job_y)]
        compared = _compared(*folds, row.metric, metrics or {}, options)
        found.append({"task": row.task, "metric": row.metric, "seed": int(row.seed), **compared})
    table = pd.DataFrame(found, columns=list(COLUMNS))
    return table.assign(p_holm=holm(table["p"]), reason=table["reason"].astype(object).fillna(""))


def _compared(
    first: list[Predictions], second: list[Predictions], metric: str, metrics: Mapping[str, Metric], options: dict
) -> dict:
    score, p_mcnemar = None, float("nan")
    if metric in EVENT_SCORES:
        if any(fold.counts is None for fold in (*first, *second)):
            return {"reason": "no counts of events in each clip: the run was made before they were kept"}
        data, score = zip(*aligned_counts(first, second), strict=True), EVENT_SCORES[metric]
    elif metric in metrics:
        pairs = zip(*aligned(first, second), strict=True)
        data, score = ([(fold.prediction, fold.target) for fold in each] for each in pairs), metrics[metric]
    elif metric in RIGHT_OR_WRONG:
        data = [[correct(fold) for fold in each] for each in zip(*aligned(first, second), strict=True)]
        p_mcnemar = mcnemar(*map(np.concatenate, data)).p
    else:
        return {"reason": f"no function for {metric}; expected it in `metrics`"}
    found = paired_bootstrap(*map(list, data), score, **options)
    interval = {"difference": found.estimate, "low": found.low, "high": found.high, "p": found.p}
    return interval | {"p_mcnemar": p_mcnemar}
