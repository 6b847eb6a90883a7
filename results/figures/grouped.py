"""Grouped bars: tasks side by side, each with a bar a model, as in Figures 4, 5 and 10 of Koutini et al. 2022."""

import itertools
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from results.figures.canvas.colors import Palette
from results.figures.canvas.floors import CHANCE, lines_across
from results.figures.canvas.frame import category_of, drawn, spread_note, task_name, text_of
from results.figures.canvas.sheet import POINTS, legend_above, legend_rows, letters_width, sheet
from results.figures.canvas.style import COLUMN, PAGE, SMALL, fill
from results.scores.labels import labels
from results.scores.scores import Rows
from results.tables.compose import MISSING

FEW_TASKS = 4
"""Up to so many tasks, their metrics and values are written."""
GROUP = 0.84  # of the distance of two groups
VALUE_INCHES = 0.12  # a bar that is narrower has no room for its value
OBLIQUE: dict[str, Any] = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"}
THINNEST = 0.055  # inches of a bar; narrower ones are in several rows of panels
LEGEND_ROWS = 4  # more do not fit above a column


def grouped_bars(
    rows: Rows,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    *,
    notes: bool | Sequence[str] = True,
    statement: str = "",
    palette: Palette = None,
    order: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the primary metric of every model on every task, grouped by task; many tasks are sorted by category.

    A note says what the error bars are. Untrained weights are hatched, published scores beside measured ones lighter
    and dotted. Instead of a bar stands "not defined" for a score that is not, "–" where there is none. The model
    `chance` is a line through each group. Tasks that do not fit side by side stand in several rows. `models` is not
    needed here.

    Args:
        notes: whether to write notes, or the notes to write instead.
        statement, palette, order, ax: see `results.figures.canvas.frame.Options`.

    Raises:
        ValueError: for no rows.
    """
    scores, below = drawn(rows, palette, order)
    chance = scores[scores["checkpoint"] == CHANCE]
    scores = scores[scores["checkpoint"] != CHANCE] if len(chance) < len(scores) else scores
    tasks, names = list(scores["task"].unique()), list(scores["label"].unique())
    few, alone = len(tasks) <= FEW_TASKS, bool(scores["published"].all())
    if not few:
        tasks = [task for kind in dict.fromkeys(map(category_of, tasks)) for task in tasks if category_of(task) == kind]
    bars = scores.drop_duplicates("label")
    entries: dict[str, Any] = {
        label: Patch(**fill(bar, alone))
        for label, bar in zip(_entries(bars, few, alone), bars.itertuples(), strict=True)
    }
    for line in lines_across(chance)[:1]:
        entries[CHANCE] = Line2D([], [], color=line.color, linestyle=line.style)
    wide = len(tasks) * len(names) > 20 or not few or legend_rows(list(entries), COLUMN) > LEGEND_ROWS
    width = PAGE if wide else COLUMN
    slot = GROUP / len(names)
    fitting = max(1, int((width - 0.55) * slot / THINNEST))
    count = 1 if ax is not None else -(-len(tasks) // fitting)
    share = -(-len(tasks) // count)
    lines = [*spread_note(scores), *below] if notes is True else list(notes or ())
    height = (2.2 if few else 2.6) if count == 1 else 2.1 * count
    with sheet(width, height, lines, list(entries), title, statement, ax) as figure:
        panels = [ax] if ax is not None else list(figure.subplots(count, 1, squeeze=False, sharey=True).flat)
        for number, axes in enumerate(panels):
            part = tasks[number * share : (number + 1) * share]
            inches = (width - 0.55) / share * slot
            _panel(axes, scores, part, names, alone, few and inches >= VALUE_INCHES)
            _axis(axes, scores, part, few, share, (width - 0.55) * POINTS)
            for place, task in enumerate(part):
                for line in lines_across(chance[chance["task"] == task]):
                    ends = place - 0.47, place + 0.47
                    axes.plot(ends, [line.mean] * 2, color=line.color, linestyle=line.style, lw=1, gid=CHANCE)
        _limits(panels, scores, few)
        legend_above(figure, list(entries.values()), list(entries), title, ax)
    return figure


def _entries(bars: pd.DataFrame, few: bool, alone: bool) -> list[str]:
    """Label the bars for the legend; where nothing was measured, the note says what all marks would."""
    if alone and len(set(bars["set"])) <= 1:
        return list(bars["model"])
    return list(labels(bars, read_off=not few))  # few values are written, marked


def _panel(axes: Axes, scores: pd.DataFrame, tasks: list[str], names: list[str], alone: bool, values: bool) -> None:
    """Draw the bars of some tasks."""
    slot = GROUP / len(names)
    scores = scores[scores["task"].isin(tasks)]
    absent = set(itertools.product(tasks, names)) - set(zip(scores["task"], scores["label"], strict=True))
    for task, label in sorted(absent):
        _instead(axes, tasks.index(task) + (names.index(label) - (len(names) - 1) / 2) * slot, MISSING)
    for line in scores.itertuples():
        place = tasks.index(line.task) + (names.index(line.label) - (len(names) - 1) / 2) * slot
        _bar(axes, line, place, slot, fill(line, alone), values)


def _bar(axes: Axes, line: Any, place: float, slot: float, filled: dict[str, Any], with_value: bool) -> None:
    spread = line.tolerance if line.published else line.std
    mean, spread = line.mean, 0.0 if pd.isna(spread) else spread
    if pd.isna(mean):
        _instead(axes, place, text_of(line))
        return
    whisker: dict[str, Any] = {"ecolor": "0.25", "error_kw": {"elinewidth": 0.7}, "capsize": 1.2} if spread else {}
    axes.bar(place, mean, slot, yerr=spread or None, **whisker, **filled)
    if with_value:
        axes.annotate(
            text_of(line),
            (place, max(mean + spread, 0)),
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


def _axis(axes: Axes, scores: pd.DataFrame, tasks: list[str], few: bool, share: int, length: float) -> None:
    """Write the names of tasks below an axis of a length in points that has room for `share` of them."""
    names = [task_name(task) for task in tasks]
    axes.grid(axis="y")
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.55, share - 0.45)
    if few:
        metrics = [" / ".join(scores.loc[scores["task"] == task, "metric"].unique()) for task in tasks]
        lines = [f"{name}\n{metric}" for name, metric in zip(names, metrics, strict=True)]
        widest = max(letters_width(part, SMALL) for line in lines for part in line.split("\n"))
        turned = {**OBLIQUE, "rotation": 20} if widest > length / share - 4 else {}
        axes.set_xticks(range(len(tasks)), lines, fontsize=SMALL, **turned)
    else:
        fits = max(letters_width(name, SMALL) for name in names) < length / share - 4
        turned = {} if fits else {**OBLIQUE}
        axes.set_xticks(range(len(tasks)), names, fontsize=SMALL if fits else SMALL + 0.5, **turned)
        _categories(axes, tasks)
    axes.set_ylabel("score" if few else "score (primary metric)")


def _limits(panels: Sequence[Axes], scores: pd.DataFrame, few: bool) -> None:
    """Let the bars begin at zero, with room for values above them."""
    spread = scores["std"].where(~scores["published"].astype(bool), scores["tolerance"]).fillna(0)
    lowest, highest = (scores["mean"] - spread).min(), (scores["mean"] + spread).max()
    low = 1.05 * float(lowest) if lowest < 0 and (scores["mean"] < 0).any() else 0.0
    high = (1.24 if few else 1.05) * float(highest) if highest > 0 else 1.0
    for axes in panels:
        axes.set_ylim(low, high)


def _categories(axes: Axes, tasks: list[str]) -> None:
    """Write the names of categories above their tasks, and draw lines between them."""
    kinds = [category_of(task) for task in tasks]
    for kind in dict.fromkeys(kinds):
        places = [place for place, other in enumerate(kinds) if other == kind]
        if set(kinds) != {"other"}:
            axes.text(sum(places) / len(places), 1.02, kind, ha="center", transform=axes.get_xaxis_transform())
        if places[0]:
            axes.axvline(places[0] - 0.5, color="0.6", linewidth=0.6, linestyle=":")
