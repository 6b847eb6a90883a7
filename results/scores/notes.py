"""Notes below tables and figures: what a reader must know of the rows that are shown."""

import pandas as pd

from results.reference.published import notes_on, set_of
from results.reference.sets import USUAL_PROTOCOL
from results.rows.rows import task_table
from results.scores.beside import comparable, split
from results.scores.conditions import parts
from results.scores.kinds import is_missing, is_untrained
from results.scores.labels import PUBLISHED_MARK, READ_OFF_MARK, UNTRAINED_NOTE, protocol_note
from results.scores.missing import missing_notes

FEW_MODELS = 4
"""More models than this are counted."""


def notes(rows: pd.DataFrame, protocol: bool = True) -> list[str]:
    """List what to know of rows, a line each.

    The lines are about untrained weights, scores that are not defined, HEAR keys of which some folders were run,
    missing scores, and published scores: their sources, exactness, what was left out, and traps.

    Args:
        rows: one row a score.
        protocol: whether to name a protocol other than HEAR's, and several seeds.
    """
    measured, published = split(rows)
    fitting = comparable(measured, published)
    lines = [UNTRAINED_NOTE] if is_untrained(rows["weights"]).any() else []
    lines += _protocol(rows) if protocol else []
    lines += [*_undefined(measured), *_of_some_folders(measured), *missing_notes(rows)]
    if not fitting.empty:
        lines.append(f"{PUBLISHED_MARK} published, not measured here: {_sources(fitting)}.")
        if fitting["read_off"].any():
            largest = f"{fitting['tolerance'].max():g}"
            lines.append(f"{READ_OFF_MARK} read off a figure: within {largest} of the value that was drawn.")
        lines += protocol_note(fitting)
        if set(measured["protocol"].dropna()) - {USUAL_PROTOCOL}:
            lines.append(f"{PUBLISHED_MARK} Published scores are of protocol {USUAL_PROTOCOL}: others do not compare.")
    marked = [*([] if measured.empty else _left_out(measured, published)), *notes_on(fitting)]
    return lines + [f"{PUBLISHED_MARK} {line}" for line in marked]


def _protocol(rows: pd.DataFrame) -> list[str]:
    of_run = rows[rows["source"].fillna("") == ""]
    protocols, seeds = sorted(of_run["protocol"].dropna().unique()), of_run["seed"].nunique()
    if of_run.empty or (protocols == [USUAL_PROTOCOL] and seeds <= 1):
        return []
    return [f"Protocol {' and '.join(protocols)}{f', over {seeds} seeds' if seeds > 1 else ''}."]


def _undefined(measured: pd.DataFrame) -> list[str]:
    """Name each model and task whose score is not defined, with the reason."""
    nan = measured[measured["score"].isna() & (measured["reason"].fillna("") != "") & ~is_missing(measured)]
    return [
        f"nan: {model} on {task}, {', '.join(map(str, rows['fold'].unique()))}: {reason}."
        for (model, task, reason), rows in nan.groupby(["model", "task", "reason"], sort=False)
    ]


def _of_some_folders(measured: pd.DataFrame) -> list[str]:
    """Say of which HEAR keys that stand for several folders not all were run, and by which models."""
    known = measured[measured["task_fp"].fillna("") != ""]
    counts = known.groupby(["task", "model"], sort=False)["task_fp"].nunique().rename("count").reset_index()
    folders = counts["task"].map(lambda task: parts(task).task).map(task_table()["hear_folders"].str.split().str.len())
    partial = counts[counts["count"] < folders].assign(folders=folders)
    lines = []
    for (task, count, whole), models in partial.groupby(["task", "count", "folders"], sort=False)["model"]:
        who = ", ".join(models) if len(models) <= FEW_MODELS else f"{len(models)} models"
        lines.append(f"{who} on {task}: scores of {count} of {int(whole)} folders.")
    return lines


def _sources(fitting: pd.DataFrame) -> str:
    sources: dict[str, str] = dict(zip(fitting["set"], fitting["source"], strict=True))
    if len(sources) == 1:
        return next(iter(sources.values()))
    return "; ".join(f"{name}: {source}" for name, source in sources.items())


def _left_out(measured: pd.DataFrame, published: pd.DataFrame) -> list[str]:
    """Name tasks of which another metric was measured, and sets that have nothing on the measured tasks."""
    lines = []
    for task, group in measured.groupby("task", sort=False):
        other = published.loc[(published["task"] == task) & ~published["metric"].isin(group["metric"]), "metric"]
        if not other.empty:
            ours, theirs = (" and ".join(metrics.unique()) for metrics in (group["metric"], other))
            lines.append(f"Published scores of {task} are left out: {theirs}, measured is {ours}.")
    useful = set(published.loc[published["task"].isin(measured["task"]), "set"])
    unused = [name for name in set_of(published).unique() if name not in useful]
    return [*lines, f"No published score of these tasks: {', '.join(unused)}."] if unused else lines
