"""The paper's question in one picture: what the embedding level and the receptive field do, in each network."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.transforms import ScaledTranslation

from results.figures.canvas.colors import Palette
from results.figures.canvas.floors import draw_across, lines_across, name_across
from results.figures.canvas.frame import ARCHITECTURES, drawn, spread_note, task_name
from results.figures.canvas.sheet import POINTS, legend_above, letters_width, sheet
from results.figures.canvas.style import MARKERS, PAGE, PAGE_HEIGHT, lighter
from results.figures.canvas.ticks import WHOLE_CLIP_TEXT, WindowScale, level_ticks
from results.scores.axes import FLOORS, VARIED, WHOLE_CLIP, along, depths, with_axes
from results.scores.labels import UNTRAINED_NOTE
from results.scores.notes import notes as notes_on
from results.scores.scores import Rows, Scored

LABELS = {"level": "embedding level, input to output", "window": "receptive field (ms)"}
"""The axes of panels, from left to right."""
PLACES = {"level": "depth", "window": "field"}
"""The column that has the place on each axis."""
HELD = {"level": ["pool", "field", "timestamps", "weights"], "window": ["levels", "timestamps", "weights"]}
"""What stays the same along a line of each axis."""
FEW_TASKS = 3
"""Panels of more tasks than this stand four side by side, not two."""
HEIGHTS = {2: 1.85, 4: 1.45}  # inches of a row of panels, by their number
BESIDE, AROUND = 0.85, 0.75  # inches of a panel's width and height that are ticks and texts
TITLE = 7.5  # points
DODGE = 1.6  # points between the error bars of two lines
UNTRAINED_LINE = (0, (3.5, 1.3))


@dataclass(frozen=True)
class Panel:
    """A task along an axis.

    Attributes:
        lines: the scores of networks that have a place on the axis, and of floors that vary along it.
        across: the scores of networks that have none, and of other floors, one each.
    """

    task: str
    axis: str
    lines: pd.DataFrame
    across: pd.DataFrame


def overview(
    rows: Rows,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    *,
    notes: bool = True,
    statement: str = "",
    palette: Palette = None,
    order: Sequence[str] | None = None,
) -> Figure:
    """Draw each task's scores along the embedding level and along the receptive field, a color a network.

    Levels stand at their relative depth, from the input spectrum to the last one, so that networks of other depths
    share an axis. Untrained networks are dashed, in the same color. Models that learn nothing (`FLOORS`), and networks
    that have no place on an axis, are lines across with their names. A network that varies in both is drawn along one
    axis at the setting of the other that has the most values. Published models are left out.

    Args:
        models: what is known of checkpoints, with name, levels and max_window_ms; levels give the depth of a network.
        palette, order: colors, and which networks to draw, by the names of models or checkpoints.

    Raises:
        ValueError: where no network has two levels or two receptive fields.
    """
    scored = Scored.of(rows)
    scores, _ = drawn(scored, palette, order)
    scores = with_axes(scores[~scores["published"].astype(bool)].dropna(subset="mean"), models)
    scores = scores.assign(depth=depths(scores, models), field=along(scores, "window"))
    tasks = list(scores["task"].unique())
    panels = [made for task in tasks for axis in LABELS if (made := _panel(scores[scores["task"] == task], axis))]
    if not panels:
        raise ValueError(
            f"overview needs a network of two embedding levels or two receptive fields; vary {VARIED['level']}, or "
            f"{VARIED['window']}"
        )
    shown = pd.concat([part for panel in panels for part in (panel.lines, panel.across)])
    networks = shown[~shown["checkpoint"].isin(list(FLOORS))].drop_duplicates("checkpoint").set_index("checkpoint")
    handles = _legend(networks, shown)
    columns = min(2 if len(tasks) <= FEW_TASKS else 4, len(panels))
    count = -(-len(panels) // columns)
    height = min(HEIGHTS[2 if columns <= 2 else 4], PAGE_HEIGHT / count)
    below = _notes(scored, shown, panels) if notes else []
    with sheet(PAGE, height * count, below, list(handles), title, statement) as figure:
        grid = list(figure.subplots(count, columns, squeeze=False).flat)
        for axes, panel in zip(grid, panels, strict=False):
            _draw(axes, panel, networks, (PAGE / columns - BESIDE) * POINTS)
        for axes in grid[len(panels) :]:
            axes.remove()
        _finish(grid, panels, columns, (height - AROUND) * POINTS)
        legend_above(figure, list(handles.values()), list(handles), title)
    return figure


def _panel(scores: pd.DataFrame, axis: str) -> Panel | None:
    """Make the panel of a task along an axis; None where no network varies on it."""
    placed = scores.assign(place=scores[PLACES[axis]]).dropna(subset="place")
    lines = [_longest(one, HELD[axis]) for _, one in placed.groupby(["checkpoint", "untrained"], sort=False)]
    lines = [line for line in lines if len(line) > 1 or line["checkpoint"].iloc[0] not in FLOORS]
    if not any(len(line) > 1 and line["checkpoint"].iloc[0] not in FLOORS for line in lines):
        return None
    varying = pd.concat(lines)
    others = scores[~scores["checkpoint"].isin(varying["checkpoint"])].drop_duplicates("checkpoint")
    return Panel(str(scores["task"].iloc[0]), axis, varying, others)


def _longest(scores: pd.DataFrame, held: list[str]) -> pd.DataFrame:
    """Select a network's scores at the setting of `held` that has the most places, the first of several such."""
    settings = scores.groupby(held, sort=False, dropna=False).ngroup()
    places = scores["place"].groupby(settings).nunique()
    chosen = settings[settings.map(places) == places.max()].iloc[0]
    return scores[settings == chosen].drop_duplicates("place").sort_values("place")


