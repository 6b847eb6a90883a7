"""A heat map of embedding levels (or any models) x tasks."""

import re

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from results.figures.frame import scores_of, task_name
from results.figures.style import PAGE, SMALL, notes_on, sheet
from results.scores.axes import with_axes
from results.scores.normalize import LOWER_IS_BETTER
from results.tables.compose import text

ROW, COLUMN = 0.19, 0.5  # inches
SHARE = "share of the best in its column"


def heatmap(rows: pd.DataFrame, title: str | None = None, models: pd.DataFrame | None = None) -> Figure:
    """Scores of every model (down) on every task (across), each column colored by its share of the column's best
    (of which it is the other way around where lower is better).

    Models that differ in their level alone are called by it. A cell without a score is empty, with a dash, of one that
    is not defined with nan. The best of a column is bold. `models` is not needed here.

    Raises:
        ValueError: where there are no rows.
    """
    found = scores_of(rows)
    labels, tasks = _labels(found), list(found["task"].unique())
    value, tolerance = (
        found.pivot_table(index="model", columns="task", values=name, sort=False, dropna=False).reindex(
            index=list(labels), columns=tasks
        )
        for name in ("mean", "tolerance")
    )
    lower = set(found.loc[found["metric"].isin(LOWER_IS_BETTER), "task"])
    share = pd.DataFrame({t: value[t].min() / value[t] if t in lower else value[t] / value[t].max() for t in value})
    known = pd.MultiIndex.from_frame(found.loc[found["count"] > 0, ["model", "task"]])
    width = min(PAGE, 0.065 * max(map(len, labels.values())) + COLUMN * len(tasks) + 0.9)
    longest = max(len(task_name(task)) for task in tasks)
    height = ROW * len(labels) + 0.055 * longest + 0.35
    with sheet(width, height, notes_on(rows), title=title) as figure:
        axes = figure.subplots()
        cells = np.array(
            [
                [text(value.loc[m, t], np.nan, tolerance.loc[m, t]) if (m, t) in known else "–" for t in tasks]
                for m in labels
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
        axes.set_yticklabels(labels.values(), rotation=0)
        axes.set_xticklabels(map(task_name, tasks), rotation=45, ha="right", rotation_mode="anchor")
        axes.set(xlabel="", ylabel="")
        axes.tick_params(length=0)
        _embolden(axes, share)
    return figure


def _without_zero(cell: str) -> str:
    return re.sub(r"\b0\.", ".", cell)


def _labels(found: pd.DataFrame) -> dict[str, str]:
    """What each model is called: by its level where that tells all apart."""
    axes = with_axes(found).drop_duplicates("model").set_index("model")
    return (
        dict(axes["levels"])
        if axes["levels"].is_unique and (axes["levels"] != "").all()
        else {m: m for m in axes.index}
    )


def _cells_without_color(axes, share: pd.DataFrame, cells: np.ndarray) -> None:
    """Seaborn writes nothing where there is no color."""
    for (row, column), missing in np.ndenumerate(share.isna().to_numpy()):
        if missing:
            axes.text(column + 0.5, row + 0.5, cells[row, column], ha="center", va="center", fontsize=SMALL)


def _embolden(axes, share: pd.DataFrame) -> None:
    best = {
        (share.columns.get_loc(task) + 0.5, share[task].argmax() + 0.5) for task in share if share[task].notna().any()
    }
    for label in axes.texts:
        if label.get_position() in best:
            label.set_fontweight("bold")
