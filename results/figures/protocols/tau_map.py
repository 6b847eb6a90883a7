"""Kendall's tau of each pair of protocols on each task, with intervals."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from results.figures.canvas.frame import task_name
from results.figures.canvas.sheet import POINTS, folded, letters_width, sheet
from results.figures.canvas.style import COLUMN, PAGE, PAGE_HEIGHT, SMALL

ROW, CELL = 0.3, 0.72  # inches
TOP = 0.45  # inches of the names of tasks
COLORS = "cividis"
DARK = 0.55
"""Of the scale; what is written on darker cells is white."""


def tau_map(agreement: pd.DataFrame, title: str | None = None, *, notes: bool = True) -> Figure:
    """Draw tau-b with its interval: a row a pair of protocols, a column a task.

    A cell without a tau is empty, and one without an interval has none.

    Args:
        agreement: of `results.protocols.agreement.agreement`.

    Raises:
        ValueError: for no pair with a tau.
    """
    known = agreement.dropna(subset="tau")
    if known.empty:
        raise ValueError("no two protocols have a tau to draw")
    pairs = list(dict.fromkeys(zip(agreement["a"], agreement["b"], strict=True)))
    tasks = list(agreement["task"].unique())
    cells = {(line.a, line.b, line.task): line for line in known.itertuples()}
    values = np.array(
        [[cells[*pair, task].tau if (*pair, task) in cells else np.nan for task in tasks] for pair in pairs]
    )
    margin = max(letters_width(name, SMALL) for pair in pairs for name in pair) / POINTS + 0.15
    cell = min(CELL, (PAGE - margin) / len(tasks))
    width, height = max(COLUMN, margin + cell * len(tasks)), min(ROW * len(pairs) + TOP, PAGE_HEIGHT)
    scale = mpl.colormaps[COLORS]
    lowest = min(0.0, float(np.nanmin(values)))
    below = _notes(known) if notes else []
    with sheet(width, height, below, title=title) as figure:
        axes = figure.subplots()
        axes.imshow(values, vmin=lowest, vmax=1, cmap=COLORS, aspect="auto")
        for (row, column), value in np.ndenumerate(values):
            if np.isnan(value):
                axes.text(column, row, "–", ha="center", va="center", fontsize=SMALL)
                continue
            line = cells[*pairs[row], tasks[column]]
            share = (value - lowest) / (1 - lowest)
            color = "white" if share < DARK else "black"
            interval = "" if np.isnan(line.low) else f"\n{_short(line.low)} to {_short(line.high)}"
            text = f"{_short(value)}{interval}"
            axes.text(column, row, text, ha="center", va="center", fontsize=SMALL, color=color, linespacing=1.15)
        names = [folded(task_name(task), SMALL, cell * POINTS) for task in tasks]
        axes.set_xticks(range(len(tasks)), names, fontsize=SMALL)
        axes.xaxis.tick_top()
        axes.set_yticks(range(len(pairs)), ["\n".join(pair) for pair in pairs], fontsize=SMALL)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for place in range(1, len(pairs)):
            axes.axhline(place - 0.5, color="white", linewidth=1)
        axes.axvline(0.5, color="white", linewidth=3)
        assert scale is not None
    return figure


def _short(value: float) -> str:
    return f"{value:.2f}".replace("0.", ".", 1) if abs(value) < 0.995 else f"{value:.0f}"


def _notes(known: pd.DataFrame) -> list[str]:
    models = known["models"]
    counted = f"{models.min()} models" if models.min() == models.max() else f"{models.min()} to {models.max()} models"
    lines = [
        f"Kendall's tau-b of the order of {counted}: 1 is the same order, 0 no relation. Intervals "
        f"({known['confidence'].iloc[0]:.0%}): other test clips of the same number, the same for all; models, training "
        "clips and seeds are as they are."
    ]
    return lines
