"""Bars: one panel a task, one bar a model, for any number of models."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.figures.canvas.frame import drawn
from results.figures.canvas.sheet import sheet
from results.figures.canvas.style import SMALL, Color, fill, palette
from results.scores.scores import Rows
from results.tables.compose import cell

MODEL_HEIGHT, FRAME_HEIGHT = 0.3, 0.95  # inches
MANY_MODELS, MODEL_HEIGHT_OF_MANY = 16, 0.2
NAMES_WIDTH, PANEL_WIDTH = 2.3, 2.2  # inches
PUBLISHED_COLOR = (0.5, 0.5, 0.5)


def bars(rows: Rows, title: str | None = None, models: pd.DataFrame | None = None) -> Figure:
    """Draw the primary metric of every model, one panel a task; error bars are the standard deviation over folds.

    Instead of a bar stands "nan" for a score that is not defined, "–" where there is none. Families have colors; bars
    of untrained weights are hatched. Published models come last, gray and dotted, without error bars but where a value
    was read off a figure: its tolerance. `models` is not needed here.

    Raises:
        ValueError: for no rows.
    """
    scores, notes = drawn(rows)
    labels, tasks = list(scores["label"].unique()), list(scores["task"].unique())
    colors = palette(scores.loc[~scores["published"], "family"]) | {"published": PUBLISHED_COLOR}
    width = NAMES_WIDTH + PANEL_WIDTH * len(tasks)
    height = FRAME_HEIGHT + len(labels) * (MODEL_HEIGHT if len(labels) <= MANY_MODELS else MODEL_HEIGHT_OF_MANY)
    with sheet(width, height, notes, title=title) as figure:
        panels = figure.subplots(1, len(tasks), sharey=True, squeeze=False)[0]
        for axes, task in zip(panels, tasks, strict=True):
            _panel(axes, scores[scores["task"] == task], labels, colors)
        panels[0].set_yticks(range(len(labels)), labels)
        panels[0].set_ylim(len(labels) - 0.4, -0.6)
    return figure


def _panel(axes: Axes, scores: pd.DataFrame, labels: list[str], colors: dict[str, Color]) -> None:
    for line in scores.itertuples():
        place = labels.index(line.label)
        spread = line.tolerance if line.published else line.std
        color = colors["published" if line.published else line.family]
        axes.barh(
            place,
            line.mean,
            xerr=None if pd.isna(spread) else spread,
            height=0.68,
            edgecolor="white",
            error_kw={"elinewidth": 1, "capsize": 2},
            **fill(line, color),
        )
        end = 0.0 if pd.isna(line.mean) else line.mean + (0.0 if pd.isna(spread) else spread)
        value = cell(line.mean, float("nan"), line.tolerance, line.count)
        axes.annotate(value, (end, place), (4, 0), textcoords="offset points", va="center", fontsize=SMALL)
    axes.set_title(scores["task"].iloc[0])
    axes.set_xlabel(" / ".join(scores["metric"].unique()))
    axes.margins(x=0.18 if scores["tolerance"].isna().all() else 0.24)
    axes.locator_params(axis="x", nbins=4)
    axes.set_xlim(left=min(0, axes.get_xlim()[0]) if (scores["mean"] < 0).any() else 0)
    axes.tick_params(axis="y", length=0)
