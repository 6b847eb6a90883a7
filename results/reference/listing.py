"""The sets of published scores as a list, and published scores filtered by protocol, year and task."""

import re
from collections.abc import Collection, Iterable

import pandas as pd

from results.reference.published import published, set_of
from results.reference.sets import SETS, read
from results.rows.choices import choices
from results.rows.rows import task_table

YEAR = re.compile(r"\d{4}")
LISTED_BY = "`ablate reference`"


def sets(rows: pd.DataFrame | None = None) -> pd.DataFrame:
    """List the sets by name: models, tasks, scores, read_off, tolerance, years, protocol and source.

    read_off counts the scores that were read off a figure, tolerance (NaN: none was) is the largest error of these.

    Args:
        rows: published rows, such as `filtered` leaves, that are counted; all where None.
    """
    rows = published(SETS) if rows is None else rows
    rows = rows.assign(set=set_of(rows), year=years(rows))
    table = {
        name: {
            "models": group["model"].nunique(),
            "tasks": group["task"].nunique(),
            "scores": len(group),
            "read_off": int(group["tolerance"].notna().sum()),
            "tolerance": group["tolerance"].max(),
            "years": _span(group["year"].dropna()),
            "protocol": group["protocol"].iloc[0],
            "source": group["source"].iloc[0],
        }
        for name, group in rows.groupby("set", sort=False)
    }
    return pd.DataFrame.from_dict(table, orient="index").rename_axis("set")


def years(rows: pd.DataFrame) -> pd.Series:
    """Give the year in which each published row appeared; NA where the source does not say.

    A set has the year of sets.csv. The leaderboard has none there: its models have that of their submission.
    """
    submitted = read("hear_leaderboard.csv").set_index("Model")["Submission Date"].str.extract(r"(\d{4})")[0]
    year_of_set = read("sets.csv").set_index("set")["year"]
    of_set = set_of(rows)
    values = of_set.map(year_of_set).where(of_set != "leaderboard", rows["model"].map(submitted))
    return pd.to_numeric(values).astype("Int64")


def filtered(
    rows: pd.DataFrame, protocols: Collection[str] = (), period: str = "", tasks: Collection[str] = ()
) -> pd.DataFrame:
    """Select published rows of some protocols, years and tasks; what is empty selects nothing away.

    Args:
        rows: published rows.
        protocols: of `protocols`, any of which a row may have.
        period: a year (``2024``), or the first and the last (``2022..2026``). Rows without a year are in none.
        tasks: keys of HEAR's tasks.

    Raises:
        ValueError: for an unknown protocol or task, or another period; names the closest ones.
    """
    _check("protocol", protocols, protocols_of(published(SETS)), LISTED_BY)
    _check("task", tasks, task_table().index, "`ablate tasks`")
    if protocols:
        rows = rows[rows["protocol"].isin(protocols)]
    if tasks:
        rows = rows[rows["task"].isin(tasks)]
    if period:
        first, last = parse_period(period)
        rows = rows[years(rows).between(first, last).fillna(False).astype(bool)]
    return rows.reset_index(drop=True)


def protocols_of(rows: pd.DataFrame) -> list[str]:
    """List the protocols of published rows, each once."""
    return list(rows["protocol"].unique())


def parse_period(text: str) -> tuple[int, int]:
    """Read a year, or the first and the last one.

    >>> parse_period("2024"), parse_period("2022..2026")
    ((2024, 2024), (2022, 2026))

    Raises:
        ValueError: for anything else, and for a first year after the last.
    """
    first, dots, last = text.partition("..")
    ends = (first, last if dots else first)
    if not all(YEAR.fullmatch(end) for end in ends) or int(ends[0]) > int(ends[1]):
        raise ValueError(f"year must be one such as 2024, or the first and the last such as 2022..2026, got {text!r}")
    return int(ends[0]), int(ends[1])


def _check(noun: str, names: Iterable[str], known: Iterable[str], listed_by: str) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            raise ValueError(f"unknown {noun} {name!r}{choices(name, known, listed_by)}")


def _span(values: pd.Series) -> str:
    if values.empty:
        return "not known"
    first, last = values.min(), values.max()
    return f"{first}" if first == last else f"{first}..{last}"
