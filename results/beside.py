"""Published scores beside measured ones: which are shown, how they are marked, and what has to be said of them."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from results.reference import is_published, labels, notes_on, published, set_of
from results.rows import read_reference, read_rows

PUBLISHED_MARK = "‡"
READ_OFF_MARK = "≈"
USUAL_PROTOCOL = "hear2021"


def with_published(folder: str | Path, names: Iterable[str] = ()) -> pd.DataFrame:
    """The rows of a run, followed by the published ones that its study asks for and those of more `names`.

    Raises:
        FileNotFoundError: where the study has not been run. ValueError: for a name that is not known.
    """
    added = [rows for rows in (read_reference(folder), published(names)) if rows is not None and len(rows)]
    measured = read_rows(folder)
    if not added:
        return measured
    return pd.concat([measured, pd.concat(added).drop_duplicates(["spec", "task"])], ignore_index=True)


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of primary metrics that are shown: measured ones, then published ones of the same tasks and metrics.

    Where nothing was measured, every published one. Published models carry the mark and, where rows are of several
    sets, their set's name.
    """
    primary = rows[rows["primary"].astype(bool)]
    measured, published = primary[~is_published(primary)], _fitting(primary)
    if published.empty:
        return measured
    published = published.assign(model=labels(published) + PUBLISHED_MARK)
    return published if measured.empty else pd.concat([measured, published], ignore_index=True)


def notes(rows: pd.DataFrame) -> list[str]:
    """On the published scores among rows: the mark, sources, how exact they are, what was left out, and traps."""
    primary = rows[rows["primary"].astype(bool)]
    published = _fitting(primary)
    found = []
    if not published.empty:
        found.append(f"{PUBLISHED_MARK} published, not measured here{_sources(published)}")
        tolerances = sorted(published["tolerance"].dropna().unique())
        if tolerances:
            largest = f"{tolerances[-1]:g}"
            found.append(f"{READ_OFF_MARK} read off a figure: within {largest} of the value that was drawn.")
        protocols = set(primary.loc[~is_published(primary), "protocol"].dropna())
        if protocols - {USUAL_PROTOCOL}:
            found.append(f"{PUBLISHED_MARK} Published scores are of protocol {USUAL_PROTOCOL}: others do not compare.")
    return [*found, *_left_out(primary, published), *(f"{PUBLISHED_MARK} {note}" for note in notes_on(published))]


def _fitting(primary: pd.DataFrame) -> pd.DataFrame:
    """Published rows of tasks and metrics that were measured."""
    is_reference = is_published(primary)
    measured, published = primary[~is_reference], primary[is_reference]
    if measured.empty:
        return published
    wanted, offered = (pd.MultiIndex.from_frame(each[["task", "metric"]]) for each in (measured, published))
    return published[offered.isin(wanted)]


def _sources(published: pd.DataFrame) -> str:
    sources = dict(zip(set_of(published), published["source"], strict=True))
    if len(sources) == 1:
        return f": {next(iter(sources.values()))}."
    return ": " + "; ".join(f"{name}: {source}" for name, source in sources.items()) + "."


def _left_out(primary: pd.DataFrame, fitting: pd.DataFrame) -> list[str]:
    """Sets that have nothing to show, and tasks of which another metric was measured."""
    is_reference = is_published(primary)
    measured, published = primary[~is_reference], primary[is_reference]
    found = []
    for task, group in measured.groupby("task", sort=False):
        other = published.loc[(published["task"] == task) & ~published["metric"].isin(group["metric"]), "metric"]
        if not other.empty:
            ours = " and ".join(group["metric"].unique())
            theirs = " and ".join(other.unique())
            found.append(f"{PUBLISHED_MARK} Published scores of {task} are left out: {theirs}, measured is {ours}.")
    common = published["task"].isin(measured["task"])
    nothing = [name for name in set_of(published).unique() if name not in set(set_of(published[common]))]
    if nothing and not measured.empty:
        found.append(f"{PUBLISHED_MARK} No published score of these tasks: {', '.join(nothing)}.")
    return found
