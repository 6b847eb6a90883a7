"""The comparison table: models x tasks, the primary metric, mean and spread over folds and seeds.

Every function takes rows (or `results.scores.scores.Scored`, whose scores are not computed again) and the options of
`compose`. `results.scores.scores` has the numbers, `results.tables.formats` how a table is written.
"""

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from results.rows.rows import task_table
from results.scores.labels import READ_OFF_MARK, labels, trained_note, with_trained
from results.scores.normalize import CATEGORIES, LOWER_IS_BETTER
from results.scores.notes import notes
from results.scores.scores import Rows, Scored, absent_scores, with_interval
from results.tables import averages, emphasis, numbers
from results.tables.formats import EMPHASIS_NOTE, FORMATS, Table

MISSING = "–"
OTHER = "other"
"""The category of tasks that are not HEAR's."""


@dataclass(frozen=True)
class Spread:
    """What can stand behind a mean.

    Attributes:
        of: from scores to the value of each line; NaN shows nothing.
        note: says what it is, where there are several seeds.
    """

    of: Callable[[pd.DataFrame], pd.Series]
    note: str = ""


SPREADS = {
    "folds": Spread(
        lambda scores: scores["std"],
        "± is the standard deviation over folds of means over seeds; over seeds where there is one fold.",
    ),
    "seeds": Spread(lambda scores: scores["std_seeds"], "± is the standard deviation over seeds of means over folds."),
    "none": Spread(lambda scores: scores["std"].mask(scores["std"].notna())),
}
CELL_COLUMNS = ["label", "column", "category", "text", "place"]


def compose(
    rows: Rows,
    *,
    means: bool | Collection[str] = False,
    by_category: bool = False,
    costs: pd.DataFrame | None = None,
    interval: float | None = None,
    spread: str = "folds",
    transposed: bool = False,
) -> Table:
    """Make the table of rows: texts, which of them are best and second of their task, and notes.

    HEAR's tasks come in HEAR's order, others behind them; a task's column names its metric. "–" stands where nothing
    was measured, "nan" where a score is not defined, "≈" before what was read off a figure.

    Args:
        rows: one row a score, or scored rows.
        means: whether to add the means of scores normalized by both schemes of `results.scores.normalize`, or which:
            "paper", "leaderboard".
        by_category: whether tasks are grouped by category, with a header of two levels.
        costs: more columns for the models that its index names, such as parameters; numbers or texts.
        interval: a confidence (0.95), whose interval stands in place of the standard deviation: see `with_interval`.
        spread: what the standard deviation is over, a key of `SPREADS`.
        transposed: whether models are columns, and tasks rows.

    Raises:
        ValueError: for no rows, costs of none of the models, an unknown spread or scheme, and as `scores`.
    """
    if spread not in SPREADS:
        raise ValueError(f"spread must be one of {', '.join(SPREADS)}, got {spread!r}")
    scored = Scored.of(rows)
    if scored.rows.empty:
        raise ValueError("no rows to make a table of")
    scores = _lines(scored, interval, spread)
    models = scores.drop_duplicates("label").set_index("label")["model"]
    scores = _ordered(scores, by_category)
    cells = [_task_cells(scores, with_spread=interval is None)]
    schemes: Collection[str] = averages.SCHEMES if means is True else means or ()
    if schemes:
        cells.append(averages.cells(scores, schemes))
    if costs is not None:
        cells.append(_cost_cells(costs, models))
    long = pd.concat(cells, ignore_index=True)
    texts, places = _assembled(long, list(models.index), by_category)
    values = numbers.arranged(long, list(models.index), by_category)
    lines = [*notes(scored.rows), *trained_note(scores)]
    if (places > 0).any(axis=None):
        lines.append(EMPHASIS_NOTE)
    lines += _spread_notes(scores, interval, spread)
    if schemes:
        lines += averages.notes(scores, schemes)
    if transposed:
        texts, places, values = texts.T, places.T, values.T
    return Table(texts, places, tuple(lines), numbers=values)


def table(rows: Rows, **options: Any) -> pd.DataFrame:
    """Show models x tasks as texts, mean with spread; options are those of `compose`."""
    return compose(rows, **options).texts


def text(rows: Rows, form: str = "terminal", **options: Any) -> str:
    """Write the table, with notes on what its numbers are where that is not plain.

    Args:
        form: a key of `results.tables.formats.FORMATS`.
        options: those of `compose`.
    """
    return FORMATS[form].write(compose(rows, **options))


to_text = functools.partial(text, form="terminal")
to_markdown = functools.partial(text, form="markdown")
to_latex = functools.partial(text, form="latex")
to_html = functools.partial(text, form="html")
to_csv = functools.partial(text, form="csv")
"""`text` in each format."""


