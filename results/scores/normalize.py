"""Scores of different tasks on one scale, and their means over tasks and categories.

Two schemes, both on the table of `results.scores.scores.scores` (columns model, task, metric, mean; others are kept):

- normalized (Koutini et al. 2022, Figures 6 to 10): a score over the best score of any model in the official HEAR 2021
  challenge on that task. Values above 1 are possible. Zeros are scores; what is missing is left out of means.
- standardized (the HEAR leaderboard): a score in standard deviations from the mean over models, clamped to [-1, 1].
  It depends on which models are compared: means are of use only within one frame. The leaderboard imputes missing
  scores before it standardizes, and takes them into its means; here a missing score is left out. On the leaderboard's
  own 34 models, with scikit-learn's IterativeImputer, a mean changes by up to `IMPUTED_MEANS` and a rank by up to
  `IMPUTED_RANKS`.
"""

from typing import Literal

import pandas as pd

from results.reference.published import challenge_best
from results.rows.rows import task_table
from results.scores.labels import labels

CATEGORIES = ("speech", "music", "general")
"""In the order of the paper's figures."""
IMPUTED_MEANS, IMPUTED_RANKS = 0.107, 3
LOWER_IS_BETTER = frozenset({"segment_1s_er", "rmse", "mae"})
"""Metrics whose smaller score is the better one."""


def normalized(scores: pd.DataFrame) -> pd.DataFrame:
    """Add the columns `category`, `normalized` and `not_normalized` to scores.

    `category` is empty for a task that is none of HEAR's. Where the challenge has no best score for a line's task and
    metric, or the line has no score, `normalized` is NaN and `not_normalized` says why; elsewhere that is empty.

    Raises:
        ValueError: for a table without the columns model, task, metric and mean.
    """
    _check(scores)
    table = task_table()
    official = scores["task"].map(table["primary_metric"])
    reason = pd.Series("", scores.index, dtype=object)
    reason[scores["mean"].isna()] = "no score"
    other = official.notna() & (official != scores["metric"])
    reason[other] = "the challenge's metric is " + official[other] + ", not " + scores["metric"][other]
    reason[official.isna()] = "not a task of the challenge"
    value = scores["mean"] / scores["task"].map(challenge_best())
    return scores.assign(
        category=scores["task"].map(table["category"]).fillna("").astype(object),
        normalized=value.where(reason == "").astype(float),
        not_normalized=reason,
    )


def standardized(scores: pd.DataFrame) -> pd.DataFrame:
    """Add a column `standardized`: for each task and metric, scores of mean 0 and variance 1 over models, clamped.

    The variance is the population's (over n). Where it is zero (one model, or equal scores) the value is 0. Metrics of
    `LOWER_IS_BETTER` are negated, so that more is better everywhere.

    Raises:
        ValueError: for a table without the columns model, task, metric and mean, or with a model twice on a task.
    """
    _check(scores)
    repeated = scores.assign(label=labels(scores)).duplicated(["label", "task", "metric"])
    if repeated.any():
        model, task = scores.loc[repeated, ["model", "task"]].iloc[0]
        raise ValueError(f"model {model!r} has several scores on {task}; expected one mean a model, task and metric")
    score = scores["mean"].where(~scores["metric"].isin(LOWER_IS_BETTER), -scores["mean"])
    keys = [scores["task"], scores["metric"]]
    groups = score.groupby(keys)
    spread, largest = groups.transform("std", ddof=0), score.abs().groupby(keys).transform("max")
    same = spread <= 1e-12 * largest
    value = ((score - groups.transform("mean")) / spread.mask(same)).mask(same, 0.0)
    return scores.assign(standardized=value.clip(-1, 1).where(score.notna()))


def standardized_means(scores: pd.DataFrame) -> pd.Series:
    """Average `standardized` over the tasks of each model: the leaderboard's ranking, without imputed scores."""
    values = standardized(scores)
    return values["standardized"].groupby(labels(values).rename("model"), sort=False).mean()


def category_means(scores: pd.DataFrame) -> pd.DataFrame:
    """Average `normalized` by model and category: index model, columns speech, music, general and all.

    `all` is the mean over tasks, not over categories. Tasks without a normalized score are left out, so that a mean may
    be of a part of a category: `category_counts` says of how many tasks.
    """
    return _by_category(normalized(scores), "mean")


def category_counts(scores: pd.DataFrame) -> pd.DataFrame:
    """Count the tasks that each number of `category_means` is the mean of. HEAR has 5, 7, 7 and 19."""
    return _by_category(normalized(scores), "count").fillna(0).astype(int)


def _by_category(values: pd.DataFrame, how: Literal["mean", "count"]) -> pd.DataFrame:
    values = values.assign(model=labels(values))
    wide = values.pivot_table(index="model", columns="category", values="normalized", aggfunc=how, sort=False)
    wide = wide.reindex(index=values["model"].unique(), columns=list(CATEGORIES))
    whole = values.groupby("model", sort=False)["normalized"].agg(how)
    return wide.assign(all=whole).rename_axis(index="model", columns=None)


def _check(scores: pd.DataFrame) -> None:
    absent = [name for name in ("model", "task", "metric", "mean") if name not in scores]
    if absent:
        raise ValueError(f"no column {', '.join(absent)}; expected the table that results.scores.scores.scores gives")
