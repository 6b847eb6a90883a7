"""Grouped bars: tasks side by side, each with a bar a model, as in Figures 4, 5 and 10 of Koutini et al. 2022."""

import itertools
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from results.figures.canvas.frame import category_of, drawn, task_name
from results.figures.canvas.sheet import legend_above, sheet
from results.figures.canvas.style import COLUMN, PAGE, SMALL, fill, palette
from results.scores.labels import labels
from results.scores.scores import Rows
from results.tables.compose import MISSING, cell

FEW_TASKS = 4
"""Up to so many tasks, their metrics and values are written."""
GROUP = 0.84  # of the distance of two groups
VALUE_INCHES = 0.12  # a bar that is narrower has no room for its value


def grouped_bars(rows: Rows, title: str | None = None, models: pd.DataFrame | None = None) -> Figure:
    """Draw the primary metric of every model on every task, grouped by task; many tasks are sorted by category.

    Error bars are standard deviations over folds, or the tolerance of values that were read off a figure. Untrained
    weights are hatched, published scores beside measured ones lighter and dotted. Instead of a bar stands "nan" for a
    score that is not defined, "–" where there is none. `models` is not needed here.

    Raises:
        ValueError: for no rows.
    """
    scores, notes = drawn(rows)
    tasks = list(scores["task"].unique())
    few = len(tasks) <= FEW_TASKS
    if not few:
        tasks = [task for kind in dict.fromkeys(map(category_of, tasks)) for task in tasks if category_of(task) == kind]
    names = list(scores["label"].unique())
    colors, alone = palette(scores["model"]), bool(scores["published"].all())
    width = PAGE if len(tasks) * len(names) > 20 or len(tasks) > FEW_TASKS else COLUMN
    with sheet(width, 2.2 if few else 2.6, notes, names, title) as figure:
        axes = figure.subplots()
        slot = GROUP / len(names)
        inches = (width - 0.5) / len(tasks) * slot
        absent = set(itertools.product(tasks, names)) - set(zip(scores["task"], scores["label"], strict=True))
        for task, label in absent:
            _instead(axes, tasks.index(task) + (names.index(label) - (len(names) - 1) / 2) * slot, MISSING)
        for line in scores.itertuples():
            place = tasks.index(line.task) + (names.index(line.label) - (len(names) - 1) / 2) * slot
            _bar(axes, line, place, slot, fill(line, colors[line.model], alone), few and inches >= VALUE_INCHES)
        _axis(axes, scores, tasks, few)
        bars = scores.drop_duplicates("label")
        handles = [
            Patch(**fill(bar, colors[bar.model], alone), edgecolor="white", linewidth=0) for bar in bars.itertuples()
        ]
        legend_above(figure, handles, list(labels(bars, read_off=not few)), title)  # few values are written, marked
    return figure


def _bar(axes: Axes, line: Any, place: float, slot: float, filled: dict[str, Any], with_value: bool) -> None:
    spread = line.tolerance if line.published else line.std
    mean, spread = line.mean, 0.0 if pd.isna(spread) else spread
    if pd.isna(mean):
        _instead(axes, place, cell(mean, float("nan"), count=line.count))
        return
    whisker: dict[str, Any] = {"ecolor": "0.25", "error_kw": {"elinewidth": 0.7}, "capsize": 1.2} if spread else {}
    axes.bar(place, mean, slot, yerr=spread or None, edgecolor="white", linewidth=0.4, **whisker, **filled)
    if with_value:
        value = cell(mean, float("nan"), line.tolerance)
        axes.annotate(
            value,
            (place, mean + spread),
            (0, 2.5),
            textcoords="offset points",
            ha="center",
            va="bottom",
            rotation=90,
            fontsize=SMALL,
        )


def _instead(axes: Axes, place: float, mark: str) -> None:
    """Write a mark where there is no bar."""
    axes.annotate(mark, (place, 0), (0, 2), textcoords="offset points", ha="center", rotation=90, fontsize=SMALL)


def _axis(axes: Axes, scores: pd.DataFrame, tasks: list[str], few: bool) -> None:
    names = [task_name(task) for task in tasks]
    axes.grid(axis="y")
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.55, len(tasks) - 0.45)
    if few:
        metrics = [" / ".join(scores.loc[scores["task"] == task, "metric"].unique()) for task in tasks]
        lines = [f"{name}\n{metric}" for name, metric in zip(names, metrics, strict=True)]
        axes.set_xticks(range(len(tasks)), lines, fontsize=7 if len(tasks) < 3 else SMALL)
        axes.margins(y=0.2)
    else:
        axes.set_xticks(range(len(tasks)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=7)
        _categories(axes, tasks)
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]) if (scores["mean"] < 0).any() else 0)
    axes.set_ylabel("score" if few else "score (primary metric)")


def _categories(axes: Axes, tasks: list[str]) -> None:
    """Write the names of categories above their tasks, and draw lines between them."""
    kinds = [category_of(task) for task in tasks]
    for kind in dict.fromkeys(kinds):
        places = [place for place, other in enumerate(kinds) if other == kind]
        if set(kinds) != {"other"}:
            axes.text(sum(places) / len(places), 1.02, kind, ha="center", transform=axes.get_xaxis_transform())
        if places[0]:
            axes.axvline(places[0] - 0.5, color="0.6", linewidth=0.6, linestyle=":")
