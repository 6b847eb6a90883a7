"""The order of models under each protocol: a line a model, from place to place."""

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.figures.canvas.colors import Palette, colored
from results.figures.canvas.frame import task_name
from results.figures.canvas.sheet import POINTS, sheet
from results.figures.canvas.style import MARKERS, PAGE, SMALL, UNTRAINED_LINE
from results.scores.axes import checkpoint_of
from results.scores.labels import UNTRAINED_NOTE, labels

ROW, THINNEST = 0.165, 0.12  # inches
TALLEST = 7.0  # inches of the panel
BESIDE = 6  # points between a line's end and its label
OTHERS = ("model", "spec", "untrained", "task", "models")
"""Columns of the table that are no protocols."""


def rank_lines(
    ranks: pd.DataFrame, task: str, title: str | None = None, *, palette: Palette = None, notes: bool = True
) -> Figure:
    """Draw the places of models on a task, the best on top, a column a protocol.

    Models are put in order by their ranks (or mean ranks) under each protocol; tied ones share the mean of their
    places. A checkpoint has a color, and its levels are shades of it.

    Args:
        ranks: of `results.protocols.ranks.ranks`.
        task: of that table.
        palette: see `results.figures.canvas.colors.colored`.

    Raises:
        ValueError: for fewer than two protocols with ranks on the task.
    """
    table = ranks[ranks["task"] == task].drop(columns=["task", "models"])
    protocols = [name for name in table if name not in OTHERS and table[name].notna().any()]
    if len(protocols) < 2:
        raise ValueError(f"places need two protocols with ranks on {task!r}, got {len(protocols)}")
    table = table.dropna(subset=protocols).reset_index(drop=True)
    table = table.assign(published=False, set="", read_off=False)
    table = table.assign(label=labels(table), color=colored(table, palette), checkpoint=checkpoint_of(table["spec"]))
    places = table[protocols].rank()
    row = max(THINNEST, min(ROW, TALLEST / len(table)))
    size = min(SMALL, 0.8 * POINTS * row)
    markers = {name: MARKERS[place % len(MARKERS)] for place, name in enumerate(table["checkpoint"].unique())}
    below = _notes(table, task) if notes else []
    with sheet(PAGE, row * len(table) + 0.5, below, title=title) as figure:
        axes = figure.subplots()
        for line in table.itertuples():
            style: dict[str, Any] = {
                "color": line.color,
                "marker": markers[line.checkpoint],
                "linestyle": UNTRAINED_LINE if line.untrained else "-",
            }
            axes.plot(range(len(protocols)), places.loc[line.Index], markersize=3, linewidth=1.1, **style)
        _name(axes, table, places[protocols[0]], 0, size)
        _name(axes, table, places[protocols[-1]], len(protocols) - 1, size)
        axes.set_ylim(len(table) + 0.6, 0.4)
        axes.set_xlim(0, len(protocols) - 1)
        axes.xaxis.tick_top()
        axes.set_xticks(
            range(len(protocols)), protocols, fontsize=SMALL, rotation=30, ha="left", rotation_mode="anchor"
        )
        axes.set_yticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.grid(axis="x")
    return figure


def _name(axes: Axes, table: pd.DataFrame, places: pd.Series, column: int, size: float) -> None:
    """Write the models beside the ends of their lines, with their places on the left; tied ones below one another."""
    for place, group in table.groupby(places):
        for number, line in enumerate(group.itertuples()):
            shift = number - (len(group) - 1) / 2
            axes.annotate(
                line.label if column else f"{place:g}  {line.label}",
                (column, place + shift),
                (BESIDE if column else -BESIDE, 0),
                textcoords="offset points",
                ha="left" if column else "right",
                va="center",
                fontsize=size,
                color=_dark(line.color),
                annotation_clip=False,
            )


def _dark(color: tuple[float, float, float]) -> tuple[float, ...]:
    """The color of a label: that of its line, dark enough to be read."""
    red, green, blue = color
    bright = 0.3 * red + 0.59 * green + 0.11 * blue
    share = min(1.0, 0.42 / bright) if bright else 1.0
    return red * share, green * share, blue * share


def _notes(table: pd.DataFrame, task: str) -> list[str]:
    lines = [
        f"Places of {len(table)} models, 1 the best: {task_name(task)}. Places of near equals change by chance alone; "
        "the agreement of protocols has intervals."
    ]
    return [*lines, *([UNTRAINED_NOTE] if table["untrained"].any() else [])]
