"""Scores of different tasks on one scale, and their means over tasks and categories.

Two schemes, both on the tidy frame of `results.tables.compose.scores` (columns model, task, metric, mean; others are
kept):

- normalized (Koutini et al. 2022, Figures 6 to 10): a score over the best score of any model in the official HEAR 2021
  challenge on that task. Values above 1 are possible. Zeros are scores; what is missing is left out of means.
- standardized (the HEAR leaderboard): a score in standard deviations from the mean over models, clamped to [-1, 1].
  It depends on which models are compared: means are of use only within one frame. The leaderboard imputes missing
  scores before it standardizes, and takes them into its means; here a missing score is left out. On the leaderboard's
  own 34 models, with scikit-learn's IterativeImputer, a mean changes by up to `IMPUTED_MEANS` and a rank by up to
  `IMPUTED_RANKS`.
"""

import pandas as pd

from results.reference.published import challenge_best
from results.rows.rows import task_table

CATEGORIES = ("speech", "music", "general")
"""In the order of the paper's figures."""
IMPUTED_MEANS, IMPUTED_RANKS = 0.107, 3
LOWER_IS_BETTER = frozenset({"segment_1s_er"})
"""Metrics of which a smaller score is the better one."""


def normalized(found: pd.DataFrame) -> pd.DataFrame:
    """The frame with three columns more: `category`, `normalized` and `not_normalized`.

    `category` is empty for what is no HEAR task. Where there is no official maximum for a row's task and metric, or no
    score, `normalized` is NaN and `not_normalized` says why; elsewhere that is empty.

    Raises:
        ValueError: for a frame without the columns model, task, metric and mean.
    """
    _check(found)
    table = task_table()
    official = found["task"].map(table["primary_metric"])
    reason = pd.Series("", found.index, dtype=object)
    reason[found["mean"].isna()] = "no score"
    other = official.notna() & (official != found["metric"])
    reason[other] = "the challenge's metric is " + official[other] + ", not " + found["metric"][other]
    reason[official.isna()] = "not a task of the challenge"
    value = found["mean"] / found["task"].map(challenge_best())
    return found.assign(
        category=found["task"].map(table["category"]).fillna("").astype(object),
        normalized=value.where(reason == "").astype(float),
        not_normalized=reason,
    )


def standardized(found: pd.DataFrame) -> pd.DataFrame:
    """The frame with a column `standardized`: per task and metric zero mean and unit variance over models, clamped.

    The variance is the population's (over n). Where it is zero (one model, or equal scores) the value is 0. Metrics of
    `LOWER_IS_BETTER` are turned over, so that more is better everywhere.

    Raises:
        ValueError: for a frame without the columns model, task, metric and mean, or with a model twice on a task.
    """
    _check(found)
    twice = found.duplicated(["model", "task", "metric"])
    if twice.any():
        model, task = found.loc[twice, ["model", "task"]].iloc[0]
        raise ValueError(f"model {model!r} has several scores on {task}; expected one mean a model, task and metric")
    sign = 1 - 2 * found["metric"].isin(LOWER_IS_BETTER).astype(float)
    score = found["mean"] * sign
    groups = score.groupby([found["task"], found["metric"]])
    spread, largest = groups.transform("std", ddof=0), score.abs().groupby([found["task"], found["metric"]])
    same = spread <= 1e-12 * largest.transform("max")
    value = ((score - groups.transform("mean")) / spread.mask(same)).mask(same, 0.0)
    return found.assign(standardized=value.clip(-1, 1).where(score.notna()))


def standardized_means(found: pd.DataFrame) -> pd.Series:
    """Per model the mean of `standardized` over its tasks: the leaderboard's ranking, without imputed scores."""
    return standardized(found).groupby("model", sort=False)["standardized"].mean()


def category_means(found: pd.DataFrame) -> pd.DataFrame:
    """Mean of `normalized` by model and category: index model, columns speech, music, general and all.

    `all` is the mean over tasks, not over categories. Tasks without a normalized score are left out, so a mean may be
    of a part of a category: `category_counts` says of how many tasks.
    """
    return _by_category(normalized(found), "mean")


def category_counts(found: pd.DataFrame) -> pd.DataFrame:
    """How many tasks each number of `category_means` is the mean of; the same shape. HEAR has 5, 7, 7 and 19."""
    return _by_category(normalized(found), "count").fillna(0).astype(int)


def _by_category(values: pd.DataFrame, how: str) -> pd.DataFrame:
    wide = values.pivot_table(index="model", columns="category", values="normalized", aggfunc=how, sort=False)
    wide = wide.reindex(index=values["model"].unique(), columns=list(CATEGORIES))
    whole = values.groupby("model", sort=False)["normalized"].agg(how)
    return wide.assign(all=whole).rename_axis(index="model", columns=None)


def _check(found: pd.DataFrame) -> None:
    absent = [name for name in ("model", "task", "metric", "mean") if name not in found]
    if absent:
        raise ValueError(f"no column {', '.join(absent)}; expected the frame that results.tables.compose.scores gives")
