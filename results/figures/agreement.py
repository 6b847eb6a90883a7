"""Measured scores against published ones of the same models on the same tasks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from results.figures.canvas.colors import Palette
from results.figures.canvas.frame import drawn, spread_note, task_name
from results.figures.canvas.sheet import legend_above, sheet
from results.figures.canvas.sources import published_note
from results.figures.canvas.style import MARKERS, PAGE, SMALL, Color
from results.reference.published import is_published
from results.reference.reruns import OTHERS, OWN
from results.scores.kinds import with_flags
from results.scores.labels import terms
from results.scores.notes import notes as notes_on
from results.scores.scores import Rows, Scored
from results.tables.agreement import pairs, rerun_summary, summary

ROW = 0.15  # inches
BANDS: dict[str, dict[str, Any]] = {
    OWN: {"color": "#f0e2c4", "linewidth": 0},  # beige: no model has it
    OTHERS: {"facecolor": "none", "edgecolor": "0.45", "linestyle": (0, (2, 1.5)), "linewidth": 0.6},
}
BAND_WORDS = {
    OWN: "Beige: what others' re-runs of the same model differ by (highest less lowest, to both sides).",
    OTHERS: "Dashes: the largest such difference of other models on the task, where no re-run of this one is known.",
}


def agreement(
    rows: Rows,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    *,
    notes: bool = True,
    statement: str = "",
    palette: Palette = None,
    order: Sequence[str] | None = None,
) -> Figure:
    """Draw measured against published scores: beside the identity line, and the difference of each pair.

    Left, measured over published. Right, measured minus published; the gray bar is the published value's tolerance. The
    beige band around it is what re-runs by others of the published model differ by; an outline of dashes is the largest
    difference of other models' re-runs on the task. A note says what error bars are. `models` is not needed here.

    Args:
        notes, statement, palette, order: see `results.figures.canvas.frame.Options`.

    Raises:
        ValueError: where no measured model has a published one of its name on a task and metric.
    """
    scored = Scored.of(rows)
    scores, _ = drawn(scored, palette, order)
    both = pairs(scored)
    both = both[both["model"].isin(scores["model"])].reset_index(drop=True)
    if both.empty:
        names = ", ".join(sorted(scores.loc[scores["published"], "model"].unique())[:5]) or "none"
        raise ValueError(f"no measured model is called like a published one on the same task; published are {names}")
    known = scores.drop_duplicates("model").set_index("model")["color"]
    colors = {name: known[name] for name in known.index if name in set(both["model"])}
    markers = {name: MARKERS[number % len(MARKERS)] for number, name in enumerate(colors)}
    compared = _compared(scored.rows, both)
    below = [
        *spread_note(scores[~scores["published"] & scores["model"].isin(both["model"])]),
        f"Gray: tolerance of values read off a figure. {summary(both)}",
        *_band_note(both),
        *notes_on(compared[~is_published(compared)], protocol=False),
        " ".join([published_note(compared[is_published(compared)], marked=False), *terms(both["model"])]),
    ]
    height = max(2.5, 0.6 + ROW * len(both))
    with sheet(PAGE, height, below if notes else [], list(colors), title, statement) as figure:
        left, right = figure.subplots(1, 2, width_ratios=(1, 0.85))
        handles = [_scatter(left, both[both["model"] == name], colors[name], markers[name]) for name in colors]
        _identity(left, both)
        _differences(right, both, colors, markers)
        legend_above(figure, handles, list(colors), title)
    return figure


def _compared(rows: pd.DataFrame, both: pd.DataFrame) -> pd.DataFrame:
    """Select published rows that are compared with something, and measured ones of trained weights."""
    flags = with_flags(rows)
    compared = rows["model"].isin(both["model"])
    return rows[compared.where(flags["published"], ~flags["untrained"])]


def _scatter(axes: Axes, both: pd.DataFrame, color: Color, marker: str) -> ErrorbarContainer:
    return axes.errorbar(
        both["published"],
        both["measured"],
        yerr=both["std"].fillna(0),
        xerr=both["tolerance"],
        fmt=marker,
        markersize=4,
        elinewidth=0.7,
        color=color,
        markeredgecolor="white",
        markeredgewidth=0.4,
    )


def _identity(axes: Axes, both: pd.DataFrame) -> None:
    values = both[["measured", "published"]].to_numpy()
    margin = 0.06 * max(float(np.ptp(values)), 0.1)
    ends = [float(values.min()) - margin, float(values.max()) + margin]
    axes.plot(ends, ends, color="0.4", linewidth=0.8, zorder=0.5)
    axes.set(xlim=ends, ylim=ends, aspect="equal", anchor="N", xlabel="published", ylabel="measured")
    axes.locator_params(nbins=5)
    axes.grid()


def _bands(axes: Axes, both: pd.DataFrame) -> None:
    """Draw what re-runs differ by around no difference, tolerance included, as filled bands or as outlines."""
    width = both["rerun_spread"] + both["tolerance"]
    for whose, style in BANDS.items():
        known = np.flatnonzero((both["rerun_of"] == whose) & both["within_reruns"].notna())
        half = width.to_numpy()[known]
        axes.barh(known, 2 * half, left=-half, height=0.92, zorder=0.4, gid=whose, **style)
        axes.use_sticky_edges &= not len(known)  # the widest band shall end before the frame


def _band_note(both: pd.DataFrame) -> list[str]:
    """Say what the bands are and how many scores are within them; nothing where there is none."""
    line = rerun_summary(both)
    if not line:
        return []
    shown = set(both.loc[both["within_reruns"].notna(), "rerun_of"])
    parts = [BAND_WORDS[whose] for whose in BANDS if whose in shown]
    return [" ".join([*parts, line])]


def _differences(axes: Axes, both: pd.DataFrame, colors: dict[str, Color], markers: dict[str, str]) -> None:
    """Draw measured minus published, a row a pair, by task."""
    both = both.sort_values("task", key=lambda tasks: tasks.map(list(both["task"].unique()).index), kind="stable")
    rows = range(len(both))
    _bands(axes, both)
    axes.barh(rows, 2 * both["tolerance"], left=-both["tolerance"], height=1, color="0.85", linewidth=0)
    axes.axvline(0, color="0.4", linewidth=0.8)
    for place, pair in zip(rows, both.itertuples(), strict=True):
        spread = None if pd.isna(pair.std) else pair.std
        color, marker = colors[pair.model], markers[pair.model]
        axes.errorbar(pair.difference, place, xerr=spread, fmt=marker, color=color, markersize=4, elinewidth=0.7)
    tasks = both["task"].ne(both["task"].shift()).to_numpy()
    axes.set_yticks(rows, [task_name(task) if first else "" for task, first in zip(both["task"], tasks, strict=True)])
    axes.set_ylim(len(both) - 0.5, -0.5)
    for place in np.flatnonzero(tasks)[1:]:
        axes.axhline(place - 0.5, color="0.88", linewidth=0.6)
    axes.tick_params(axis="y", length=0, labelsize=7 if len(both) < 30 else SMALL)
    axes.set_xlabel("measured − published")
    axes.locator_params(axis="x", nbins=5)
