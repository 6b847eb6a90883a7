"""The comparison table: models x tasks, the primary metric, mean and spread over folds and seeds.

Every function takes rows and the options of `compose`. `results.scores.scores` has the numbers,
`results.tables.formats` how a table is written.
"""

from collections.abc import Callable, Collection, Sequence

import pandas as pd

from results.reference.published import is_published
from results.rows.rows import task_table
from results.scores import beside
from results.scores.beside import PUBLISHED_MARK, READ_OFF_MARK, USUAL_PROTOCOL
from results.scores.normalize import CATEGORIES, LOWER_IS_BETTER
from results.scores.scores import UNTRAINED_MARK, UNTRAINED_NOTE, absent_scores, is_untrained, scores
from results.tables import averages, emphasis, formats
from results.tables.formats import EMPHASIS_NOTE, Table

MISSING = "–"
OTHER = "other"
"""The category of tasks that are not HEAR's."""
SPREADS = {"folds": "std", "seeds": "std_seeds", "none": ""}
"""Columns of `scores` that can stand behind a mean."""
SPREAD_NOTES = {
    "folds": "± is the standard deviation over folds of means over seeds; over seeds where there is one fold.",
    "seeds": "± is the standard deviation over seeds of means over folds.",
    "none": "",
}
CELL_COLUMNS = ["model", "column", "category", "text", "place"]


def compose(
    rows: pd.DataFrame,
    *,
    means: bool | Collection[str] = False,
    by_category: bool = False,
    costs: pd.DataFrame | None = None,
    interval: float | None = None,
    spread: str = "folds",
    transposed: bool = False,
) -> Table:
    """The table of rows: texts, which of them are best and second of their task, and notes.

    HEAR's tasks come in HEAR's order, others behind them; a task's column names its metric. "–" stands where nothing
    was measured, "nan" where a score is not defined, "≈" before what was read off a figure.

    Args:
        means: with the means of scores normalized by both schemes of `results.scores.normalize`, or by those named:
            "paper", "leaderboard".
        by_category: tasks grouped by category, with a header of two levels.
        costs: more columns for the models that its index names (without marks), such as parameters; numbers or texts.
        interval: a confidence (0.95), whose interval stands in place of the standard deviation: see `scores`.
        spread: of what the standard deviation is, of `SPREADS`: "folds" (over seeds where there is one fold), "seeds",
            "none".
        transposed: models are columns, tasks are rows.

    Raises:
        ValueError: for no rows, costs of none of the models, a spread or a scheme that is not known, and as `scores`.
    """
    if rows.empty:
        raise ValueError("no rows to make a table of")
    if spread not in SPREADS:
        raise ValueError(f"spread must be one of {', '.join(SPREADS)}, got {spread!r}")
    found = scores(rows, interval)
    found["std"] = found[SPREADS[spread]] if SPREADS[spread] else float("nan")
    if len(absent := absent_scores(rows)):
        found = pd.concat([absent, found], ignore_index=True)
    models = found["model"].unique()
    found = _ordered(found, by_category)
    cells = [_task_cells(found, interval is not None)]
    if means:
        cells.append(averages.cells(found, averages.SCHEMES if means is True else means))
    if costs is not None:
        cells.append(_cost_cells(costs, models))
    texts, marks = _assembled(pd.concat(cells, ignore_index=True), models, by_category)
    turned = (texts.T, marks.T) if transposed else (texts, marks)
    return Table(*turned, tuple(_notes(rows, found, marks, means, interval, spread)))


def table(rows: pd.DataFrame, **options) -> pd.DataFrame:
    """Models x tasks, as text: mean with its spread; options are those of `compose`."""
    return compose(rows, **options).texts


def to_markdown(rows: pd.DataFrame, **options) -> str:
    """The table in markdown, with notes on what its numbers are where that is not plain."""
    return formats.to_markdown(compose(rows, **options))


def to_latex(rows: pd.DataFrame, **options) -> str:
    """The table in LaTeX, with booktabs' rules."""
    return formats.to_latex(compose(rows, **options))


def to_html(rows: pd.DataFrame, **options) -> str:
    """The table in HTML."""
    return formats.to_html(compose(rows, **options))


def to_text(rows: pd.DataFrame, **options) -> str:
    """The table for a terminal, without emphasis: see `results.tables.formats.to_text`."""
    return formats.to_text(compose(rows, **options))


def to_csv(rows: pd.DataFrame, **options) -> str:
    """The table's texts as CSV; the numbers are `scores(rows).to_csv()`."""
    return formats.to_csv(compose(rows, **options))


FORMATS: dict[str, Callable[..., str]] = {
    "terminal": to_text,
    "markdown": to_markdown,
    "latex": to_latex,
    "html": to_html,
    "csv": to_csv,
}


