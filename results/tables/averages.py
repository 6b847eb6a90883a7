"""The columns of a table that are means over tasks: of normalized scores by category, of standardized ones over all."""

from collections.abc import Collection

import pandas as pd

from results.reference.published import challenge_best
from results.rows.rows import task_table
from results.scores.conditions import are_changed
from results.scores.labels import with_read_off
from results.scores.normalize import CATEGORIES, IMPUTED_MEANS, IMPUTED_RANKS, normalized, standardized
from results.tables import emphasis

SCHEMES = ("paper", "leaderboard")
"""How scores are normalized: over the challenge's best, or in standard deviations."""


def cells(scores: pd.DataFrame, schemes: Collection[str] = SCHEMES) -> pd.DataFrame:
    """Make a cell for each model and mean: columns label, column, category ("mean"), text, place, and its numbers.

    A mean over a part of the table's tasks says so, as "0.712 [6/7]", and is not compared with the others.

    Args:
        scores: what `results.scores.scores.scores` gives, with a column label.

    Raises:
        ValueError: for a scheme that is none of `SCHEMES`.
    """
    if unknown := [name for name in schemes if name not in SCHEMES]:
        raise ValueError(f"unknown scheme {unknown[0]!r} of means; expected some of {', '.join(SCHEMES)}")
    long = _long(scores, schemes)
    means = long.groupby(["column", "label"], sort=False, observed=True).agg(
        mean=("value", "mean"),
        tolerance=("slack", "mean"),
        count=("value", "count"),
        protocol=("protocol", "first"),
        scale_free=("scale_free", "first"),
    )
    tasks = long.dropna(subset="value").groupby("column")["task"].nunique()
    means = means[means["count"] > 0].reset_index()
    means["tasks"] = means["column"].map(tasks)
    partial = means["count"] < means["tasks"]
    read_off = means["tolerance"].notna()
    digits = means["mean"].map("{:.3f}".format).astype(object)  # of floats where there is no mean at all
    shown = with_read_off(digits, read_off)
    share = " [" + means["count"].astype(str) + "/" + means["tasks"].astype(str) + "]"
    means["text"], means["number"] = shown.where(~partial, shown + share), means["mean"]
    means["mean"] = means["mean"].mask(partial | (means["scale_free"] & read_off))
    means["place"] = emphasis.of_columns(means, "mean", "column")
    means["tasks"] = means["count"] if partial.any() else float("nan")
    columns = ["label", "column", "category", "text", "place", "number", "tolerance", "tasks"]
    return means.assign(category="mean")[columns]


def notes(scores: pd.DataFrame, schemes: Collection[str] = SCHEMES) -> list[str]:
    """Say how the means were made, and which tasks are not in them."""
    values = normalized(scores)
    used = values.dropna(subset="normalized").groupby("category")["task"].nunique()
    numbers = task_table()["category"].value_counts()
    counts = ", ".join(f"{name} {used.get(name, 0)} of {numbers[name]}" for name in CATEGORIES)
    standard = (
        "standardized: each task to mean 0 and variance 1 over the "
        f"{scores['label'].nunique()} models of this table, clamped to [-1, 1], mean over tasks. Missing scores are "
        "left out; the leaderboard imputes them first, which changes means of its own models by up to "
        f"{IMPUTED_MEANS:.3f} and ranks by up to {IMPUTED_RANKS}."
    )
    if "paper" not in schemes:
        return [standard]
    left_out = values[~values["not_normalized"].isin(["", "no score"]) & values["mean"].notna()].drop_duplicates("task")
    groups = left_out.groupby("not_normalized", sort=False)
    reasons = [f"{', '.join(group['task'])} ({reason})" for reason, group in groups]
    standard_notes = [standard] if "leaderboard" in schemes else []
    if used.empty:
        return [f"No mean of normalized scores: {'; '.join(reasons) or 'no task has a score'}.", *standard_notes]
    normal = f"normalized: over the best score of the HEAR 2021 challenge on each task, mean over tasks ({counts})."
    return [normal, *standard_notes, *(f"Not normalized: {reason}." for reason in reasons)]


def _long(scores: pd.DataFrame, schemes: Collection[str]) -> pd.DataFrame:
    """Make a line for each model, task and mean that it goes into.

    Columns: label, task, protocol, column, value, slack (the tolerance on the value's scale), and scale_free (whether a
    tolerance has no meaning on that scale, which depends on the models).
    """
    scores = standardized(normalized(scores[~are_changed(scores["task"])]))
    slack = scores["tolerance"] / scores["task"].map(challenge_best())
    kept = scores[["label", "task", "protocol"]]
    shares = kept.assign(value=scores["normalized"], slack=slack, scale_free=False)
    parts = []
    if "paper" in schemes:
        parts += [shares[scores["category"] == name].assign(column=f"{name} (normalized)") for name in CATEGORIES]
        parts.append(shares.assign(column="all (normalized)"))
    if "leaderboard" in schemes:
        deviations = kept.assign(value=scores["standardized"], slack=scores["tolerance"], scale_free=True)
        parts.append(deviations.assign(column="all (standardized)"))
    return pd.concat(parts, ignore_index=True)
