"""The door of figures: scores with labels and colors, the notes below, and what the paper calls tasks."""

import difflib
from collections.abc import Sequence
from typing import Any, TypedDict

import pandas as pd
from matplotlib.axes import Axes

from results.figures.canvas.colors import Palette, colored
from results.rows.rows import task_table
from results.scores.axes import checkpoint_of
from results.scores.conditions import parts
from results.scores.labels import labels, terms
from results.scores.notes import notes
from results.scores.scores import Rows, Scored
from results.tables.compose import cell

UNDEFINED = "not defined"
"""Stands in the place of a score that the metric does not define."""
ARCHITECTURES = {"passt": "transformer", "efficientat": "CNN", "panns": "CNN", "crepe": "CNN"}
"""What the networks of a family are."""


class Options(TypedDict, total=False):
    """Keywords of the functions that draw; a function of several panels has no `ax`.

    notes: whether to write notes below. statement: what the figure shows, in larger type above them. palette:
    colors (`results.figures.canvas.colors.colored`). order: models to draw, in this order. ax: the panel to draw in,
    instead of a new figure.
    """

    notes: bool
    statement: str
    palette: Palette
    order: Sequence[str] | None
    ax: Axes | None


def drawn(rows: Rows, palette: Palette = None, order: Sequence[str] | None = None) -> tuple[pd.DataFrame, list[str]]:
    """Prepare rows to be drawn: their scores with more columns, and the lines below the figure.

    The columns are label; color; checkpoint, "" of published scores; and hue, the color of the checkpoint as a whole.

    Args:
        palette: colors, see `results.figures.canvas.colors.colored`.
        order: models to draw, in this order, by their names, labels or checkpoints.

    Raises:
        ValueError: for no rows, or a palette or order of an unknown model.
    """
    scored = Scored.of(rows)
    if scored.rows.empty:
        raise ValueError("no rows to draw")
    scores = scored.scores
    scores = scores.assign(
        label=labels(scores),
        color=colored(scores, palette),
        checkpoint=checkpoint_of(scores["spec"]).where(~scores["published"].astype(bool), ""),
    )
    scores = scores.assign(hue=scores.groupby("checkpoint", sort=False)["color"].transform("first"))
    rows_drawn = scored.rows
    if order is not None:
        scores = ordered(scores, order)
        rows_drawn = rows_drawn[rows_drawn["model"].isin(scores["model"])]
    return scores, [*_notes(rows_drawn, scores), *terms(scores["model"])]


def text_of(line: Any) -> str:
    """Write the value of a line of scores, or what stands in its place."""
    if pd.isna(line.mean) and line.count:
        return UNDEFINED
    return cell(line.mean, float("nan"), line.tolerance, line.count)


def _notes(rows: pd.DataFrame, scores: pd.DataFrame) -> list[str]:
    """List what to know of rows; a score that is not defined is called so."""
    lines = [line.replace("nan: ", f"{UNDEFINED}: ", 1) for line in notes(rows, protocol=False)]
    undefined = (scores["mean"].isna() & (scores["count"] > 0)).any()
    if undefined and not any(line.startswith(UNDEFINED) for line in lines):
        lines.append(f"{UNDEFINED}: the metric has no value for what was predicted.")
    return lines


def ordered(scores: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    """Select the lines of the models that are named, in the order of the names."""
    names = [order] if isinstance(order, str) else list(dict.fromkeys(order))
    if not names:
        raise ValueError("order is empty; expected names of models, in the order in which they are drawn")
    places = pd.Series(float("nan"), scores.index)
    for place, name in enumerate(names):
        named = (scores["label"] == name) | (scores["model"] == name)
        named = named if named.any() else scores["checkpoint"] == name
        if not named.any():
            close = difflib.get_close_matches(name, scores["model"].unique(), 1)
            hint = f"; is it {close[0]!r}?" if close else ""
            raise ValueError(f"order names {name!r}, which is no model of these rows{hint}")
        places[named & places.isna()] = place
    return scores.loc[places.dropna().sort_values(kind="stable").index].reset_index(drop=True)


def spread_note(scores: pd.DataFrame, mark: str = "Error bars") -> list[str]:
    """Say what error bars or bands are, in one line; none where there are none.

    Args:
        scores: what is drawn, with std, folds, seeds, published and tolerance.
    """
    measured = scores[~scores["published"].astype(bool) & scores["mean"].notna()]
    with_spread = measured[measured["std"].notna()]
    tasks = {
        "folds": list(with_spread.loc[with_spread["folds"] > 1, "task"].unique()),
        "seeds": list(with_spread.loc[with_spread["folds"] <= 1, "task"].unique()),
        "": list(measured.loc[measured["std"].isna(), "task"].unique()),
    }
    read_off = bool((scores["published"].astype(bool) & scores["tolerance"].notna()).any())
    parts = [
        f"over {over}" + (f" on {_few(tasks[over])}" if len(with_spread["folds"].gt(1).unique()) > 1 else "")
        for over in ("folds", "seeds")
        if tasks[over]
    ]
    lines = f"{mark}: standard deviation {' and '.join(parts)}" if parts else ""
    if lines and tasks[""]:
        lines += f"; none on {_few(tasks[''])}, of one fold and seed"
    if read_off:
        lines += ("; " if lines else f"{mark}: ") + "of values read off a figure, how exactly they could be read"
    return [f"{lines}."] if lines else []


def _few(tasks: list[str]) -> str:
    """Name up to three tasks, or count them."""
    return ", ".join(map(task_name, tasks)) if len(tasks) <= 3 else f"{len(tasks)} tasks"


def task_name(task: str) -> str:
    """Name a HEAR task as the paper does; any other task is called by its key. Conditions stay behind the name."""
    tasks, (clean, conditions) = task_table(), parts(task)
    return f"{tasks.loc[clean, 'paper_name']}{conditions}" if clean in tasks.index else task


def category_of(task: str) -> str:
    """Name the category of a task: speech, music or general; "other" for a task that is none of HEAR's."""
    tasks, clean = task_table(), parts(task).task
    return str(tasks.loc[clean, "category"]) if clean in tasks.index else "other"


def one_panel(ax: Axes | None, tasks: Sequence[str]) -> None:
    """Raise ValueError where several tasks, a panel each, are to be drawn in one."""
    if ax is not None and len(tasks) > 1:
        raise ValueError(f"ax is one panel, and {len(tasks)} tasks have one each; select the rows of one task")
