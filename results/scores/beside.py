"""Published scores beside measured ones: which are shown, how they are marked, and what has to be said of them."""

import pandas as pd

from results.reference.published import is_published, labels, notes_on, set_of
from results.rows.rows import task_table
from results.scores.records import is_missing, missing_notes, of_absent_tasks

PUBLISHED_MARK = "‡"
READ_OFF_MARK = "≈"
USUAL_PROTOCOL = "hear2021"


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of primary metrics that are shown: measured ones, then published ones of the same tasks and metrics.

    Where nothing was measured, every published one. Published models carry the mark and, where rows are of several
    sets, their set's name.
    """
    measured, offered = _split(rows)
    fitting = _fitting(measured, offered)
    if fitting.empty:
        return measured
    fitting = fitting.assign(model=labels(fitting) + PUBLISHED_MARK)
    return fitting if measured.empty else pd.concat([measured, fitting], ignore_index=True)


def notes(rows: pd.DataFrame) -> list[str]:
    """On scores that are missing; on published scores: the mark, sources, exactness, what was left out, traps."""
    measured, offered = _split(rows)
    fitting = _fitting(measured, offered)
    found = [*_undefined(measured), *_of_some_folders(measured), *missing_notes(rows)]
    if not fitting.empty:
        found.append(f"{PUBLISHED_MARK} published, not measured here: {_sources(fitting)}.")
        if fitting["tolerance"].notna().any():
            largest = f"{fitting['tolerance'].max():g}"
            found.append(f"{READ_OFF_MARK} read off a figure: within {largest} of the value that was drawn.")
        if set(measured["protocol"].dropna()) - {USUAL_PROTOCOL}:
            found.append(f"{PUBLISHED_MARK} Published scores are of protocol {USUAL_PROTOCOL}: others do not compare.")
    if not measured.empty:
        found += [f"{PUBLISHED_MARK} {note}" for note in _left_out(measured, offered)]
    return found + [f"{PUBLISHED_MARK} {note}" for note in notes_on(fitting)]


def _undefined(measured: pd.DataFrame) -> list[str]:
    """A line for each model and task whose score is not defined, with the reason."""
    nan = measured[measured["score"].isna() & (measured["reason"].fillna("") != "") & ~is_missing(measured)]
    return [
        f"nan: {model} on {task}, {', '.join(map(str, of['fold'].unique()))}: {reason}."
        for (model, task, reason), of in nan.groupby(["model", "task", "reason"], sort=False)
    ]


def _of_some_folders(measured: pd.DataFrame) -> list[str]:
    """A line for each score of a HEAR key that stands for several folders, of which not all were run."""
    known = measured[measured["task_fp"].fillna("") != ""]
    counts = known.groupby(["model", "task"], sort=False)["task_fp"].nunique()
    folders = task_table()["hear_folders"].str.split().str.len()
    return [
        f"{model} on {task}: scores of {count} of {folders[task]} folders."
        for (model, task), count in counts.items()
        if count < folders.get(task, 1)
    ]


def _split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of primary metrics: measured, without tasks on which nothing was, and published."""
    primary = rows[rows["primary"].astype(bool) & ~of_absent_tasks(rows)]
    is_reference = is_published(primary)
    return primary[~is_reference], primary[is_reference]


def _fitting(measured: pd.DataFrame, offered: pd.DataFrame) -> pd.DataFrame:
    """Published rows of tasks and metrics that were measured."""
    if measured.empty:
        return offered
    wanted, given = (pd.MultiIndex.from_frame(each[["task", "metric"]]) for each in (measured, offered))
    return offered[given.isin(wanted)]


def _sources(fitting: pd.DataFrame) -> str:
    sources = dict(zip(set_of(fitting), fitting["source"], strict=True))
    if len(sources) == 1:
        return next(iter(sources.values()))
    return "; ".join(f"{name}: {source}" for name, source in sources.items())


def _left_out(measured: pd.DataFrame, offered: pd.DataFrame) -> list[str]:
    """Tasks of which another metric was measured, and sets that have nothing on the measured tasks."""
    found = []
    for task, group in measured.groupby("task", sort=False):
        other = offered.loc[(offered["task"] == task) & ~offered["metric"].isin(group["metric"]), "metric"]
        if not other.empty:
            ours, theirs = (" and ".join(metrics.unique()) for metrics in (group["metric"], other))
            found.append(f"Published scores of {task} are left out: {theirs}, measured is {ours}.")
    useful = set(set_of(offered[offered["task"].isin(measured["task"])]))
    nothing = [name for name in set_of(offered).unique() if name not in useful]
    return [*found, f"No published score of these tasks: {', '.join(nothing)}."] if nothing else found
