"""The weights that probes learned for levels: a line a model, task and level, with spreads over folds and seeds."""

import pandas as pd

from results.rows.rows import WEIGHT

EXAMPLE = "`levels: {weighted: [block1, block2]}`"
KEYS = ["model", "task", "level"]
COLUMNS = (*KEYS, "weight", "std", "std_folds", "std_seeds", "folds", "seeds", "levels", "pooling", "protocol", "spec")


def is_weight(rows: pd.DataFrame) -> pd.Series:
    """Whether each row is the weight of a level, and no score."""
    return rows["metric"].fillna("").astype(str).str.startswith(WEIGHT)


def level_weights(rows: pd.DataFrame) -> pd.DataFrame:
    """Average the weight of each level over folds and seeds.

    Args:
        rows: one row a score, such as `results.load` gives.

    Returns:
        Columns model, task, level; weight, the mean over all fits; std, the standard deviation over all fits;
        std_folds, that over folds of means over seeds, and std_seeds, that over seeds of means over folds (all ddof 1,
        NaN of one value); folds, seeds, how many; levels, over how many the weights are spread, so that equal weights
        are 1 / levels; pooling, protocol, spec. Models, tasks and levels keep the order of the rows.

    Raises:
        ValueError: no row has a weight.
    """
    weights = rows[is_weight(rows)]
    if weights.empty:
        raise ValueError(f"no row has the weight of a level; a study asks for them by {EXAMPLE}")
    levels, fits = weights["metric"].str.removeprefix(WEIGHT), weights["fold"] + " " + weights["task_fp"]
    weights = weights.assign(level=levels, fit=fits)
    weights = weights.drop_duplicates([*KEYS, "fit", "seed", "job"])  # a weight that several studies share counts once
    groups = weights.groupby(KEYS, sort=False)
    table = groups.agg(
        weight=("score", "mean"),
        std=("score", "std"),
        folds=("fit", "nunique"),
        seeds=("seed", "nunique"),
        protocol=("protocol", "first"),
        spec=("spec", "first"),
    )
    for name, over in (("std_folds", "fit"), ("std_seeds", "seed")):
        table[name] = weights.groupby([*KEYS, over], sort=False)["score"].mean().groupby(level=KEYS, sort=False).std()
    table = table.reset_index()
    pooling = table["spec"].str.split("@").str[2]
    count = table.groupby(["model", "task"], sort=False)["level"].transform("size")
    return table.assign(levels=count, pooling=pooling)[list(COLUMNS)]
