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
from results.figures.canvas.sheet import POINTS, legend_above, letters_width, set_titles, sheet
from results.figures.canvas.style import MARKERS, PAGE, PAGE_HEIGHT, UNTRAINED_LINE, lighter
from results.figures.canvas.ticks import NumberScale, level_ticks, levels_of
from results.scores import axes as study_axes
from results.scores.axes import FLOORS, VARIED, WHOLE_CLIP, along, depths, is_timed, with_axes
from results.scores.labels import UNTRAINED_NOTE
from results.scores.notes import notes as notes_on
from results.scores.scores import Rows, Scored

PLACES = {"level": "depth", "window": "field"}
"""The axes of panels, from left to right, and the column that has the place on each."""
HELD = {
    "level": ["pool", "field", "timestamps", "ahead", "weights"],
    "window": ["levels", "timestamps", "ahead", "weights"],
}
"""What stays the same along a line of each axis."""
FEW_TASKS = 3
"""Panels of more tasks than this stand four side by side, not two."""
TWO_PANELS = 5.0  # inches: wide enough for two, and readable on a phone
HEIGHTS = {2: 1.7, 4: 1.45}  # inches of a row of panels, by their number
BESIDE = (0.85, 0.5)  # inches of a panel's width that are ticks and names of lines, of few panels and of many
AROUND = 0.75  # inches of a panel's height that are texts
TITLE = 7.5  # points
DODGE = 1.6  # points between the error bars of two lines


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
    made = [[_panel(scores[scores["task"] == task], axis) for axis in PLACES] for task in tasks]
    both = any(all(pair) for pair in made)
    cells = [panel for pair in made if any(pair) for panel in pair if both or panel]  # an empty one keeps its place
    panels = [panel for panel in cells if panel]
    if not panels:
        raise ValueError(
            f"overview needs a network of two embedding levels or two receptive fields; vary {VARIED['level']}, or "
            f"{VARIED['window']}"
        )
    shown = pd.concat([part for panel in panels for part in (panel.lines, panel.across)])
    networks = shown[~shown["checkpoint"].isin(list(FLOORS))].drop_duplicates("checkpoint").set_index("checkpoint")
    columns = _columns(len(cells), both)
    handles = _legend(networks, panels, named=columns > 2)
    count = -(-len(cells) // columns)
    height = min(HEIGHTS[2 if columns <= 2 else 4], PAGE_HEIGHT / count)
    below = _notes(scored, shown, panels) if notes else []
    width = PAGE if columns > 2 else TWO_PANELS
    free = cells.index(None) if None in cells and columns == 2 else None  # which has room for the legend
    with sheet(width, height * count, below, [] if free is not None else list(handles), title, statement) as figure:
        grid = list(figure.subplots(count, columns, squeeze=False).flat)
        labels = {}
        for axes, panel in zip(grid, cells, strict=False):
            if panel:
                labels[panel.axis] = _draw(axes, panel, networks, (width / columns - BESIDE[columns > 2]) * POINTS)
                axes.set_ylim(*_limits([other for other in panels if other.task == panel.task]))
        if free is None:
            legend_above(figure, list(handles.values()), list(handles), title)
        else:
            grid[free].legend(list(handles.values()), list(handles), loc="center")
        _finish(grid, cells, columns, (height - AROUND) * POINTS, labels)
    return figure


def _columns(cells: int, both: bool) -> int:
    """Choose how many panels stand side by side; both axes of a task do."""
    if both:
        return 2 if cells <= 2 * FEW_TASKS else 4
    return min(cells, 2 if cells <= 4 else 3 if cells <= 9 else 4)


def _panel(scores: pd.DataFrame, axis: str) -> Panel | None:
    """Make the panel of a task along an axis; None where no network varies on it."""
    placed = scores.assign(place=scores[PLACES[axis]]).dropna(subset="place")
    lines = []
    for _, network in placed.groupby("checkpoint", sort=False):
        trained = _longest(network[~network["untrained"]], HELD[axis])
        lines += [trained, _longest(network[network["untrained"]], HELD[axis], like=trained)]
    lines = [line for line in lines if len(line)]
    varying = {line["checkpoint"].iloc[0] for line in lines if len(line) > 1}
    if not varying - set(FLOORS):
        return None
    drawn_lines = pd.concat([line for line in lines if line["checkpoint"].iloc[0] in varying])
    others = scores[~scores["checkpoint"].isin(varying)].drop_duplicates("checkpoint")
    return Panel(str(scores["task"].iloc[0]), axis, drawn_lines, others)


def _longest(scores: pd.DataFrame, held: list[str], like: pd.DataFrame | None = None) -> pd.DataFrame:
    """Select a network's scores at the setting of `held` that has the most places, the first of several such.

    Args:
        like: scores whose setting is taken where there are such, whatever its weights.
    """
    if like is not None and len(like):
        names = [name for name in held if name != "weights"]
        alike = scores[(scores[names].astype(str) == like[names].astype(str).iloc[0]).all(axis=1)]
        scores = alike if len(alike) else scores
    if scores.empty:
        return scores
    settings = scores.groupby(held, sort=False, dropna=False).ngroup()
    places = scores["place"].groupby(settings).nunique()
    chosen = settings[settings.map(places) == places.max()].iloc[0]
    return scores[settings == chosen].drop_duplicates("place").sort_values("place")


def _draw(axes: Axes, panel: Panel, networks: pd.DataFrame, length: float) -> str:
    """Draw the lines of a panel whose axis has a length in points; return the label of the axis."""
    lines = panel.lines
    scale = NumberScale(lines["place"]) if panel.axis == "window" else None
    draw_across(axes, lines_across(panel.across, True))
    groups = list(lines.groupby(["checkpoint", "untrained"], sort=False))
    for number, ((checkpoint, untrained), line) in enumerate(groups):
        color = networks["hue"].get(checkpoint, line["color"].iloc[0])
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
    axes.grid(axis="y")
    task, metric = task_name(panel.task), " / ".join(lines["metric"].unique())
    if letters_width(both := f"{task} ({metric})", TITLE) <= length + 12:
        axes.set_title(both, fontsize=TITLE, loc="left")
    else:
        set_titles(axes, (task, metric), length + 12, "left")
    if scale is None:
        return level_ticks(axes, length, levels_of(lines), dict(networks["hue"]))
    scale.ticks(axes, length)
    return study_axes.AXES["window"]


def _finish(
    grid: Sequence[Axes], cells: Sequence[Panel | None], columns: int, height: float, labels: dict[str, str]
) -> None:
    """Name the axes at the lower edge and the lines across at the right one, and remove empty panels."""
    for place, axes in enumerate(grid):
        panel = cells[place] if place < len(cells) else None
        if panel is None and axes.get_legend():
            axes.axis("off")
        elif panel is None:
            axes.remove()
        if panel is None:
            continue
        axes.locator_params(axis="y", nbins=5)
        if place + columns >= len(cells) or cells[place + columns] is None:
            axes.set_xlabel(labels[panel.axis], fontsize=TITLE)
        lines = lines_across(panel.across, True)
        beside = cells[place + 1] if place + 1 < len(cells) and (place + 1) % columns else None
        if columns <= 2 and (beside is None or beside.task != panel.task or lines != lines_across(beside.across, True)):
            name_across(axes, lines, height)


def _limits(panels: Sequence[Panel]) -> tuple[float, float]:
    """Span all scores of a task with their error bars."""
    scores = pd.concat([part for panel in panels for part in (panel.lines, panel.across)])
    spread = scores["std"].fillna(0)
    low, high = float((scores["mean"] - spread).min()), float((scores["mean"] + spread).max())
    margin = 0.05 * (high - low) or 0.05
    return low - margin, high + margin


def _legend(networks: pd.DataFrame, panels: Sequence[Panel], named: bool) -> dict[str, Line2D]:
    """Make the legend: a color a network, what is solid and dashed, and lines across where they are to be named."""
    handles: dict[str, Line2D] = {}
    lines = pd.concat([panel.lines for panel in panels])
    for number, network in enumerate(networks.itertuples()):
        if network.Index not in set(lines["checkpoint"]):
            continue  # a line across, which has its name
        kind = ARCHITECTURES.get(network.family, "")
        style: dict[str, Any] = {"color": network.hue, "marker": MARKERS[number % len(MARKERS)], "markersize": 3.5}
        handles[f"{network.Index} ({kind})" if kind else str(network.Index)] = Line2D([], [], linewidth=1.3, **style)
    untrained = lines.loc[~lines["checkpoint"].isin(list(FLOORS)), "untrained"].astype(bool)
    if untrained.any():
        handles["trained"] = Line2D([], [], color="0.3", linewidth=1.3)
        handles["untrained (random weights)"] = Line2D([], [], color="0.3", linewidth=1.3, linestyle=UNTRAINED_LINE)
    for line in [line for panel in panels for line in lines_across(panel.across, True)] if named else []:
        handles[line.name] = Line2D([], [], color=line.color, linestyle=line.style, linewidth=1)
    return handles


def _notes(scored: Scored, shown: pd.DataFrame, panels: Sequence[Panel]) -> list[str]:
    """Say what error bars are, what is held along the axes, and what must be known of the rows."""
    held = [_held_windows(panels), _held_levels(panels)]
    known = [line for line in notes_on(scored.rows, protocol=False) if line != UNTRAINED_NOTE]  # the legend says it
    return [*spread_note(shown), *filter(None, held), *known]


def _held_windows(panels: Sequence[Panel]) -> str:
    """Say at which receptive fields levels are compared."""
    lines = [panel.lines for panel in panels if panel.axis == "level"]
    if not lines:
        return ""
    fields = pd.concat(lines).dropna(subset="field").assign(timed=lambda table: is_timed(table["metric"]))
    texts = []
    for timed, name in ((False, "on scene tasks"), (True, "on event tasks")):
        places = sorted(fields.loc[fields["timed"] == timed, "field"].unique())
        values = ["of whole clips" if place == WHOLE_CLIP else f"of {place:g} ms" for place in places]
        texts += [f"{' and '.join(values)} {name}"] * bool(values)
    return f"Levels: {', '.join(texts)}." if texts else ""


def _held_levels(panels: Sequence[Panel]) -> str:
    """Say of which levels the embeddings are whose receptive fields are compared."""
    lines = [panel.lines for panel in panels if panel.axis == "window"]
    if not lines:
        return ""
    networks = pd.concat(lines)
    networks = networks[~networks["checkpoint"].isin(list(FLOORS))].drop_duplicates(["checkpoint", "levels"])
    return f"Receptive fields: of {', '.join(networks['checkpoint'] + ' ' + networks['levels'])}."
