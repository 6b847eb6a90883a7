"""Measured scores beside published ones of the same models and tasks: difference, tolerance, whether within it."""

import numpy as np
import pandas as pd

from results.scores.beside import READ_OFF_MARK
from results.scores.scores import scores_of
from results.tables.formats import Table

COLUMNS = (
    *("model", "task", "metric", "set", "measured", "std", "published", "difference", "tolerance", "read_off"),
    *("within", "within_spread"),
)
ROUNDING = 5e-4
"""Scores are compared to three digits: half of the last one."""


def pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a measured score that is published, too: a line for each set that has it.

    What a measured model is called decides which published one it is compared with. Untrained weights are compared with
    nothing.

    Returns:
        Columns model, task, metric, set, measured (a mean), std (over folds, over seeds where there is one fold),
        published, difference (measured less published), tolerance (how exactly the value was read off a figure; 0
        where it is exact), read_off (whether it was), within (whether the difference is no larger than the tolerance,
        to three digits), within_spread (no larger than tolerance and std together; NA where there is no std).
    """
    found = scores_of(rows)
    measured = found[~found["published"] & ~found["untrained"]].dropna(subset="mean")
    published = found[found["published"]].assign(set=found["spec"].str.split(":", n=1).str[0])
    both = measured.merge(published, on=["name", "task", "metric"], suffixes=("", "_published"))
    difference, tolerance = both["mean"] - both["mean_published"], both["tolerance_published"]
    slack = tolerance.fillna(0.0) + ROUNDING
    spread = (difference.abs() <= slack + both["std"].fillna(0.0)).astype("boolean").mask(both["std"].isna())
    both = both.assign(
        measured=both["mean"],
        published=both["mean_published"],
        difference=difference,
        tolerance=tolerance.fillna(0.0),
        read_off=tolerance.notna(),
        within=difference.abs() <= slack,
        within_spread=spread,
    )
    return both[list(COLUMNS)].reset_index(drop=True)


def summary(found: pd.DataFrame) -> str:
    """How many of `pairs` are within, in a line."""
    row = found.loc[found["difference"].abs().idxmax()]
    spread = int(found["within_spread"].fillna(False).sum())
    within = f"{int(found['within'].sum())} of {len(found)} within the tolerance of the published value"
    largest = f"largest difference {row['difference']:+.3f} ({row['model']} on {row['task']})"
    return f"{within}, {spread} within that and the standard deviation measured; {largest}."


def table(rows: pd.DataFrame) -> Table | None:
    """`pairs` as texts, with notes; None where nothing measured is published."""
    found = pairs(rows)
    if found.empty:
        return None
    mark = found["read_off"].map({True: READ_OFF_MARK, False: ""})
    std = found["std"].map(" ± {:.3f}".format).where(found["std"].notna(), "")
    texts = pd.DataFrame(
        {
            "task": found["task"] + " (" + found["metric"] + ")",
            "measured": found["measured"].map("{:.3f}".format) + std,
            "published": mark + found["published"].map("{:.3f}".format),
            "set": found["set"],
            "difference": found["difference"].map("{:+.3f}".format),
            "tolerance": found["tolerance"].map("{:g}".format).where(found["read_off"], "exact"),
            "within": found["within"].map({True: "yes", False: "no"}),
            "within ±": found["within_spread"].map({True: "yes", False: "no"}).astype(object).fillna("–"),
        }
    ).set_axis(pd.Index(found["model"], name="model"))
    places = pd.DataFrame(np.zeros(texts.shape, int), texts.index, texts.columns)
    notes = [summary(found)]
    if found["read_off"].any():
        notes.append(f"{READ_OFF_MARK} read off a figure; tolerance is how exactly it could be read.")
    return Table(texts, places, tuple(notes))
