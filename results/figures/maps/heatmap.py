"""A heat map of embedding levels (or any models) x tasks."""

import re
from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.figures.canvas.colors import Palette
from results.figures.canvas.frame import UNDEFINED, drawn, task_name
from results.figures.canvas.sheet import POINTS, letters_width, sheet
from results.figures.canvas.style import COLUMN as COLUMN_WIDTH
from results.figures.canvas.style import PAGE, PAGE_HEIGHT, SMALL
from results.scores.axes import with_axes
from results.scores.normalize import LOWER_IS_BETTER
from results.scores.scores import Rows
from results.tables.compose import MISSING, cell

ROW, THINNEST, COLUMN = 0.19, 0.12, 0.55  # inches
BAR = 0.75  # inches of the scale of colors
NAME = 7.5  # points
SHARE = "share of the best in its column"
NOT_DEFINED = "n.d."


def heatmap(
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
    """Draw scores of every model (down) on every task (across), colored by their share of the best of the column.

    Where lower is better, the share is that of the best of the score. A score below 0, as R2 may be, has the share 0;
    where the best is not above 0, cells have no color. Models that differ in their level alone are called by it. A cell
    without a score is empty, with a dash, or with "n.d." where the score is not defined. The best of a column is bold.
    Where there are many tasks, values have fewer digits. `models` is not needed here.

    Args:
        palette: a colormap's name; models have no color here.
        notes, statement, order, ax: see `results.figures.canvas.frame.Options`.

    Raises:
        ValueError: for no rows, or an unknown colormap.
    """
    if palette is not None and palette not in list(mpl.colormaps):
        raise ValueError(f"palette of a heat map is the name of a colormap, such as viridis, got {palette!r}")
    scores, below = drawn(rows, None, order)
    names, tasks = _names(scores), list(scores["task"].unique())
    value, tolerance = (
        scores.pivot_table(index="label", columns="task", values=name, sort=False, dropna=False).reindex(
            index=list(names), columns=tasks
        )
        for name in ("mean", "tolerance")
    )
    lower = set(scores.loc[scores["metric"].isin(LOWER_IS_BETTER), "task"])
    share = pd.DataFrame({t: value[t].min() / value[t] if t in lower else _share(value[t]) for t in value})
    known = pd.MultiIndex.from_frame(scores.loc[scores["count"] > 0, ["label", "task"]])
    cells = np.array(
        [[_text(value.loc[m, t], tolerance.loc[m, t]) if (m, t) in known else MISSING for t in tasks] for m in names]
    )
    margin = max(letters_width(name, NAME) for name in names.values()) / POINTS + 0.15
    column = min(COLUMN, (PAGE - margin - BAR) / len(tasks))
    cells = _shortened(cells, column)
    slanted = max(letters_width(task_name(task), SMALL) for task in tasks) / POINTS * 0.72
    row = max(THINNEST, min(ROW, (PAGE_HEIGHT - slanted) / len(names)))
    if NOT_DEFINED in cells:
        below = [line.replace(UNDEFINED, f"{NOT_DEFINED}, {UNDEFINED}", 1) for line in below]
    width = max(COLUMN_WIDTH, margin + BAR + column * len(tasks))
    with sheet(width, row * len(names) + slanted + 0.25, below if notes else [], (), title, statement, ax) as figure:
        axes = ax or figure.subplots()
        size = min(SMALL, 0.75 * POINTS * row)
        sns.heatmap(
            share,
            vmin=min(0.5, float(share.min(axis=None))),
            vmax=1,
            cmap=palette or "cividis",
            annot=cells,
            fmt="",
            annot_kws={"fontsize": size},
            linewidths=0.5,
            xticklabels=False,  # seaborn compares each label with every other one, in gigabytes for hundreds of models
            yticklabels=False,
            cbar_kws={"label": SHARE, "pad": 0.02, "aspect": 30},
            ax=axes,
        )
        scale = axes.collections[0].colorbar
        assert scale is not None
        scale.ax.tick_params(labelsize=SMALL)
        scale.set_label(SHARE, fontsize=SMALL)
        _cells_without_color(axes, share, cells, size)
        size = min(NAME, 0.85 * POINTS * row)
        axes.set_yticks(np.arange(len(names)) + 0.5, names.values(), va="center", fontsize=size)
        axes.set_xticks(np.arange(len(tasks)) + 0.5, [task_name(task) for task in tasks])
        axes.set_xticklabels(axes.get_xticklabels(), rotation=45, ha="right", rotation_mode="anchor", fontsize=7)
        axes.set(xlabel="", ylabel="")
        axes.tick_params(length=0)
        _embolden(axes, pd.DataFrame({t: -value[t] if t in lower else value[t] for t in value}))
    return figure


def _text(value: float, tolerance: float) -> str:
    return NOT_DEFINED if np.isnan(value) else cell(value, np.nan, tolerance)


def _shortened(cells: np.ndarray, column: float) -> np.ndarray:
    """Write values without the zero in front, then with two digits, where a column in inches has no room for them."""

    for shorter in (str, _without_zero, _two_digits):
        texts = [[shorter(text) for text in line] for line in cells.tolist()]
        if max(letters_width(text, SMALL) for line in texts for text in line) < column * POINTS:
            break
    return np.array(texts)


def _two_digits(cell: str) -> str:
    return re.sub(r"(\d*\.\d{3})", lambda match: f"{float(match[1]):.2f}".removeprefix("0"), cell)


def _without_zero(cell: str) -> str:
    return re.sub(r"\b0\.", ".", cell)


def _names(scores: pd.DataFrame) -> dict[str, str]:
    """Name each label's row: by its level where levels tell all apart, else by the label."""
    levels = with_axes(scores).drop_duplicates("label").set_index("label")["levels"]
    return dict(levels) if levels.is_unique and (levels != "").all() else {label: label for label in levels.index}


def _cells_without_color(axes: Axes, share: pd.DataFrame, cells: np.ndarray, size: float) -> None:
    """Write the cells that have no color, which seaborn leaves out."""
    for (row, column), missing in np.ndenumerate(share.isna().to_numpy()):
        if missing:
            axes.text(column + 0.5, row + 0.5, str(cells[row, column]), ha="center", va="center", fontsize=size)


def _share(value: pd.Series) -> pd.Series:
    """The share of the best score, for scores of which more is better."""
    best = value.max()
    return value.clip(lower=0) / (best if best > 0 else np.nan)


def _embolden(axes: Axes, value: pd.DataFrame) -> None:
    """Make the best of each column bold; more is better."""
    best = {
        (value.columns.get_loc(task) + 0.5, value[task].argmax() + 0.5) for task in value if value[task].notna().any()
    }
    for label in axes.texts:
        if label.get_position() in best:
            label.set_fontweight("bold")