def cell(mean: float, std: float, tolerance: float = float("nan"), count: int = 1) -> str:
    """Write a cell: the mean to three digits, its spread, a mark where it was read off; a dash for a count of 0."""
    if pd.isna(mean):
        return "nan" if count else MISSING
    mark = "" if pd.isna(tolerance) else READ_OFF_MARK
    return f"{mark}{mean:.3f}" if pd.isna(std) else f"{mark}{mean:.3f} ± {std:.3f}"


def _lines(scored: Scored, interval: float | None, spread: str) -> pd.DataFrame:
    """Give scores, absent tasks in front, their labels and the columns that cells show."""
    scores = scored.scores if interval is None else with_interval(scored.scores, interval)
    scores = scores.assign(std=SPREADS[spread].of(scores))
    absent = absent_scores(scored.rows)
    scores = scores if absent.empty else pd.concat([absent, scores], ignore_index=True)
    return scores.assign(label=labels(scores))


def _ordered(scores: pd.DataFrame, by_category: bool) -> pd.DataFrame:
    """Add the category of each task, and sort by task: HEAR's in its order, then the others; models keep theirs."""
    tasks = task_table()
    places = {task: place for place, task in enumerate(dict.fromkeys([*tasks.index, *scores["task"]]))}
    scores = scores.assign(category=scores["task"].map(tasks["category"]).fillna(OTHER))
    order = scores["task"].map(places)
    if by_category:
        order += len(places) * scores["category"].map([*CATEGORIES, OTHER].index)
    return scores.loc[order.sort_values(kind="stable").index].reset_index(drop=True)


def _task_cells(scores: pd.DataFrame, with_spread: bool) -> pd.DataFrame:
    spreads = scores["std"] if with_spread else [float("nan")] * len(scores)
    texts = list(map(cell, scores["mean"], spreads, scores["tolerance"], scores["count"]))
    if not with_spread:
        bounds = zip(texts, scores["low"], scores["high"], strict=True)
        texts = [text if pd.isna(low) else f"{text} [{low:.3f}, {high:.3f}]" for text, low, high in bounds]
    texts = with_trained(pd.Series(texts, scores.index, dtype=object), scores)
    named = scores["task"] + (" (" + scores["metric"] + ")").where(scores["metric"] != "", "")
    value = scores["mean"].where(~scores["metric"].isin(LOWER_IS_BETTER), -scores["mean"])
    cells = scores.assign(column=named, text=texts, value=value, number=scores["mean"])
    cells = cells.assign(place=emphasis.of_columns(cells, "value", "column"))
    shown = ["std"] if with_spread else ["low", "high"]
    return cells[[*CELL_COLUMNS, "number", *shown, "tolerance"]]


def _cost_cells(costs: pd.DataFrame, models: pd.Series) -> pd.DataFrame:
    """Make the cells of costs; `models` has the name of each label."""
    known = models[models.isin(costs.index)]
    if known.empty:
        raise ValueError(f"costs are of {', '.join(map(str, costs.index[:5]))}; expected some of {', '.join(models)}")
    cells = [
        {"label": label, "column": str(column), "category": "cost", "text": _cost(value), "place": 0, "number": value}
        for column in costs
        for label, name in known.items()
        for value in [costs.loc[name, column]]
    ]
    return pd.DataFrame(cells, columns=[*CELL_COLUMNS, "number"])


def _cost(value: Any) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return MISSING
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def _assembled(long: pd.DataFrame, models: Sequence[str], by_category: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Arrange texts and places as models x columns, in the order of the cells."""
    keys = ["category", "column"] if by_category else ["column"]
    heads = long[keys].drop_duplicates()
    columns = (
        pd.MultiIndex.from_frame(heads, names=[None, None]) if by_category else pd.Index(heads["column"].to_list())
    )
    texts, places = (
        long.pivot_table(index="label", columns=keys, values=name, aggfunc="first", sort=False).reindex(
            index=pd.Index(models, name="model"), columns=columns
        )
        for name in ("text", "place")
    )
    return texts.fillna(MISSING), places.fillna(0).astype(int)


def _spread_notes(scores: pd.DataFrame, interval: float | None, spread: str) -> list[str]:
    if interval is not None:
        over = "folds (over seeds where there is one fold); folds share training data, so it is rather too narrow"
        return [f"Intervals: {interval:.0%} confidence, Student's t over {over}."]
    note = SPREADS[spread].note
    return [note] if note and scores["seeds"].max() > 1 else []
