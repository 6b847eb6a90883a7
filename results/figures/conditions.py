"""Scores along the conditions of a task's sound: a row of panels a task, a panel a kind of condition."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results.figures.canvas.colors import Palette
from results.figures.canvas.frame import drawn, spread_note, task_name
from results.figures.canvas.sheet import POINTS, legend_above, set_titles, sheet
from results.figures.canvas.style import MARKERS, PAGE, SMALL, UNTRAINED_LINE
from results.rows.rows import CONDITION_MARK
from results.scores.axes import FLOORS
from results.scores.conditions import EVERYWHERE, KINDS, parts, place
from results.scores.scores import Rows

HEIGHT = 2.0  # inches of a row of panels
BESIDE = 0.45  # inches of a panel's width that are ticks
SLOT = 0.6  # width of a panel apart from its points, in points of the widest panel
SPREAD = 0.3  # of the distance of two points, over which the error bars of models are laid side by side
CLEAN = "clean"
NAMES = {"snr": "noise", "reverb": "room", "gain": "level", "band": "band"}
"""What each kind of condition changes or adds."""
HALVES = ("band",)
"""Kinds whose numbers count in octaves."""
WITH_ZERO = ("gain", "reverb")
"""Kinds that change nothing at 0, where clean scores stand."""
UPWARD = ("reverb",)
"""Kinds that take more away the larger their number is."""


def conditions(
    rows: Rows,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    *,
    notes: bool = True,
    statement: str = "",
    palette: Palette = None,
    order: Sequence[str] | None = None,
) -> Figure:
    """Draw the primary metric against the number of a condition, a line a model; clean scores stand on the left.

    What takes more away stands farther right: less signal over the noise, longer reverberation, a narrower band. Of
    conditions in a row the last one is the axis, and the panel's title names the others. Error bars are laid side by
    side, so that they can be told apart.

    Args:
        models: is not needed.
        notes, statement, palette, order: see `results.figures.canvas.frame.Options`.

    Raises:
        ValueError: where no task has conditions.
    """
    scores, below = drawn(rows, palette, order)
    scores = scores[~scores["published"].astype(bool) & scores["mean"].notna()].reset_index(drop=True)
    named = [parts(task) for task in scores["task"]]
    scores = scores.assign(clean=[name.task for name in named], conditions=[name.conditions for name in named])
    changed = scores[scores["conditions"] != ""]
    if changed.empty:
        raise ValueError("no task has conditions, such as +snr10 behind its name; vary tasks, or draw bars")
    places = changed["conditions"].map(place)
    changed = changed.assign(
        panel=[(of.before, of.kind) for of in places],
        value=[of.value for of in places],
    )
    tasks, panels = list(changed["clean"].unique()), sorted(set(changed["panel"]), key=_panel_order)
    styles = _styles(scores)
    scales = {panel: _Scale(panel, changed.loc[changed["panel"] == panel, "value"]) for panel in panels}
    widths = [len(scales[panel].ticks) - 1 + SLOT for panel in panels]
    text = [*_missing_clean(scores, tasks), *spread_note(scores, "Error bars"), *below] if notes else []
    with sheet(PAGE, HEIGHT * len(tasks), text, list(styles), title, statement, None) as figure:
        grid = figure.subplots(len(tasks), len(panels), squeeze=False, sharey="row", width_ratios=widths)
        for row, task in enumerate(tasks):
            clean = scores[(scores["clean"] == task) & (scores["conditions"] == "")]
            for column, panel in enumerate(panels):
                axes, own = grid[row][column], changed[(changed["clean"] == task) & (changed["panel"] == panel)]
                if own.empty:
                    axes.set_axis_off()
                    continue
                length = (PAGE * widths[column] / sum(widths) - BESIDE) * POINTS
                _draw(axes, own, clean, scales[panel], styles)
                set_titles(axes, _titles(panel), length + 24)
                axes.set_xlabel(scales[panel].label, fontsize=SMALL)
            metric = " / ".join(changed.loc[changed["clean"] == task, "metric"].unique())
            grid[row][0].set_ylabel(f"{task_name(task)}\n{metric}", fontsize=SMALL)
        legend_above(figure, [Line2D([], [], **style) for style in styles.values()], list(styles), title, None)
    return figure


class _Scale:
    """The axis of a panel: clean scores on the left, then the numbers of a condition, those that take most away last.

    Args:
        panel: what is before the condition, and its kind.
        values: its numbers.
    """

    def __init__(self, panel: tuple[str, str], values: pd.Series) -> None:
        _, self.kind = panel
        self.label = KINDS[self.kind]
        numbers = sorted(set(values), key=self._amount)
        amounts = [self._amount(value) for value in numbers]
        steps = np.diff(amounts)
        step = float(np.median(steps)) if len(steps) else 1.0
        first = 0.0 if self.kind in WITH_ZERO and min(amounts) > 0 else amounts[0] - step
        span = (amounts[-1] - first) or 1.0
        self.unit = span / len(numbers)  # the mean distance of two points
        self.places = {None: first, **dict(zip(numbers, amounts, strict=True))}
        self.ticks = {first: CLEAN, **{amount: f"{value:g}" for value, amount in zip(numbers, amounts, strict=True)}}

    def _amount(self, value: float) -> float:
        amount = math.log2(value) if self.kind in HALVES else value
        return amount if self.kind in UPWARD else -amount


def _panel_order(panel: tuple[str, str]) -> tuple[bool, int, str, int]:
    """Single conditions first, in the order of `KINDS`; then those in a row, and those of all clips."""
    before, kind = panel
    words = before.split(CONDITION_MARK) if before else []
    return words[:1] == [EVERYWHERE], len(words), before, list(KINDS).index(kind)


def _styles(scores: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Choose the look of each model: its color and a marker; untrained weights are dashed, floors dotted."""
    lines = scores.drop_duplicates("label")
    number = lines.groupby("checkpoint").cumcount()  # markers tell the shades of one color apart
    return {
        line.label: {
            **{"color": line.color, "marker": MARKERS[place % len(MARKERS)], "markersize": 3.2, "linewidth": 1.0},
            "linestyle": UNTRAINED_LINE if line.untrained else ":" if line.checkpoint in FLOORS else "-",
            "markerfacecolor": "white" if line.untrained else line.color,
        }
        for line, place in zip(lines.itertuples(), number, strict=True)
    }


