"""Grouped bars: tasks side by side, each with a bar a model, as in Figures 4, 5 and 10 of Koutini et al. 2022."""

import itertools

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from results.figures.frame import category_of, scores_of, task_name
from results.figures.style import COLUMN, PAGE, SMALL, legend_above, look, notes_on, palette, sheet
from results.scores.beside import READ_OFF_MARK
from results.tables.compose import text

FEW_TASKS = 4
"""Up to so many tasks name their metrics and their values."""
GROUP = 0.84  # of the distance of two groups
VALUE_INCHES = 0.12  # a bar that is narrower has no room for its value


def grouped_bars(rows: pd.DataFrame, title: str | None = None, models: pd.DataFrame | None = None) -> Figure:
    """The primary metric of every model on every task, grouped by task; HEAR's tasks by category where there are many.

    Error bars are standard deviations over folds, of values that were read off a figure the tolerance. Untrained
    weights are hatched, published scores beside measured ones lighter and dotted. Instead of a bar stands "nan" for a
    score that is not defined, "–" where there is none. `models` is not needed here.

    Raises:
        ValueError: where there are no rows.
    """
    found = scores_of(rows)
    tasks = list(found["task"].unique())
    few = len(tasks) <= FEW_TASKS
    if not few:
        tasks = [task for kind in dict.fromkeys(map(category_of, tasks)) for task in tasks if category_of(task) == kind]
    labels = list(found["model"].unique())
    colors, alone = palette(found["name"]), bool(found["published"].all())
    width = PAGE if len(tasks) * len(labels) > 20 or len(tasks) > FEW_TASKS else COLUMN
    with sheet(width, 2.2 if few else 2.6, notes_on(rows), labels, title) as figure:
        axes = figure.subplots()
        slot = GROUP / len(labels)
        inches = (width - 0.5) / len(tasks) * slot
        absent = set(itertools.product(tasks, labels)) - set(zip(found["task"], found["model"], strict=True))
        for task, label in absent:
            _instead(axes, tasks.index(task) + (labels.index(label) - (len(labels) - 1) / 2) * slot, "–")
        for row in found.itertuples():
            place = tasks.index(row.task) + (labels.index(row.model) - (len(labels) - 1) / 2) * slot
            _bar(axes, row, place, slot, look(row, colors, alone), few and inches >= VALUE_INCHES)
        _axis(axes, found, tasks, few)
        models_of = found.drop_duplicates("model")
        handles = [Patch(**look(row, colors, alone), edgecolor="white", linewidth=0) for row in models_of.itertuples()]
        read_off = models_of["tolerance"].notna() & (not few)  # where no value is written that could be marked
        marks = read_off.map({True: READ_OFF_MARK, False: ""})
        legend_above(figure, handles, list(marks + models_of["model"]), title)
    return figure


def _bar(axes: Axes, row, place: float, slot: float, filled: dict, with_value: bool) -> None:
    spread = row.tolerance if row.published else row.std
    mean, spread = row.mean, 0.0 if pd.isna(spread) else spread
    if pd.isna(mean):
        _instead(axes, place, text(mean, float("nan"), count=row.count))
        return
    whisker = {"ecolor": "0.25", "error_kw": {"elinewidth": 0.7}, "capsize": 1.2} if spread else {}
    axes.bar(place, mean, slot, yerr=spread or None, edgecolor="white", linewidth=0.4, **whisker, **filled)
    if with_value:
        value = text(mean, float("nan"), row.tolerance)
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
    """What stands where there is no bar."""
    axes.annotate(mark, (place, 0), (0, 2), textcoords="offset points", ha="center", rotation=90, fontsize=SMALL)


def _axis(axes: Axes, found: pd.DataFrame, tasks: list[str], few: bool) -> None:
    names = [task_name(task) for task in tasks]
    axes.grid(axis="y")
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.55, len(tasks) - 0.45)
    if few:
        metrics = [" / ".join(found.loc[found["task"] == task, "metric"].unique()) for task in tasks]
        lines = [f"{name}\n{metric}" for name, metric in zip(names, metrics, strict=True)]
        axes.set_xticks(range(len(tasks)), lines, fontsize=7 if len(tasks) < 3 else SMALL)
        axes.margins(y=0.2)
    else:
        axes.set_xticks(range(len(tasks)), names, rotation=45, ha="right", rotation_mode="anchor", fontsize=7)
        _categories(axes, tasks)
    axes.set_ylim(bottom=min(0, axes.get_ylim()[0]) if (found["mean"] < 0).any() else 0)
    axes.set_ylabel("score" if few else "score (primary metric)")


def _categories(axes: Axes, tasks: list[str]) -> None:
    """Names of categories above their tasks, and lines between them."""
    kinds = [category_of(task) for task in tasks]
    for kind in dict.fromkeys(kinds):
        places = [place for place, other in enumerate(kinds) if other == kind]
        if set(kinds) != {"other"}:
            axes.text(sum(places) / len(places), 1.02, kind, ha="center", transform=axes.get_xaxis_transform())
        if places[0]:
            axes.axvline(places[0] - 0.5, color="0.6", linewidth=0.6, linestyle=":")
