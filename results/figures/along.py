"""Scores along one of the ablation's axes: embedding level, receptive field or time resolution, a panel a task."""

import functools
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from results.figures.canvas.frame import drawn, task_name
from results.figures.canvas.sheet import legend_above, sheet
from results.figures.canvas.style import COLUMN, MARKERS, PAGE, palette
from results.reference.published import is_published
from results.scores import axes as study_axes
from results.scores.axes import AXES, series, with_axes
from results.scores.labels import labels
from results.scores.notes import notes
from results.scores.scores import Rows, Scored

PANELS = 3  # side by side at most
LINES, TICKS = 6, 18  # in a column's width at most
CLOSEST = 0.13  # of an axis, from one number to the next


def along(rows: Rows, title: str | None = None, models: pd.DataFrame | None = None, *, axis: str = "window") -> Figure:
    """Draw the primary metric along an axis, a line for each setting of the others; bands: deviation over folds.

    Published models have no place on an axis and are left out. Beside lines, settings of one value are left out, too,
    which a note counts. A model of several values at once (two windows) is a dashed line across. Lines of untrained
    weights are dotted and marked.

    Args:
        axis: level, window or hop.
        models: what is known of checkpoints, see `results.scores.axes.with_axes`; hops that a checkpoint's name leaves
            out, and scene windows that are the model's longest, need it.

    Raises:
        ValueError: for another axis, or where nothing has a place on it.
    """
    if axis not in AXES:
        raise ValueError(f"axis must be one of {', '.join(AXES)}, got {axis!r}")
    scored = Scored.of(rows)
    scores, _ = drawn(scored)
    scores = with_axes(scores[~scores["published"]].reset_index(drop=True), models)
    scores = scores.assign(place=study_axes.along(scores, axis))
    if scores.empty or scores["place"].isna().all():
        raise ValueError(f"no measured model has a place on the axis {axis!r} ({AXES[axis]})")
    scores, lone = _lines(_with_series(scores, axis))
    scores = _with_series(scores, axis)  # by what differs among these
    names, tasks = list(scores["series"].unique()), list(scores["task"].unique())
    columns = min(PANELS, len(tasks))
    width = COLUMN if columns == 1 and len(names) <= LINES and len(scores["place"].unique()) <= TICKS else PAGE
    height = (2.4 if axis == "level" else 2.0) * -(-len(tasks) // columns)
    legend = names if names != [""] else []
    with sheet(width, height, _notes(scored.rows, scores, lone), legend, title) as figure:
        grid = list(figure.subplots(-(-len(tasks) // columns), columns, squeeze=False).flat)
        for axes, task in zip(grid, tasks, strict=False):
            lines = _panel(axes, scores[scores["task"] == task], axis, names)
        for axes in grid[len(tasks) - columns : len(tasks)]:
            axes.set_xlabel(AXES[axis])
        for axes in grid[len(tasks) :]:
            axes.remove()
        if legend:
            legend_above(figure, lines, legend, title)
    return figure


def _with_series(scores: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Add the label of the line that each score is on."""
    return scores.assign(series=labels(scores.assign(model=series(scores, axis))))


def _lines(scores: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Leave out the series of one value on the axis, where there are lines, and count them."""
    values = scores.groupby("series", sort=False)["place"].nunique()
    lone = values.index[values == 1] if values.max() > 1 else values.index[:0]
    return scores[~scores["series"].isin(lone)].reset_index(drop=True), len(lone)


def _panel(axes: Axes, scores: pd.DataFrame, axis: str, names: list[str]) -> list[Line2D]:
    """Draw one task; return a line for each of `names`."""
    colors, places = palette(names), _places(scores)
    lines: list[Line2D] = []
    for number, name in enumerate(names):
        line = scores[scores["series"] == name].assign(x=lambda table: table["place"].map(places))
        on = line.dropna(subset="x").sort_values("x")
        style: dict[str, Any] = {"color": colors[name], "linestyle": ":" if line["untrained"].any() else "-"}
        lines += axes.plot(on["x"], on["mean"], marker=MARKERS[number % len(MARKERS)], markersize=3.5, lw=1.2, **style)
        if on["std"].notna().any():
            low, high = on["mean"] - on["std"].fillna(0), on["mean"] + on["std"].fillna(0)
            axes.fill_between(on["x"], low, high, color=colors[name], alpha=0.16, linewidth=0)
        for across in line.loc[line["x"].isna(), "mean"]:
            axes.axhline(across, color=colors[name], linestyle="--", linewidth=0.9)
    _ticks(axes, axis, places)
    axes.set_title(f"{task_name(scores['task'].iloc[0])}\n{' / '.join(scores['metric'].unique())}", fontsize=7.5)
    axes.grid(axis="y")
    return lines


def _places(scores: pd.DataFrame) -> dict[Any, float]:
    """Place each value of an axis: numbers at themselves, levels one after the other in the order of the rows.

    Levels of several checkpoints are merged, so that those of each stay in their order.
    """
    if pd.api.types.is_numeric_dtype(scores["place"]):
        return {value: value for value in sorted(scores["place"].dropna().unique())}
    levels = list(scores["place"].dropna().unique())
    before: dict[str, set[str]] = {level: set() for level in levels}
    for _, ordered in scores.dropna(subset="place").groupby("checkpoint", sort=False)["place"]:
        for level, following in itertools.pairwise(ordered.unique()):
            before[following].add(level)
    places: dict[str, float] = {}
    while levels:
        free = next((level for level in levels if before[level] <= places.keys()), levels[0])
        levels.remove(free)
        places[free] = len(places)
    return places


def _ticks(axes: Axes, axis: str, places: dict[Any, float]) -> None:
    if axis == "level":
        turn = len(places) > 3
        axes.set_xticks(list(places.values()), list(places), rotation=90 if turn else 0, fontsize=7)
        return
    if len(places) > 1:
        axes.set_xscale("log")
    axes.xaxis.set_minor_locator(NullLocator())
    shown: list[float] = []
    for value in places:
        if not shown or np.log(value / shown[-1]) > CLOSEST * np.log(max(places) / min(places)):
            shown.append(value)
    axes.set_xticks(shown, [f"{value:g}" for value in shown])


def _notes(rows: pd.DataFrame, scores: pd.DataFrame, lone: int) -> list[str]:
    lines = notes(rows[~is_published(rows)], protocol=False)
    if lone:
        lines.append(f"Left out: {lone} setting{'s' * (lone > 1)} of one value on this axis.")
    several = scores[scores["place"].isna()]
    if len(several):
        lines.append(f"Dashed across: {', '.join(several['label'].unique())}.")
    if scores["std"].notna().any():
        lines.append("Bands: standard deviation over folds.")
    return lines


ALONG: dict[str, Callable[..., Figure]] = {f"along_{axis}": functools.partial(along, axis=axis) for axis in AXES}
"""`along` for each axis, by the name that a study's key `figure` knows it by."""
