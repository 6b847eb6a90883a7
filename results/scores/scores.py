"""From rows to one line a model and task: the mean of the primary metric, with its spread over folds and over seeds."""

from dataclasses import dataclass

import pandas as pd
from scipy import special

from results.scores import beside
from results.scores.axes import AXIS_COLUMNS, with_axes
from results.scores.kinds import MISSING, with_flags
from results.scores.missing import of_absent_tasks

MODEL = ["model", "set"]
"""What tells models apart: a published model may be called like a measured one, or like one of another set."""
KEYS = [*MODEL, "task", "metric"]
CELL = [*KEYS, "task_fp", "fold", "seed"]
SPREADS = ["mean", "std", "std_folds", "std_seeds"]
DESCRIPTION = [
    *("family", "protocol", "tolerance", "kind", "published", "untrained", "read_off", "spec"),
    *AXIS_COLUMNS,
]
"""Columns of rows that are the same in all rows of a line."""
COLUMNS = [*("model", "task", "metric"), *SPREADS[:2], "count", *SPREADS[2:], "folds", "seeds", "set", *DESCRIPTION]


@dataclass(frozen=True)
class Scored:
    """Rows with their scores. What takes rows takes this, too, and does not compute the scores again."""

    rows: pd.DataFrame
    scores: pd.DataFrame

    @classmethod
    def of(cls, rows: "pd.DataFrame | Scored") -> "Scored":
        """Score rows, unless they have been."""
        return rows if isinstance(rows, Scored) else cls(rows, scores(rows))


Rows = pd.DataFrame | Scored


def scores(rows: pd.DataFrame, interval: float | None = None) -> pd.DataFrame:
    """Average the primary metric of each model on each task, and say what the mean is of.

    A model and task that were not measured (`results.scores.missing.with_missing`) have a count of 0 and NaN. A fold
    without a score makes all of its line NaN; hear-eval-kit's mean leaves it out. A score that several studies share
    counts once. Models and tasks keep the order of the rows. Published models come last, on the tasks and metrics that
    were measured.

    Args:
        rows: one row a score, such as `results.load` gives.
        interval: a confidence, see `with_interval`.

    Returns:
        Columns model, task, metric; mean, over folds and seeds; std, std_folds where there are several folds, else
        std_seeds; count of scores; std_folds, the standard deviation over folds of means over seeds, and std_seeds,
        that over seeds of means over folds (both ddof 1, NaN of one value); folds, seeds, how many; set (of published
        scores, else ""), family, protocol, tolerance (NaN: exact); kind (measured, published, missing) and the flags
        published, untrained and read_off (off a figure); spec; level, window_ms, scene_window_ms and hop_ms
        (`results.scores.axes`).

    Raises:
        ValueError: for a model with several scores of one fold and seed (of other specs or protocols), or an interval
            that is not between 0 and 1.
    """
    primary = cells(rows)
    lines = primary.assign(scored=primary["kind"] != MISSING).groupby(KEYS, sort=False)
    means = lines.agg(
        mean=("score", "mean"),
        count=("scored", "sum"),
        defined=("score", "count"),
        **{name: (name, "first") for name in DESCRIPTION},
    )
    table = means.join(_spread(primary, ["task_fp", "fold"], "folds")).join(_spread(primary, ["seed"], "seeds"))
    table["std"] = table["std_folds"].where(table["folds"] > 1, table["std_seeds"])
    table[SPREADS] = table[SPREADS].where(table["defined"] == table["count"])
    table = table.reset_index()[COLUMNS]
    return table if interval is None else with_interval(table, interval)


def with_interval(table: pd.DataFrame, confidence: float) -> pd.DataFrame:
    """Add the columns low and high: Student's t interval of the means over folds, over seeds where there is one fold.

    Folds share training data, so that such an interval is too narrow (Nadeau & Bengio 2003, s. 3). One over seeds knows
    of training's randomness alone. `results.statistics.bootstrap` has intervals over test clips.

    Raises:
        ValueError: for a confidence that is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise ValueError(f"interval must be a confidence between 0 and 1, such as 0.95, got {confidence!r}")
    number = table["folds"].where(table["folds"] > 1, table["seeds"])
    quantile = special.stdtrit((number - 1).where(number > 1), (1 + confidence) / 2)  # Student's t
    half = quantile * table["std"] / number**0.5
    return table.assign(low=table["mean"] - half, high=table["mean"] + half)


def absent_scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Make lines as `scores` has them, without a score, for the study's tasks that no model was measured on."""
    absent = with_axes(with_flags(rows[of_absent_tasks(rows)]))
    lines = absent[["model", "task", "metric", "set", *DESCRIPTION]]
    return lines.assign(**dict.fromkeys(SPREADS, float("nan")), count=0, folds=0, seeds=0)[COLUMNS]


def cells(rows: pd.DataFrame) -> pd.DataFrame:
    """Select the rows that `scores` averages, one a model, task, fold and seed, with flags and axes.

    Raises:
        ValueError: for a model with several scores of one fold and seed.
    """
    primary = with_axes(beside.shown(rows)).drop_duplicates([*CELL, "job"])
    _check_unique(primary)
    return primary


def _spread(primary: pd.DataFrame, over: list[str], name: str) -> pd.DataFrame:
    """Take the standard deviation over `over` of means over everything else, and the number of means."""
    means = primary.groupby([*KEYS, *over], sort=False, dropna=False)["score"].mean()
    groups = means.groupby(level=KEYS, sort=False)
    return pd.DataFrame({f"std_{name}": groups.std(ddof=1), name: groups.size()})


def _check_unique(primary: pd.DataFrame) -> None:
    repeated = primary[primary.duplicated(CELL, keep=False)]
    if repeated.empty:
        return
    first = repeated.iloc[0]
    same = repeated[(repeated[CELL].astype(str) == first[CELL].astype(str)).all(axis=1)]
    differing = [name for name in ("spec", "protocol", "precision", "embedder_fp", "job") if len(set(same[name])) > 1]
    detail = f" ({differing[0]} {' and '.join(map(str, same[differing[0]].unique()))})" if differing else ""
    raise ValueError(
        f"model {first['model']!r} has {len(same)} scores on {first['task']}, {first['fold']}, seed {first['seed']}"
        f"{detail}; expected one: give them names of their own in the column model"
    )
