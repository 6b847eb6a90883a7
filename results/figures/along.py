"""Scores along one of the ablation's axes: embedding level, receptive field or time resolution, a panel a task."""

import functools
import itertools
from collections.abc import Callable

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from results.figures.frame import scores_of, task_name
from results.figures.style import COLUMN, PAGE, legend_above, notes_on, palette, sheet
from results.reference.published import is_published
from results.scores.axes import AXES, series, with_axes
from results.tables.compose import UNTRAINED_MARK

PANELS = 3  # side by side at most
LINES, TICKS = 6, 18  # in a column's width at most
CLOSEST = 0.13  # of an axis, from one number to the next
MARKERS = "osD^vP*X"


def along(
    rows: pd.DataFrame, title: str | None = None, models: pd.DataFrame | None = None, *, axis: str = "window"
) -> Figure:
    """The primary metric along an axis, a line for each setting of the others; bands: standard deviation over folds.

    Published models have no place on an axis and are left out; so are, beside lines, settings of one value, which a
    note counts. What has several values at once (two windows) is a dashed line across. Lines of untrained weights are
    dotted and marked.

    Args:
        axis: level, window or hop. models: what is known of checkpoints, see `results.scores.axes.with_axes`; the axis
            hop, and scene windows that are the model's longest, need it.

    Raises:
        ValueError: for another axis, or where nothing has a place on it.
    """
    if axis not in AXES:
        raise ValueError(f"axis must be one of {', '.join(AXES)}, got {axis!r}")
    measured = scores_of(rows).query("not published").reset_index(drop=True)
    found = with_axes(measured, models)
    if found.empty or found[axis].isna().all():
        raise ValueError(f"no measured model has a place on the axis {axis!r} ({AXES[axis]})")
    found, lone = _lines(_named(found, axis), axis)
    found = _named(found, axis)  # by what differs among these
    names, tasks = list(found["series"].unique()), list(found["task"].unique())
    columns = min(PANELS, len(tasks))
    width = COLUMN if columns == 1 and len(names) <= LINES and len(found[axis].unique()) <= TICKS else PAGE
    height = (2.4 if axis == "level" else 2.0) * -(-len(tasks) // columns)
    labels = names if names != [""] else []
    with sheet(width, height, _notes(rows, found, axis, lone), labels, title) as figure:
        grid = list(figure.subplots(-(-len(tasks) // columns), columns, squeeze=False).flat)
        for axes, task in zip(grid, tasks, strict=False):
            lines = _panel(axes, found[found["task"] == task], axis, names)
        for axes in grid[len(tasks) - columns : len(tasks)]:
            axes.set_xlabel(AXES[axis])
        for axes in grid[len(tasks) :]:
            axes.remove()
        if labels:
            legend_above(figure, lines, labels, title)
    return figure


def _named(found: pd.DataFrame, axis: str) -> pd.DataFrame:
    return found.assign(series=series(found, axis) + found["untrained"].map({True: UNTRAINED_MARK, False: ""}))


def _lines(found: pd.DataFrame, axis: str) -> tuple[pd.DataFrame, int]:
    """Without the series of one value on the axis, where there are lines; and how many these were."""
    values = found.groupby("series", sort=False)[axis].nunique()
    lone = values.index[values == 1] if values.max() > 1 else values.index[:0]
    return found[~found["series"].isin(lone)].reset_index(drop=True), len(lone)


def _panel(axes: Axes, found: pd.DataFrame, axis: str, names: list[str]) -> list:
    """One task; returns a line for each of `names`."""
    colors, places = palette(names), _places(found, axis)
    lines = []
    for number, name in enumerate(names):
        one = found[found["series"] == name].assign(x=lambda table: table[axis].map(places))
        on = one.dropna(subset="x").sort_values("x")
        style = {"color": colors[name], "linestyle": ":" if name.endswith(UNTRAINED_MARK) else "-"}
        lines += axes.plot(on["x"], on["mean"], marker=MARKERS[number % len(MARKERS)], markersize=3.5, lw=1.2, **style)
        if on["std"].notna().any():
            low, high = on["mean"] - on["std"].fillna(0), on["mean"] + on["std"].fillna(0)
            axes.fill_between(on["x"], low, high, color=colors[name], alpha=0.16, linewidth=0)
        for across in one.loc[one["x"].isna(), "mean"]:
            axes.axhline(across, color=colors[name], linestyle="--", linewidth=0.9)
    _ticks(axes, axis, places)
    axes.set_title(f"{task_name(found['task'].iloc[0])}\n{' / '.join(found['metric'].unique())}", fontsize=7.5)
    axes.grid(axis="y")
    return lines


def _places(found: pd.DataFrame, axis: str) -> dict:
    """Where each value of an axis is: numbers at themselves, levels one after the other in the order of the rows.

    Levels of several checkpoints are merged, so that those of each stay in their order.
    """
    if pd.api.types.is_numeric_dtype(found[axis]):
        return {value: value for value in sorted(found[axis].dropna().unique())}
    levels = list(found[axis].dropna().unique())
    before: dict[str, set[str]] = {level: set() for level in levels}
    for _, of in found.dropna(subset=axis).groupby("checkpoint", sort=False)[axis]:
        for level, following in itertools.pairwise(of.unique()):
            before[following].add(level)
    places: dict[str, int] = {}
    while levels:
        free = next((level for level in levels if before[level] <= places.keys()), levels[0])
        levels.remove(free)
        places[free] = len(places)
    return places


def _ticks(axes: Axes, axis: str, places: dict) -> None:
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


def _notes(rows: pd.DataFrame, found: pd.DataFrame, axis: str, lone: int) -> list[str]:
    notes = notes_on(rows[~is_published(rows)])
    if lone:
        notes.append(f"Left out: {lone} setting{'s' * (lone > 1)} of one value on this axis.")
    several = found[found[axis].isna()]
    if len(several):
        notes.append(f"Dashed across: {', '.join(several['model'].unique())}.")
    if found["std"].notna().any():
        notes.append("Bands: standard deviation over folds.")
    return notes


ALONG: dict[str, Callable[..., Figure]] = {f"along_{axis}": functools.partial(along, axis=axis) for axis in AXES}
"""`along` for each axis, by the name that a study knows it by."""