def _draw(
    axes: Axes, changed: pd.DataFrame, clean: pd.DataFrame, scale: _Scale, styles: dict[str, dict[str, Any]]
) -> None:
    """Draw a panel: a line a model through its clean score and those under the condition."""
    names = list(styles)
    for name, style in styles.items():
        line = pd.concat([clean[clean["label"] == name].assign(value=None), changed[changed["label"] == name]])
        if line.empty:
            continue
        aside = SPREAD * scale.unit * ((names.index(name) + 0.5) / len(names) - 0.5)
        x = [scale.places[None if pd.isna(value) else value] + aside for value in line["value"]]
        points = np.array(sorted(zip(x, line["mean"], line["std"].fillna(0.0), strict=True)))
        axes.errorbar(points[:, 0], points[:, 1], yerr=points[:, 2], label=name, elinewidth=0.5, capsize=0, **style)
    for tick in list(scale.ticks)[:1]:
        axes.axvline(tick + scale.unit / 2, color="0.8", linewidth=0.6)
    axes.set_xticks(list(scale.ticks), list(scale.ticks.values()), fontsize=SMALL)
    ends = min(scale.ticks), max(scale.ticks)
    axes.set_xlim(ends[0] - 0.4 * scale.unit, ends[1] + 0.4 * scale.unit)
    axes.tick_params(axis="y", labelsize=SMALL)
    axes.grid(axis="y")


def _titles(panel: tuple[str, str]) -> list[str]:
    """Name what is changed: the kind of the axis, what comes before it, and whether training clips are changed, too."""
    before, kind = panel
    words = before.split(CONDITION_MARK) if before else []
    chain = [word for word in words if word != EVERYWHERE]
    title = f"{', '.join(chain)}, then {NAMES[kind]}" if chain else NAMES[kind]
    return [title, "in training, too"] if len(chain) < len(words) else [title]


def _missing_clean(scores: pd.DataFrame, tasks: list[str]) -> list[str]:
    absent = [task for task in tasks if not ((scores["clean"] == task) & (scores["conditions"] == "")).any()]
    return [f"Without clean scores: {', '.join(map(task_name, absent))}, which were not measured."] if absent else []
