"""A row of the HEAR leaderboard's CSV: scores under HEAR's own protocol, and why a cell is empty.

A score is the mean over folds and seeds of the task's metric, as the leaderboard's are over folds. A score that was
measured in another way never stands in a row: under another protocol, on fewer clips or folders, or by a probe that
has a pooling of its own.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ablations.submit.chosen import Chosen, grouped, who
from ablations.system import call
from downstream.pooling.pooling import FIXED
from passt.catalog.spec import EmbeddingSpec
from results.reference.sets import read
from results.reference.trained_on import matches
from results.rows.predictions import names_of_clips
from results.rows.rows import task_table
from results.scores.kinds import MEASURED
from results.scores.scores import scores

PROTOCOL = "hear2021"
DIGITS = 9
"""Digits behind the point on the leaderboard, at most."""


@dataclass(frozen=True)
class Entry:
    """A model's row, and what has to be said of it.

    Attributes:
        model: its name in the run.
        scores: the leaderboard's name of a task -> score, of cells that have one.
        empty: the leaderboard's name of a task -> why its cell is empty.
        remarks: lines about the scores that there are.
    """

    model: str
    scores: Mapping[str, float]
    empty: Mapping[str, str]
    remarks: tuple[str, ...]


def entries(chosen: Chosen) -> list[Entry]:
    """Make the row of each model of a run."""
    return [_entry(chosen, model) for model in chosen.models]


def lines(rows: list[Entry]) -> list[str]:
    """Say what is missing, a line a reason, which rows are complete, and what to know of their scores."""
    texts = []
    for row in rows:
        missing = [f"empty, {why}: {', '.join(tasks)}" for why, tasks in grouped(row.empty).items()]
        texts += [(row.model, text) for text in missing or [f"complete, all {len(row.scores)} tasks"]]
        texts += [(row.model, remark) for remark in row.remarks]
    by_text: dict[str, list[str]] = {}
    for model, text in texts:
        by_text.setdefault(text, []).append(model)
    return [f"{who(models, len(rows))}: {text}." for text, models in by_text.items()]


def to_csv(rows: list[Entry], name: str = "", url: str = "") -> str:
    """Write rows with the header, the order of tasks and the numbers of the leaderboard's CSV.

    Args:
        rows: of models that have a score; the others are left out.
        name: what the leaderboard calls the model; empty for its name in the run.
        url: where the model is.
    """
    header = list(read("hear_leaderboard.csv").columns)
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, header, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        if row.scores:
            about = {"Model": name or row.model, "URL": url, "Submission Date": call.now()[:10]}
            writer.writerow(about | {task: number(score) for task, score in row.scores.items()})
    return text.getvalue()


def number(score: float) -> str:
    """Write a score as the leaderboard has it.

    >>> number(0.9475), number(2 / 3), number(0.0), number(1.0)
    ('0.9475', '0.666666667', '0', '1')
    """
    return f"{score:.{DIGITS}f}".rstrip("0").rstrip(".")


def _entry(chosen: Chosen, model: str) -> Entry:
    rows = chosen.rows[chosen.rows["model"] == model]
    summary = scores(rows)
    means, trained = summary.set_index("task"), set(summary.loc[matches(summary).index, "task"])
    filled: dict[str, float] = {}
    empty: dict[str, str] = {}
    taken: list[str] = []
    unchecked = False
    for key, task in task_table().iterrows():
        cell = rows[(rows["task"] == key) & rows["is_primary"]]
        why, checked = _why_not(cell, task, chosen.folder)
        if why:
            empty[task["leaderboard_name"]] = why
        else:
            filled[task["leaderboard_name"]] = float(means.loc[key, "mean"])
            taken.append(str(key))
            unchecked |= not checked
    remarks = []
    seeds = means.loc[taken, "seeds"].astype(int).unique() if taken else []
    if any(count > 1 for count in seeds):
        remarks.append(f"means over {' or '.join(map(str, seeds))} seeds; the leaderboard's are of one")
    precisions = sorted(set(rows.loc[rows["task"].isin(taken), "precision"]) - {"fp32"})
    if precisions:
        remarks.append(f"embeddings in {' and '.join(precisions)}, not fp32")
    if on := [key for key in taken if key in trained]:
        remarks.append(f"trained on data of {', '.join(on)} (results/reference/trained_on.csv)")
    if unchecked:
        remarks.append("clips were not counted; the run's folder has no predictions (jobs/)")
    return Entry(model, filled, empty, tuple(remarks))


def _why_not(cell: pd.DataFrame, task: pd.Series, folder: Path) -> tuple[str, bool]:
    """Say why a cell has no score, "" where it has one; and whether its clips were counted, if that can tell.

    Args:
        cell: the primary rows of a model on a task.
        task: its row of `task_table`.
        folder: of the run.
    """
    measured = cell[cell["kind"] == MEASURED]
    if measured.empty:
        return (cell["reason"].iloc[0] if len(cell) else "not a task of the study"), True
    other = sorted(set(measured["protocol"]) - {PROTOCOL})
    if other:
        return f"measured under {' and '.join(other)}, not {PROTOCOL}", True
    spec = measured["spec"].iloc[0]
    if pooling := _learned_pooling(spec):
        return f"its probe learns the pooling {pooling}, which HEAR's probe has not", True
    metrics = set(measured["metric"])
    if metrics != {task["primary_metric"]}:
        return f"scored by {' and '.join(sorted(metrics))}, not {task['primary_metric']}", True
    if measured["score"].isna().any():
        reason = next(filter(None, measured.loc[measured["score"].isna(), "reason"]), "")
        return f"a fold has no score{f' ({reason})' if reason else ''}", True
    of_folder = measured.groupby("task_fp")["fold"].nunique()
    folders, folds = len(task["hear_folders"].split()), _folds(task["splits"])
    if len(of_folder) != folders or set(of_folder) != {folds}:
        got = f"{len(of_folder)} folders and {'/'.join(map(str, of_folder))} folds"
        return f"of {got}, HEAR's has {folders} and {folds}", True
    if folds == 1:
        return "", True  # the table of tasks has no number of test clips
    try:
        clips = sum(len(names_of_clips(folder, job)) for job in measured.drop_duplicates("task_fp")["job"])
    except (ValueError, OSError):
        return "", False
    return (f"tested on {clips} clips, HEAR's has {task['clips']}" if clips != task["clips"] else ""), True


def _learned_pooling(spec: str) -> str:
    """The pooling that a spec's probe learns; "" where it learns none."""
    pooling = EmbeddingSpec.parse(spec).pooling
    return "" if pooling in (EmbeddingSpec().pooling, *FIXED) else pooling


def _folds(splits: str) -> int:
    """The number of folds, from "5-fold" or "trainvaltest"."""
    first, _, _ = splits.partition("-")
    return int(first) if first.isdecimal() else 1
