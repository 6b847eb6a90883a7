"""The table of learned weights of levels: levels x tasks, for each model."""

import pandas as pd

from results.scores.level_weights import level_weights
from results.scores.scores import Rows, Scored
from results.tables.compose import MISSING, cell
from results.tables.emphasis import BEST
from results.tables.formats import Table

NOT_NORMALIZED = "weighted"
"""The pooling whose weights also depend on how large the numbers of a level are."""

STANDARDIZED = r"\+standardized"
"""The option of protocols that gives all numbers the same spread."""


def weights_table(rows: Rows) -> Table:
    """Make the table of the weights of levels: means with their standard deviations over folds and seeds.

    The largest weight of each model and task is bold.

    Args:
        rows: one row a score, such as `results.load` gives.

    Raises:
        ValueError: no row has a weight.
    """
    weights = level_weights(rows.rows if isinstance(rows, Scored) else rows)
    several = len(weights["model"].unique()) > 1
    weights["name"] = weights["model"] + ": " + weights["level"] if several else weights["level"]
    weights["text"] = [cell(mean, std) for mean, std in zip(weights["weight"], weights["std"], strict=True)]
    largest = weights.groupby(["model", "task"], sort=False)["weight"].transform("max")
    weights["place"] = (weights["weight"] == largest).astype(int) * BEST
    names, tasks = weights["name"].unique(), weights["task"].unique()

    def arranged(column: str) -> pd.DataFrame:
        table = weights.pivot_table(column, "name", "task", "first", sort=False)
        return table.reindex(index=names, columns=tasks).rename_axis(index=None, columns=None)

    numbers = weights.drop(columns=["name", "text", "place"]).set_index("model")
    places = arranged("place").fillna(0).astype(int)
    return Table(arranged("text").fillna(MISSING), places, tuple(weights_notes(weights)), False, numbers)


def weights_notes(weights: pd.DataFrame) -> list[str]:
    """Say what the weights are, what their spread is over, and what equal weights would be.

    Args:
        weights: of `results.scores.level_weights.level_weights`.
    """
    folds, seeds = (_counted(weights[name], name) for name in ("folds", "seeds"))
    equal = ", ".join(f"{1 / levels:.3f} for {levels} levels" for levels in sorted(weights["levels"].unique()))
    lines = [
        f"Softmax weights of the chosen probes, protocol {' and '.join(weights['protocol'].unique())}: means, ± the "
        f"standard deviation, over {folds} and {seeds}. Equal weights are {equal}."
    ]
    if ((weights["pooling"] == NOT_NORMALIZED) & ~weights["protocol"].str.contains(STANDARDIZED)).any():
        lines.append("Weighted levels are not normalized: a weight also depends on how large its level's numbers are.")
    return lines


def _counted(counts: pd.Series, noun: str) -> str:
    low, high = counts.min(), counts.max()
    number = f"{low}" if low == high else f"{low} to {high}"
    return f"{number} {noun if high > 1 else noun.removesuffix('s')}"
