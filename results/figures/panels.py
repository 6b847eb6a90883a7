"""Bars: one panel a task, one bar a model, for any number of models and tasks."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results.figures.canvas.colors import Palette
from results.figures.canvas.floors import CHANCE, lines_across
from results.figures.canvas.frame import drawn, one_panel, spread_note, task_name, text_of
from results.figures.canvas.sheet import POINTS, folded, legend_above, letters_width, sheet
from results.figures.canvas.style import COLUMN, PAGE, PAGE_HEIGHT, SMALL, fill
from results.scores.scores import Rows

BAR, THINNEST = 0.26, 0.105  # inches from one bar to the next
FRAME = 0.62  # inches of a panel's height that are not bars
PANEL, NARROWEST = 1.75, 0.95  # inches of a panel's width
NAME = 7.5  # points


def bars(
    rows: Rows,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    *,
    notes: bool = True,
    statement: str = "",
    palette: Palette = None,
    order: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the primary metric of every model, one panel a task; many tasks stand in several rows.

    A note says what the error bars are. Instead of a bar stands "not defined" for a score that is not, "–" where there
    is none. Bars of untrained weights are hatched, those of published scores lighter and dotted. The model `chance` is
    a line. `models` is not needed here.

    Args:
        notes, statement, palette, order, ax: see `results.figures.canvas.frame.Options`; `ax` is for one task.

    Raises:
        ValueError: for no rows, or `ax` beside several tasks.
    """
    scores, below = drawn(rows, palette, order)
    chance = scores[scores["checkpoint"] == CHANCE]
    scores = scores[scores["checkpoint"] != CHANCE] if len(chance) < len(scores) else scores
    labels, tasks = list(scores["label"].unique()), list(scores["task"].unique())
    one_panel(ax, tasks)
    below = [*spread_note(scores), *below] if notes else []
    names = max(letters_width(label, NAME) for label in labels) / POINTS + 0.1
    columns = min(len(tasks), max(1, int((PAGE - names) / NARROWEST)))
    count = -(-len(tasks) // columns)
    columns = -(-len(tasks) // count)
    panel = min(PANEL if columns > 1 else 2.4, (PAGE - names) / columns)
    bar = max(THINNEST, min(BAR, (PAGE_HEIGHT / count - FRAME) / len(labels)))
    height, legend = count * (FRAME + bar * len(labels)), [CHANCE] * bool(len(chance))
    with sheet(max(COLUMN, names + panel * columns), height, below, legend, title, statement, ax) as figure:
        grid = [[ax]] if ax else figure.subplots(count, columns, sharey=True, squeeze=False)
        for place, task in enumerate(tasks):
            axes = grid[place // columns][place % columns]
            _panel(axes, scores[scores["task"] == task], labels, (panel - 0.15) * POINTS, bar)
            for line in lines_across(chance[chance["task"] == task]):
                axes.axvline(line.mean, color=line.color, linestyle=line.style, linewidth=1, gid=CHANCE)
        for first, *_ in grid:
            first.set_yticks(range(len(labels)), labels, fontsize=min(NAME, 0.8 * POINTS * bar))
            first.set_ylim(len(labels) - 0.4, -0.6)
        for axes in grid[-1][len(tasks) - (count - 1) * columns :]:
            axes.remove()
        if legend:
            dotted = lines_across(chance)[0]
            legend_above(figure, [Line2D([], [], color=dotted.color, linestyle=dotted.style)], legend, title, ax)
    return figure


def _panel(axes: Axes, scores: pd.DataFrame, labels: list[str], width: float, bar: float) -> None:
    """Draw the bars of a task, in a panel of a width in points, with room for the values behind them."""
    size = min(SMALL, 0.75 * POINTS * bar)
    furthest = 0.0
    for line in scores.itertuples():
        place = labels.index(line.label)
        spread = line.tolerance if line.published else line.std
        axes.barh(
            place,
            line.mean,
            xerr=None if pd.isna(spread) else spread,
            height=0.7,
            error_kw={"elinewidth": 0.8, "capsize": 1.6, "ecolor": "0.25"},
            **fill(line),
        )
        end = 0.0 if pd.isna(line.mean) else line.mean + (0.0 if pd.isna(spread) else spread)
        text = text_of(line)
        axes.annotate(text, (max(end, 0), place), (3, 0), textcoords="offset points", va="center", fontsize=size)
        furthest = max(furthest, end / max(0.2, 1 - (letters_width(text, size) + 5) / width))
    axes.set_title(folded(task_name(scores["task"].iloc[0]), NAME, width + 10), fontsize=NAME)
    axes.set_xlabel(folded(" / ".join(scores["metric"].unique()), SMALL, width + 16), fontsize=SMALL, labelpad=1)
    lowest = (scores["mean"] - scores["std"].fillna(0)).min()
    axes.set_xlim(min(0.0, 1.05 * lowest) if (scores["mean"] < 0).any() else 0, furthest or 1)
    axes.locator_params(axis="x", nbins=3)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=SMALL)
