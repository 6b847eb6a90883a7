"""Primary scores as numbers, models x tasks: one metric a task, so that nothing mixes."""

import pandas as pd

from results.scores.labels import labels
from results.scores.scores import Rows, Scored, scores


def score(rows: pd.DataFrame, interval: float | None = None, *, wide: bool = False) -> pd.DataFrame:
    """Average primary scores: a line a model and task (`results.scores.scores.scores`), or numbers models x tasks.

    Args:
        rows: one row a score, such as `results.load` gives.
        interval: a confidence, whose interval is added to the lines.
        wide: whether to give means alone, models x tasks, of measured models.
    """
    if wide and interval is not None:
        raise ValueError(f"interval is of lines; expected wide=False, got interval {interval!r}")
    return arranged(rows) if wide else scores(rows, interval)


def arranged(rows: Rows, *, published: bool = False) -> pd.DataFrame:
    """Arrange the means of primary scores as models x tasks; NaN where there is no score.

    Args:
        rows: one row a score, such as `results.load` gives.
        published: whether to add published models, whose names then carry the marks of tables.

    Raises:
        ValueError: for scores of several metrics, or of several protocols, on one task: they do not compare.
    """
    lines = Scored.of(rows).scores
    measured = lines[~lines["published"]]
    lines = lines if published else measured
    for name, of_run in (("metric", lines), ("protocol", measured)):
        values = of_run.groupby("task", sort=False)[name].unique()
        if len(mixed := values[values.map(len) > 1]):
            several = " and ".join(map(str, mixed.iloc[0]))
            raise ValueError(f"scores on {mixed.index[0]} are of several {name}s, {several}; choose the rows of one")
    long = lines.assign(model=labels(lines) if published else lines["model"])
    means = long.pivot_table(index="model", columns="task", values="mean", aggfunc="first")
    return means.reindex(index=long["model"].unique(), columns=long["task"].unique()).astype(float)
