"""A heat map of learned weights: which level serves which task, a panel a model."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.figures.canvas.colors import Palette
from results.figures.canvas.frame import ordered, task_name
from results.figures.canvas.sheet import POINTS, letters_width, set_titles, sheet
from results.figures.canvas.style import COLUMN, PAGE, PAGE_HEIGHT, SMALL
from results.scores.level_weights import level_weights
from results.scores.scores import Rows, Scored
from results.tables.level_weights import weights_notes

ROW, THINNEST, WIDEST = 0.2, 0.12, 0.75  # inches of a cell
BAR = 0.75  # inches of the scale of colors
NAME = 7.5  # points
MOST_BESIDE = 3
DARK = 0.5  # brightness of a cell from which on its letters are dark


def weights_map(
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
    """Draw the weight that probes learned for each level (down) on each task (across), a panel a model.

    A cell has the mean over folds and seeds, and behind it the standard deviation. Its color is the ratio of the mean
    to equal weights, so that panels of more and of fewer levels compare. `models` is not needed here.

    Args:
        palette: a colormap's name; models have no color here.
        notes, statement, order, ax: see `results.figures.canvas.frame.Options`.

    Raises:
        ValueError: no rows, or none that has a weight, an unknown colormap, or several models for one `ax`.
    """
    if palette is not None and palette not in list(mpl.colormaps):
        raise ValueError(f"palette of a heat map is the name of a colormap, such as viridis, got {palette!r}")
    rows = rows.rows if isinstance(rows, Scored) else rows
    if rows.empty:
        raise ValueError("no rows to draw")
    weights = level_weights(rows)
    if order is not None:
        checkpoint = weights["spec"].str.split("@").str[0]
        weights = ordered(weights.assign(label=weights["model"], checkpoint=checkpoint), order)
    panels = [(str(model), of_model) for model, of_model in weights.groupby("model", sort=False)]
    if ax is not None and len(panels) > 1:
        raise ValueError(f"ax is one panel, and {len(panels)} models have one each; order chooses one")
    tasks = list(weights["task"].unique())
    beside = min(MOST_BESIDE, len(panels))
    lines = -(-len(panels) // beside)
    margin = max(letters_width(level, NAME) for level in weights["level"]) / POINTS + 0.15
    column = min(WIDEST, ((PAGE - BAR) / beside - margin) / len(tasks))
    slanted = max(letters_width(task_name(task), SMALL) for task in tasks) / POINTS * 0.72
    counts = [of_model["level"].nunique() for _, of_model in panels]
    tallest = [max(counts[start : start + beside]) for start in range(0, len(counts), beside)]  # of a line of panels
    around = slanted + 0.4
    row = max(THINNEST, min(ROW, (PAGE_HEIGHT - lines * around) / sum(tallest)))
    width = max(COLUMN, beside * (margin + column * len(tasks)) + BAR)
    height = row * sum(tallest) + lines * around
    below = weights_notes(weights) if notes else []
    with sheet(width, min(height, PAGE_HEIGHT), below, (), title, statement, ax) as figure:
        grid = (
            [ax] if ax is not None else list(figure.subplots(lines, beside, squeeze=False, height_ratios=tallest).flat)
        )
        reach = (weights["weight"] * weights["levels"] - 1).abs().max() or 1.0
        for axes, (model, of_model) in zip(grid, panels, strict=False):
            image = _draw(axes, of_model, tasks, palette or "PuOr_r", reach, column * POINTS)
            if len(panels) > 1:
                set_titles(axes, [model], (width / beside - 0.1) * POINTS)
        for axes in grid[len(panels) :]:
            axes.remove()
        scale = figure.colorbar(image, ax=grid[: len(panels)], pad=0.02, aspect=30)
        scale.set_label("times the equal weight", fontsize=SMALL)
        scale.ax.tick_params(labelsize=SMALL)
    return figure


def _draw(
    axes: Axes, weights: pd.DataFrame, tasks: Sequence[str], palette: str, reach: float, points: float
) -> mpl.image.AxesImage:
    """Draw the weights of one model; a task without any is empty.

    Args:
        reach: how far from 1 the colors go, in multiples of equal weights.
    """
    levels = list(weights["level"].unique())
    weights = weights.assign(ratio=weights["weight"] * weights["levels"])
    mean, std, ratio = (
        weights.pivot_table(name, "level", "task", sort=False, dropna=False).reindex(index=levels, columns=tasks)
        for name in ("weight", "std", "ratio")
    )
    image = axes.imshow(ratio.to_numpy(), vmin=1 - reach, vmax=1 + reach, cmap=palette, aspect="auto")
    for (row, column), value in np.ndenumerate(mean.to_numpy()):
        if np.isnan(value):
            continue
        text = _text(value, std.iloc[row, column], points)
        red, green, blue, _ = image.cmap(image.norm(ratio.iloc[row, column]))
        color = "black" if 0.3 * red + 0.6 * green + 0.1 * blue > DARK else "white"
        axes.text(column, row, text, ha="center", va="center", fontsize=SMALL - 0.5, color=color)
    axes.set_yticks(range(len(levels)), levels, fontsize=NAME)
    axes.set_xticks(
        range(len(tasks)), map(task_name, tasks), rotation=45, ha="right", rotation_mode="anchor", fontsize=SMALL
    )
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image


def _text(value: float, std: float, points: float) -> str:
    """Write a weight and its standard deviation, as far as there is room for them."""
    texts = [f"{value:.3f} ± {std:.3f}", f"{value:.2f} ± {std:.2f}"] if not np.isnan(std) else [f"{value:.3f}"]
    texts = [*(text.replace("0.", ".") for text in texts), f"{value:.2f}".removeprefix("0")]
    return next((text for text in texts if letters_width(text, SMALL - 0.5) < points), texts[-1])
