"""The columns of a table that are means over tasks: of normalized scores by category, of standardized ones over all."""

from collections.abc import Collection

import pandas as pd

from results.reference.published import challenge_best
from results.rows.rows import task_table
from results.scores.beside import READ_OFF_MARK
from results.scores.normalize import CATEGORIES, IMPUTED_MEANS, IMPUTED_RANKS, normalized, standardized
from results.tables import emphasis

SCHEMES = ("paper", "leaderboard")
"""By which scores are normalized: over the challenge's best, in standard deviations."""


def cells(found: pd.DataFrame, schemes: Collection[str] = SCHEMES) -> pd.DataFrame:
    """Columns model, column, category ("mean"), text, place: one row a model and mean.

    A mean over a part of the table's tasks says of how many, as "0.712 [6/7]", and is not compared with the others.

    Args:
        found: what `results.scores.scores.scores` gives.

    Raises:
        ValueError: for a scheme that is not of `SCHEMES`.
    """
    if unknown := [name for name in schemes if name not in SCHEMES]:
        raise ValueError(f"unknown scheme {unknown[0]!r} of means; expected some of {', '.join(SCHEMES)}")
    long = _long(found, schemes)
    means = long.groupby(["column", "model"], sort=False, observed=True).agg(
        mean=("value", "mean"),
        tolerance=("slack", "mean"),
        count=("value", "count"),
        scored=("value", "size"),
        protocol=("protocol", "first"),
    )
    whole = long.dropna(subset="value").groupby("column")["task"].nunique()
    means = means[means["count"] > 0].reset_index()
    means["whole"] = means["column"].map(whole)
    partial = means["count"] < means["whole"]
    read_off = means["tolerance"].notna()
    digits = means["mean"].map("{:.3f}".format).astype(object)  # of floats where there is no mean at all
    shown = digits.where(~read_off, READ_OFF_MARK + digits)
    of = " [" + means["count"].astype(str) + "/" + means["whole"].astype(str) + "]"
    means["text"] = shown.where(~partial, shown + of)
    scale_free = means["column"].str.endswith("(standardized)")
    means["mean"] = means["mean"].mask(partial | (scale_free & read_off))
    means["place"] = emphasis.of_columns(means, "mean", "column")
    return means.assign(category="mean")[["model", "column", "category", "text", "place"]]


def notes(found: pd.DataFrame, schemes: Collection[str] = SCHEMES) -> list[str]:
    """What the means are of."""
    values = normalized(found)
    used = values.dropna(subset="normalized").groupby("category")["task"].nunique()
    numbers = task_table()["category"].value_counts()
    of = ", ".join(f"{name} {used.get(name, 0)} of {numbers[name]}" for name in CATEGORIES)
    standard = (
        "standardized: each task to mean 0 and variance 1 over the "
        f"{found['model'].nunique()} models of this table, clamped to [-1, 1], mean over tasks. Missing scores are "
        "left out; the leaderboard imputes them first, which changes means of its own models by up to "
        f"{IMPUTED_MEANS:.3f} and ranks by up to {IMPUTED_RANKS}."
    )
    if "paper" not in schemes:
        return [standard]
    left_out = values[~values["not_normalized"].isin(["", "no score"]) & values["mean"].notna()].drop_duplicates("task")
    reasons = [f"{', '.join(group['task'])} ({why})" for why, group in left_out.groupby("not_normalized", sort=False)]
    standard_notes = [standard] if "leaderboard" in schemes else []
    if used.empty:
        return [f"No mean of normalized scores: {'; '.join(reasons) or 'no task has a score'}.", *standard_notes]
    normal = f"normalized: over the best score of the HEAR 2021 challenge on each task, mean over tasks ({of})."
    return [normal, *standard_notes, *(f"Not normalized: {reason}." for reason in reasons)]


def _long(found: pd.DataFrame, schemes: Collection[str]) -> pd.DataFrame:
    """One row a model, task and mean that it goes into: value, and slack, the tolerance on the mean's scale."""
    found = standardized(normalized(found))
    slack = found["tolerance"] / found["task"].map(challenge_best())
    kept = found[["model", "task", "protocol"]]
    shares = kept.assign(value=found["normalized"], slack=slack)
    parts = []
    if "paper" in schemes:
        parts += [shares[found["category"] == name].assign(column=f"{name} (normalized)") for name in CATEGORIES]
        parts.append(shares.assign(column="all (normalized)"))
    if "leaderboard" in schemes:
        parts.append(kept.assign(value=found["standardized"], slack=found["tolerance"], column="all (standardized)"))
    return pd.concat(parts, ignore_index=True)
