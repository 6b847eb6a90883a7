"""Effective receptive fields: a panel a window and method, a line a level.

They draw the tables of `ablations.field`.
"""

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results.figures.canvas.sheet import POINTS, legend_above, set_titles, sheet
from results.figures.canvas.style import PAGE, SMALL, Color, hues

COLUMNS = 3
CURVE, BAR, AROUND = 1.35, 0.085, 0.5  # inches: of a curve, of the bar of a level, of ticks and titles
BESIDE = 0.5  # inches of a panel's width that are ticks
FEW = 4
"""Levels with hues of their own, at most; more have the colors of a scale, from the input to the output."""
PARTS = ((95, 1.0), (50, 3.2))
"""Percent of the effect that a bar holds, and its thickness in points."""


def field_curves(
    numbers: pd.DataFrame, curves: pd.DataFrame, title: str | None = None, *, notes: bool = True
) -> Figure:
    """Draw the effect by offset; below each panel bars hold 50 and 95 % of it, and the nominal window is gray.

    Args:
        numbers: a row a level, window and method: nominal_start, nominal_stop, start_50, stop_50, start_95, stop_95,
            reason, all times in ms relative to the timestamp.
        curves: a row a stretch of each: start_ms, stop_ms, share, share_low, share_high.
        title: above the legend.
        notes: whether lines below say what is drawn.

    Raises:
        ValueError: nothing has a field.
    """
    drawn = numbers[numbers["reason"] == ""]
    if drawn.empty:
        raise ValueError("no level has a receptive field to draw")
    levels = list(drawn["level"].unique())
    styles = dict(zip(levels, _colors(len(levels)), strict=True))
    windows = list(dict.fromkeys(_window(row) for row in drawn.itertuples()))
    methods = list(drawn["method"].unique())
    columns = min(COLUMNS, len(windows))
    chunks = [windows[start : start + columns] for start in range(0, len(windows), columns)]
    rows = [(method, chunk) for chunk in chunks for method in methods]
    strip = BAR * len(levels) + 0.1
    width = max(0.55 * PAGE, PAGE * columns / COLUMNS) if columns < COLUMNS else PAGE
    below = _notes(drawn) if notes else []
    with sheet(width, (CURVE + strip + AROUND) * len(rows), below, levels, title) as figure:
        grid = figure.subplots(2 * len(rows), columns, squeeze=False, height_ratios=[CURVE, strip] * len(rows))
        for row, (method, chunk) in enumerate(rows):
            for column in range(columns):
                upper, lower = grid[2 * row][column], grid[2 * row + 1][column]
                own = drawn[(drawn["method"] == method) & (column < len(chunk))]
                own = own[[_window(one) == chunk[column] for one in own.itertuples()]] if len(own) else own
                if own.empty:
                    upper.set_axis_off()
                    lower.set_axis_off()
                    continue
                _draw(upper, lower, own, curves, styles)
                length = (width / columns - BESIDE) * POINTS
                set_titles(upper, [_title(own.iloc[0]) + (f", {method}" if len(methods) > 1 else "")], length)
                if column == 0:
                    upper.set_ylabel("% of the effect / ms", fontsize=SMALL)
                lower.set_xlabel("offset from the timestamp (ms)", fontsize=SMALL)
        handles = [Line2D([], [], color=color, linewidth=1.4) for color in styles.values()]
        legend_above(figure, handles, levels, title)
    return figure


def _draw(upper: Axes, lower: Axes, numbers: pd.DataFrame, curves: pd.DataFrame, colors: dict[str, Color]) -> None:
    """Draw a panel: curves above, bars below."""
    first = numbers.iloc[0]
    ends = []
    for place, row in enumerate(numbers.itertuples()):
        same = (curves["level"] == row.level) & (curves["method"] == row.method)
        windows = curves["window_ms"]
        curve = curves[same & (windows.isna() if pd.isna(row.window_ms) else windows == row.window_ms)]
        edges = np.append(curve["start_ms"].to_numpy(), curve["stop_ms"].iloc[-1])
        widths = np.diff(edges)
        color = colors[row.level]
        upper.stairs(100 * curve["share"].to_numpy() / widths, edges, color=color, linewidth=1.1)
        low, high = (100 * curve[name].to_numpy() / widths for name in ("share_low", "share_high"))
        upper.fill_between(
            edges, np.append(low, low[-1]), np.append(high, high[-1]), step="post", color=color, alpha=0.13, linewidth=0
        )
        for part, thick in PARTS:
            start, stop = getattr(row, f"start_{part}"), getattr(row, f"stop_{part}")
            lower.plot([start, stop], [place, place], color=color, linewidth=thick, solid_capstyle="butt")
        ends += [edges[0], edges[-1]]
    for axes in (upper, lower):
        if not pd.isna(first["nominal_start"]):
            axes.axvspan(first["nominal_start"], first["nominal_stop"], color="0.93", linewidth=0, zorder=0)
        axes.axvline(0, color="0.45", linewidth=0.6, linestyle=":")
        axes.set_xlim(min(ends), max(ends))
        axes.tick_params(labelsize=SMALL)
        axes.locator_params(axis="x", nbins=5)
    upper.set_ylim(bottom=0)
    upper.tick_params(labelbottom=False)
    upper.locator_params(axis="y", nbins=4)
    lower.set_ylim(len(numbers) - 0.4, -0.6)
    lower.set_yticks([])
    lower.spines["left"].set_visible(False)


def _colors(count: int) -> list[Color]:
    """Colors of levels in their order."""
    if count <= FEW:
        return hues()[:count]
    scale = colormaps["viridis"]
    return [tuple(scale(0.92 * place / (count - 1))[:3]) for place in range(count)]  # type: ignore[misc]


def _window(row: object) -> tuple[float, float, float]:
    """What tells the windows of panels apart; -1 stands for what is not a number."""
    values = (getattr(row, name) for name in ("window_ms", "nominal_start", "nominal_stop"))
    window, start, stop = (-1.0 if pd.isna(value) else float(value) for value in values)
    return window, start, stop


def _title(row: pd.Series) -> str:
    if not pd.isna(row["window_ms"]):
        return f"{row['window_ms']:.0f} ms"
    if pd.isna(row["nominal_start"]):
        return "whole clip"
    return f"own, {row['nominal_stop'] - row['nominal_start']:g} ms"


def _notes(numbers: pd.DataFrame) -> list[str]:
    clips = "/".join(f"{count:.0f}" for count in sorted(numbers["clips"].unique()))
    gray = "Gray: the nominal window. " if numbers["nominal_start"].notna().any() else ""
    return [
        f"{gray}Bars below: the shortest intervals that hold 50 % (thick) and 95 % (thin) of the effect. "
        f"Bands: 95 % bootstrap intervals over {clips} clips."
    ]
