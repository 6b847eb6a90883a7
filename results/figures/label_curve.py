"""Scores against the number of training labels, a panel a task."""

from typing import Any

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from results.figures.canvas.colors import Palette, colored
from results.figures.canvas.frame import task_name
from results.figures.canvas.sheet import POINTS, legend_above, set_titles, sheet
from results.figures.canvas.style import COLUMN, MARKERS, PAGE, UNTRAINED_LINE
from results.scores.axes import checkpoint_of

COLUMNS = 3
HEIGHT = 2.2  # inches of a row of panels
BESIDE = 0.5  # inches of a panel's width that are ticks


def label_curve(table: pd.DataFrame, title: str | None = None, *, palette: Palette = None) -> Figure:
    """Draw label curves: means over draws, with bands of one standard deviation.

    Args:
        table: of `results.statistics.label_curve.points`.
        title: above the legend.
        palette: see `results.figures.canvas.colors.colored`.

    Raises:
        ValueError: for no points, or for one number of labels.
    """
    if table["labels"].nunique() < 2:
        raise ValueError(f"a label curve needs two numbers of labels or more, got {table['labels'].nunique()}")
    styles = _styles(table, palette)
    tasks = list(table["task"].unique())
    columns = min(COLUMNS, len(tasks))
    rows = -(-len(tasks) // columns)
    width = COLUMN if columns == 1 else PAGE
    notes = _notes(table)
    with sheet(width, HEIGHT * rows, notes, list(styles), title) as figure:
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for place, (axes, task) in enumerate(zip(grid, tasks, strict=False)):
            of_task = table[table["task"] == task]
            for model, style in styles.items():
                draws = of_task[of_task["model"] == model].groupby("labels")["score"]
                curve = draws.agg(["mean", "std"])[draws.count() == draws.size()]
                axes.plot(curve.index, curve["mean"], **style)
                low, high = curve["mean"] - curve["std"].fillna(0), curve["mean"] + curve["std"].fillna(0)
                axes.fill_between(curve.index, low, high, color=style["color"], alpha=0.16, linewidth=0)
            axes.set_xscale("log")
            axes.set_xticks(sorted(of_task["labels"].unique()))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.minorticks_off()
            axes.grid(axis="y")
            axes.locator_params(axis="y", nbins=5)
            titles = task_name(task), " / ".join(of_task["metric"].unique())
            set_titles(axes, titles, (width / columns - BESIDE) * POINTS + 12)
            if place + columns >= len(tasks):
                axes.set_xlabel(table["unit"].iloc[0])
        for axes in grid[len(tasks) :]:
            axes.remove()
        legend_above(figure, [Line2D([], [], **style) for style in styles.values()], list(styles), title)
    return figure


def _styles(table: pd.DataFrame, palette: Palette) -> dict[str, dict[str, Any]]:
    """Choose the look of each model; untrained ones are dashed."""
    models = table.drop_duplicates("model")[["model", "spec", "untrained"]].assign(published=False)
    models = models.reset_index(drop=True)
    models = models.assign(color=colored(models, palette), checkpoint=checkpoint_of(models["spec"]))
    return {
        line.model: {
            **{"color": line.color, "marker": MARKERS[number % len(MARKERS)], "markersize": 3.5, "linewidth": 1.2},
            "linestyle": UNTRAINED_LINE if line.untrained else "-",
            "markerfacecolor": "white" if line.untrained else line.color,
        }
        for number, line in enumerate(models.itertuples())
    }


def _notes(table: pd.DataFrame) -> list[str]:
    draws = table["seed"].nunique()
    bands = f"Bands: standard deviation over {draws} draws of the training clips." if draws > 1 else "One draw."
    return [f"Protocol {table['protocol'].iloc[0]}. {bands} A seed draws the same clips for all models."]
