"""Measured scores beside published ones of the same models and tasks: difference, tolerance, whether within it.

A difference that is no larger than what re-runs by others of the published model differ by says nothing new: see
`results.reference.reruns`.
"""

import numpy as np
import pandas as pd

from results.reference.reruns import BAND, OTHERS, OWN, bands
from results.reference.sets import USUAL_PROTOCOL
from results.scores.labels import READ_OFF_MARK, with_read_off
from results.scores.scores import Rows, Scored
from results.tables.compose import MISSING
from results.tables.formats import Table

COLUMNS = (
    *("model", "task", "metric", "set", "measured", "std", "published", "difference", "tolerance", "read_off"),
    *("within", "within_spread", *BAND, "within_reruns"),
)
RERUN_NOTE = (
    "Re-runs differ by the highest less the lowest of the published and the re-run scores. In brackets: no re-run of "
    "this model is known, and it is the largest such difference of other models on the task. Of one or two re-runs it "
    "is little to go by."
)
ROUNDING = 5e-4
"""Scores are compared to three digits: half of the last one."""


def pairs(rows: Rows) -> pd.DataFrame:
    """Pair each measured score with the published ones of its model's name, task and metric, a row a set.

    Untrained weights are compared with nothing, nor are published scores of another protocol than HEAR's, unless it is
    that of the measured one.

    Returns:
        Columns model, task, metric, set, measured (a mean), std (over folds, over seeds where there is one fold),
        published, difference (measured less published), tolerance (how exactly the value was read off a figure; 0
        where it is exact), read_off (whether it was), within (whether the difference is no larger than the tolerance,
        to three digits), within_spread (no larger than tolerance and std together; NA where there is no std), the
        columns `results.reference.reruns.BAND`, and within_reruns (no larger than tolerance and rerun_spread together;
        NA where no re-run is known, or the measured score is of another protocol).
    """
    scores = Scored.of(rows).scores
    measured = scores[~scores["published"] & ~scores["untrained"]].dropna(subset="mean")
    published = scores[scores["published"]]
    both = measured.merge(published, on=["model", "task", "metric"], suffixes=("", "_published"))
    alike = both["protocol"] == both["protocol_published"]
    both = both[alike | (both["protocol_published"] == USUAL_PROTOCOL)].reset_index(drop=True)
    difference, tolerance = both["mean"] - both["mean_published"], both["tolerance_published"]
    slack = tolerance.fillna(0.0) + ROUNDING
    spread = (difference.abs() <= slack + both["std"].fillna(0.0)).astype("boolean").mask(both["std"].isna())
    known = bands(both["spec_published"], both["task"])
    comparable = (both["protocol"] == both["protocol_published"]) & (known["rerun_of"] != "")
    of_reruns = (difference.abs() <= slack + known["rerun_spread"].fillna(0.0)).astype("boolean").mask(~comparable)
    both = both.assign(
        set=both["set_published"],
        measured=both["mean"],
        published=both["mean_published"],
        difference=difference,
        tolerance=tolerance.fillna(0.0),
        read_off=both["read_off_published"],
        within=difference.abs() <= slack,
        within_spread=spread,
        **known,
        within_reruns=of_reruns,
    )
    return both[list(COLUMNS)].reset_index(drop=True)


def summary(both: pd.DataFrame) -> str:
    """Say in a line how many of `pairs` are within their tolerance."""
    row = both.loc[both["difference"].abs().idxmax()]
    spread = int(both["within_spread"].fillna(False).sum())
    within = f"{int(both['within'].sum())} of {len(both)} within the tolerance of the published value"
    largest = f"largest difference {row['difference']:+.3f} ({row['model']} on {row['task']})"
    return f"{within}, {spread} within that and the standard deviation measured; {largest}."


def rerun_summary(both: pd.DataFrame) -> str:
    """Say in a line how many of `pairs` are within what others' re-runs differ by; "" where no re-run is known."""
    parts = []
    for whose, words in ((OWN, "of the same model"), (OTHERS, "of other models")):
        known = both[(both["rerun_of"] == whose) & both["within_reruns"].notna()]
        if len(known):
            parts.append(f"{int(known['within_reruns'].sum())} of {len(known)} within what re-runs {words} differ by")
    return f"Re-runs by others: {'; '.join(parts)}." if parts else ""


def _of_reruns(both: pd.DataFrame) -> dict[str, pd.Series]:
    """Write what re-runs differ by, and whether the difference is within it; nothing where no re-run is known."""
    if both["within_reruns"].isna().all():
        return {}
    known, others = both["within_reruns"].notna(), both["rerun_of"] == OTHERS
    counted = np.where(others, " models", np.where(both["reruns"] == 1, " re-run", " re-runs"))
    spread = both["rerun_spread"].map("{:.3f}".format) + " (" + both["reruns"].astype(str) + counted + ")"
    within = both["within_reruns"].map({True: "yes", False: "no"}).astype(object)
    return {
        "re-runs differ": spread.where(known, MISSING),
        "within re-runs": within.where(~others, "(" + within + ")").where(known, MISSING),
    }


def table(both: pd.DataFrame) -> Table | None:
    """Show `pairs` as texts, with notes; None where nothing measured is published."""
    if both.empty:
        return None
    std = both["std"].map(" ± {:.3f}".format).where(both["std"].notna(), "")
    texts = pd.DataFrame(
        {
            "task": both["task"] + " (" + both["metric"] + ")",
            "measured": both["measured"].map("{:.3f}".format) + std,
            "published": with_read_off(both["published"].map("{:.3f}".format), both["read_off"]),
            "set": both["set"],
            "difference": both["difference"].map("{:+.3f}".format),
            "tolerance": both["tolerance"].map("{:g}".format).where(both["read_off"], "exact"),
            "within": both["within"].map({True: "yes", False: "no"}),
            "within ±": both["within_spread"].map({True: "yes", False: "no"}).astype(object).fillna(MISSING),
            **_of_reruns(both),
        }
    ).set_axis(pd.Index(both["model"], name="model"))
    places = pd.DataFrame(np.zeros(texts.shape, int), texts.index, texts.columns)
    notes = [summary(both)]
    if line := rerun_summary(both):
        notes.append(f"{line} {RERUN_NOTE}")
    if both["read_off"].any():
        notes.append(f"{READ_OFF_MARK} read off a figure; tolerance is how exactly it could be read.")
    return Table(texts, places, tuple(notes), turns=False)