def _draw(axes: Axes, panel: Panel, networks: pd.DataFrame, length: float) -> None:
    """Draw the lines of a panel whose axis has a length in points."""
    lines = panel.lines
    scale = WindowScale(lines["place"]) if panel.axis == "window" else None
    draw_across(axes, lines_across(panel.across))
    groups = list(lines.groupby(["checkpoint", "untrained"], sort=False))
    for number, ((checkpoint, untrained), line) in enumerate(groups):
        color = networks["color"].get(checkpoint, line["color"].iloc[0])
        known = checkpoint in networks.index
        shift = (number - (len(groups) - 1) / 2) * DODGE / POINTS
        axes.errorbar(
            line["place"].map(scale.places) if scale else line["place"],
            line["mean"],
            yerr=line["std"].fillna(0) if line["std"].notna().any() else None,
            color=color,
            linestyle=UNTRAINED_LINE if untrained else "-",
            linewidth=1.3,
            marker=MARKERS[networks.index.get_loc(checkpoint) % len(MARKERS)] if known else ".",
            markersize=3.5,
            markerfacecolor="white" if untrained else color,
            elinewidth=0.7,
            ecolor=lighter(color, 0.4),
            zorder=2 if untrained else 3,
            transform=axes.transData + ScaledTranslation(shift, 0, axes.figure.dpi_scale_trans),
            label=f"{checkpoint} untrained" if untrained else checkpoint,
        )
    if scale:
        scale.ticks(axes, length)
    else:
        levels = {
            name: own.drop_duplicates("place").set_index("place")["level"].sort_index()
            for name, own in lines.groupby("checkpoint", sort=False)
        }
        level_ticks(axes, length, levels, dict(networks["color"]))
    axes.grid(axis="y")
    metric = " / ".join(lines["metric"].unique())
    titles = f"{task_name(panel.task)} ({metric})", f"{task_name(panel.task)}\n{metric}"
    axes.set_title(titles[letters_width(titles[0], TITLE) > length], fontsize=TITLE, loc="left")


def _finish(grid: Sequence[Axes], panels: Sequence[Panel], columns: int, height: float) -> None:
    """Give the panels of a task one scale, name the axes at the edges, and name the lines across."""
    for place, (axes, panel) in enumerate(zip(grid, panels, strict=False)):
        axes.set_ylim(*_limits([other for other in panels if other.task == panel.task]))
        axes.locator_params(axis="y", nbins=5)
        if place + columns >= len(panels):
            axes.set_xlabel(LABELS[panel.axis], fontsize=7.5)
        lines = lines_across(panel.across)
        beside = panels[place + 1] if place + 1 < len(panels) and (place + 1) % columns else None
        if beside is None or beside.task != panel.task or lines != lines_across(beside.across):
            name_across(axes, lines, height)


def _limits(panels: Sequence[Panel]) -> tuple[float, float]:
    """Span all scores of a task with their error bars."""
    scores = pd.concat([part for panel in panels for part in (panel.lines, panel.across)])
    spread = scores["std"].fillna(0)
    low, high = float((scores["mean"] - spread).min()), float((scores["mean"] + spread).max())
    margin = 0.05 * (high - low) or 0.05
    return low - margin, high + margin


def _legend(networks: pd.DataFrame, shown: pd.DataFrame) -> dict[str, Line2D]:
    """Make the legend: a color a network, and what is solid and dashed."""
    handles: dict[str, Line2D] = {}
    for number, network in enumerate(networks.itertuples()):
        kind = ARCHITECTURES.get(network.family, "")
        style: dict[str, Any] = {"color": network.color, "marker": MARKERS[number % len(MARKERS)], "markersize": 3.5}
        handles[f"{network.Index} ({kind})" if kind else str(network.Index)] = Line2D([], [], linewidth=1.3, **style)
    untrained = shown.loc[~shown["checkpoint"].isin(list(FLOORS)), "untrained"].astype(bool)
    if untrained.any():
        handles["trained"] = Line2D([], [], color="0.3", linewidth=1.3)
        handles["untrained (random weights)"] = Line2D([], [], color="0.3", linewidth=1.3, linestyle=UNTRAINED_LINE)
    return handles


def _notes(scored: Scored, shown: pd.DataFrame, panels: Sequence[Panel]) -> list[str]:
    """Say what error bars are, what is held along the axes, and what must be known of the rows."""
    held = [_held_windows(panels), _held_levels(panels)]
    known = [line for line in notes_on(scored.rows, protocol=False) if line != UNTRAINED_NOTE]  # the legend says it
    return [*spread_note(shown), *filter(None, held), *known]


def _held_windows(panels: Sequence[Panel]) -> str:
    """Say at which receptive fields levels are compared."""
    lines = [panel.lines["field"] for panel in panels if panel.axis == "level"]
    fields = sorted({float(field) for line in lines for field in line.dropna()})
    texts = [WHOLE_CLIP_TEXT if field == WHOLE_CLIP else f"{field:g} ms" for field in fields]
    return f"Levels: at a receptive field of {' or '.join(texts)}." if texts else ""


def _held_levels(panels: Sequence[Panel]) -> str:
    """Say of which levels the embeddings are whose receptive fields are compared."""
    lines = [panel.lines for panel in panels if panel.axis == "window"]
    if not lines:
        return ""
    networks = pd.concat(lines)
    networks = networks[~networks["checkpoint"].isin(list(FLOORS))].drop_duplicates(["checkpoint", "levels"])
    return f"Receptive fields: of {', '.join(networks['checkpoint'] + ' ' + networks['levels'])}."
