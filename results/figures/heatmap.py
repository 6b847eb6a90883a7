"""A heat map of embedding levels (or any models) x tasks."""

import re

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.figures.canvas.frame import drawn, task_name
from results.figures.canvas.sheet import sheet
from results.figures.canvas.style import PAGE, SMALL
from results.scores.axes import with_axes
from results.scores.normalize import LOWER_IS_BETTER
from results.scores.scores import Rows
from results.tables.compose import MISSING, cell

ROW, COLUMN = 0.19, 0.5  # inches
SHARE = "share of the best in its column"


def heatmap(rows: Rows, title: str | None = None, models: pd.DataFrame | None = None) -> Figure:
    """Draw scores of every model (down) on every task (across), colored by their share of the best of the column.

    Where lower is better, the share is that of the best of the score. Models that differ in their level alone are
    called by it. A cell without a score is empty, with a dash, or with nan where the score is not defined. The best of
    a column is bold. `models` is not needed here.

    Raises:
        ValueError: for no rows.
    """
    scores, notes = drawn(rows)
    names, tasks = _names(scores), list(scores["task"].unique())
    value, tolerance = (
        scores.pivot_table(index="label", columns="task", values=name, sort=False, dropna=False).reindex(
            index=list(names), columns=tasks
        )
        for name in ("mean", "tolerance")
    )
    lower = set(scores.loc[scores["metric"].isin(LOWER_IS_BETTER), "task"])
    share = pd.DataFrame({t: value[t].min() / value[t] if t in lower else value[t] / value[t].max() for t in value})
    known = pd.MultiIndex.from_frame(scores.loc[scores["count"] > 0, ["label", "task"]])
    width = min(PAGE, 0.065 * max(map(len, names.values())) + COLUMN * len(tasks) + 0.9)
    longest = max(len(task_name(task)) for task in tasks)
    height = ROW * len(names) + 0.055 * longest + 0.35
    with sheet(width, height, notes, title=title) as figure:
        axes = figure.subplots()
        cells = np.array(
            [
                [cell(value.loc[m, t], np.nan, tolerance.loc[m, t]) if (m, t) in known else MISSING for t in tasks]
                for m in names
            ]
        )
        narrow = (width - 1.5) / len(tasks) < 0.36
        sns.heatmap(
            share,
            vmin=min(0.5, float(share.min(axis=None))),
            vmax=1,
            cmap="cividis",
            annot=np.vectorize(_without_zero)(cells) if narrow else cells,
            fmt="",
            annot_kws={"fontsize": SMALL},
            linewidths=0.5,
            cbar_kws={"label": SHARE, "pad": 0.02, "aspect": 30},
            ax=axes,
        )
        _cells_without_color(axes, share, cells)
        axes.set_yticklabels(names.values(), rotation=0)
        axes.set_xticklabels(map(task_name, tasks), rotation=45, ha="right", rotation_mode="anchor")
        axes.set(xlabel="", ylabel="")
        axes.tick_params(length=0)
        _embolden(axes, share)
    return figure


def _without_zero(cell: str) -> str:
    return re.sub(r"\b0\.", ".", cell)


def _names(scores: pd.DataFrame) -> dict[str, str]:
    """Name each label's row: by its level where levels tell all apart, else by the label."""
    levels = with_axes(scores).drop_duplicates("label").set_index("label")["levels"]
    return dict(levels) if levels.is_unique and (levels != "").all() else {label: label for label in levels.index}


def _cells_without_color(axes: Axes, share: pd.DataFrame, cells: np.ndarray) -> None:
    """Write the cells that have no color, which seaborn leaves out."""
    for (row, column), missing in np.ndenumerate(share.isna().to_numpy()):
        if missing:
            axes.text(column + 0.5, row + 0.5, str(cells[row, column]), ha="center", va="center", fontsize=SMALL)


def _embolden(axes: Axes, share: pd.DataFrame) -> None:
    best = {
        (share.columns.get_loc(task) + 0.5, share[task].argmax() + 0.5) for task in share if share[task].notna().any()
    }
    for label in axes.texts:
        if label.get_position() in best:
            label.set_fontweight("bold")