def notes(rows: pd.DataFrame) -> list[str]:
    """On untrained weights, on another protocol than HEAR's or several seeds, on scores that are not defined.

    Also on published scores, where there are any.
    """
    measured = rows[~is_published(rows)]
    found = [UNTRAINED_NOTE] if is_untrained(measured["weights"]).any() else []
    protocols, seeds = sorted(measured["protocol"].dropna().unique()), measured["seed"].nunique()
    if len(measured) and (protocols != [USUAL_PROTOCOL] or seeds > 1):
        over = f", over {seeds} seeds" if seeds > 1 else ""
        found.append(f"Protocol {' and '.join(protocols)}{over}.")
    return found + beside.notes(rows)


def text(mean: float, std: float, tolerance: float = float("nan"), count: int = 1) -> str:
    """A cell: the mean to three digits, its spread, whether it was read off a figure; a dash for a count of 0."""
    if pd.isna(mean):
        return "nan" if count else MISSING
    mark = "" if pd.isna(tolerance) else READ_OFF_MARK
    return f"{mark}{mean:.3f}" if pd.isna(std) else f"{mark}{mean:.3f} ± {std:.3f}"


def _ordered(found: pd.DataFrame, by_category: bool) -> pd.DataFrame:
    """Scores with the category of their task: tasks in HEAR's order, then the others; models keep theirs."""
    table = task_table()
    tasks = {task: i for i, task in enumerate(dict.fromkeys([*table.index, *found["task"]]))}
    found = found.assign(category=found["task"].map(table["category"]).fillna(OTHER))
    place = found["task"].map(tasks)
    if by_category:
        place += len(tasks) * found["category"].map({name: i for i, name in enumerate((*CATEGORIES, OTHER))})
    return found.loc[place.sort_values(kind="stable").index].reset_index(drop=True)


def _task_cells(found: pd.DataFrame, with_interval: bool) -> pd.DataFrame:
    if with_interval:
        each = zip(found["mean"], found["tolerance"], found["count"], found["low"], found["high"], strict=True)
        texts = [
            text(mean, float("nan"), tolerance, count) + ("" if pd.isna(low) else f" [{low:.3f}, {high:.3f}]")
            for mean, tolerance, count, low, high in each
        ]
    else:
        texts = list(map(text, found["mean"], found["std"], found["tolerance"], found["count"]))
    sign = 1 - 2 * found["metric"].isin(LOWER_IS_BETTER)
    named = found["task"] + (" (" + found["metric"] + ")").where(found["metric"] != "", "")
    cells = found.assign(column=named, text=texts, value=found["mean"] * sign)
    return cells.assign(place=emphasis.of_columns(cells, "value", "column"))[CELL_COLUMNS]


def _cost_cells(costs: pd.DataFrame, models: Sequence[str]) -> pd.DataFrame:
    bare = {model: model.removesuffix(PUBLISHED_MARK).removesuffix(UNTRAINED_MARK) for model in models}
    known = {model: name for model, name in bare.items() if name in costs.index}
    if not known:
        raise ValueError(
            f"costs are of {', '.join(map(str, costs.index[:5]))}; expected some of {', '.join(bare.values())}"
        )
    found = [
        {"model": model, "column": str(column), "category": "cost", "text": _cost(costs.loc[name, column]), "place": 0}
        for column in costs
        for model, name in known.items()
    ]
    return pd.DataFrame(found, columns=CELL_COLUMNS)


def _cost(value: object) -> str:
    if isinstance(value, str):
        return value
    if pd.isna(value):
        return MISSING
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.4g}"


def _assembled(long: pd.DataFrame, models: Sequence[str], by_category: bool) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Texts and places as models x columns, in the order of the cells."""
    keys = ["category", "column"] if by_category else ["column"]
    heads = long[keys].drop_duplicates()
    columns = (
        pd.MultiIndex.from_frame(heads, names=[None, None]) if by_category else pd.Index(heads["column"].to_list())
    )
    texts, marks = (
        long.pivot_table(index="model", columns=keys, values=name, aggfunc="first", sort=False).reindex(
            index=pd.Index(models, name="model"), columns=columns
        )
        for name in ("text", "place")
    )
    return texts.fillna(MISSING), marks.fillna(0).astype(int)


def _notes(
    rows: pd.DataFrame,
    found: pd.DataFrame,
    marks: pd.DataFrame,
    means: bool | Collection[str],
    interval: float | None,
    spread: str,
) -> list[str]:
    added = notes(rows)
    if (marks > 0).any(axis=None):
        added.append(EMPHASIS_NOTE)
    if interval is not None:
        what = "folds (over seeds where there is one fold); folds share training data, so it is rather too narrow"
        added.append(f"Intervals: {interval:.0%} confidence, Student's t over {what}.")
    elif found["seeds"].max() > 1 and SPREAD_NOTES[spread]:
        added.append(SPREAD_NOTES[spread])
    return added + (averages.notes(found, averages.SCHEMES if means is True else means) if means else [])
