"""What re-runs by others of a published model differ by: the band in which a measured score says nothing new.

`reruns.csv` has the rows of published scores that are of one model: the published one, re-runs of it by others, and
those of the same set-up in another set of its authors, which take the band and do not widen it.
"""

import functools

import pandas as pd

from results.reference.published import published
from results.reference.sets import read

PUBLISHED, SAME, RERUN = "published", "same", "re-run"
OWN, OTHERS = "this model", "other models"
"""Of whose re-runs a band is."""
FEWEST = 3
"""Re-runs of fewer other models than this say nothing of a model that no one re-ran."""
BAND = ("reruns", "rerun_low", "rerun_high", "rerun_spread", "rerun_of")


@functools.cache
def reruns() -> pd.DataFrame:
    """List the re-run scores by model and task, one line where there is at least one re-run.

    Returns:
        Columns model, task; reruns, how many scores others measured; rerun_low and rerun_high, the lowest and the
        highest of these and the published score; rerun_spread, their difference.
    """
    roles = read("reruns.csv")
    rows = published(roles["spec"]).merge(roles.rename(columns={"model": "name"}), on="spec")
    lines = rows[rows["role"] != SAME].groupby(["name", "task"], sort=False)
    table = lines.agg(
        reruns=("role", lambda values: int((values == RERUN).sum())),
        published=("role", lambda values: int((values == PUBLISHED).sum())),
        rerun_low=("score", "min"),
        rerun_high=("score", "max"),
    )
    table = table[(table["reruns"] > 0) & (table["published"] > 0)].drop(columns="published")
    table = table.assign(rerun_spread=table["rerun_high"] - table["rerun_low"])
    return table.reset_index().rename(columns={"name": "model"})


def bands(specs: pd.Series, tasks: pd.Series) -> pd.DataFrame:
    """Give the band of each published score: what re-runs differ by.

    Where no one re-ran the model on the task, the band is the largest difference between re-runs of any other model on
    it. It says how far a re-run moved at worst, and not what to expect of this model. Where fewer than `FEWEST` models
    were re-run, there is no band.

    Args:
        specs: of published rows, such as ``leaderboard:OpenL3``.
        tasks: their tasks.

    Returns:
        Columns `BAND`, a line each: reruns, how many scores others measured, or of how many models re-runs are where
        they are of other models; the lowest and the highest score, NaN for those of other models; rerun_spread; and
        rerun_of, "this model", "other models" or "".
    """
    table = reruns()
    models = specs.map(read("reruns.csv").set_index("spec")["model"])
    keys = pd.MultiIndex.from_arrays([models.fillna(""), tasks])
    own = table.set_index(["model", "task"]).reindex(keys).set_index(specs.index)
    of_task = table.groupby("task").agg(reruns=("model", "nunique"), rerun_spread=("rerun_spread", "max"))
    others = of_task[of_task["reruns"] >= FEWEST].reindex(tasks).set_index(specs.index)
    is_own, is_known = own["reruns"].notna(), others["reruns"].notna()
    found = own.assign(
        reruns=own["reruns"].where(is_own, others["reruns"]).fillna(0).astype(int),
        rerun_spread=own["rerun_spread"].where(is_own, others["rerun_spread"]),
        rerun_of=pd.Series(OTHERS, specs.index).where(is_known, "").where(~is_own, OWN),
    )
    return found[list(BAND)]
