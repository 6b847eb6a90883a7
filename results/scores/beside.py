"""Published scores beside measured ones: which rows are shown together."""

import pandas as pd

from results.scores.kinds import with_flags
from results.scores.missing import of_absent_tasks


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Select the primary rows to show: measured ones, then published ones of the same tasks and metrics.

    Where nothing was measured, every published row is shown. The rows have the flags of `results.scores.kinds`.
    """
    measured, published = split(rows)
    fitting = comparable(measured, published)
    if measured.empty or fitting.empty:
        return measured if fitting.empty else fitting
    return pd.concat([measured, fitting], ignore_index=True)


def split(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Part the rows of primary metrics, with flags, into those of the run and published ones.

    Rows of tasks that no model was measured on are left out.
    """
    primary = with_flags(rows[rows["primary"].astype(bool) & ~of_absent_tasks(rows)])
    return primary[~primary["published"]], primary[primary["published"]]


def comparable(measured: pd.DataFrame, published: pd.DataFrame) -> pd.DataFrame:
    """Select the published rows whose task and metric were measured; all where nothing was."""
    if measured.empty:
        return published
    keys = ["task", "metric"]
    return published[pd.MultiIndex.from_frame(published[keys]).isin(pd.MultiIndex.from_frame(measured[keys]))]
