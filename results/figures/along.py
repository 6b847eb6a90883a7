"""Scores along an axis: embedding level, receptive field, time resolution or look-ahead, a panel a task."""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from results.figures.canvas.colors import Palette
from results.figures.canvas.floors import Across, draw_across, lines_across
from results.figures.canvas.frame import drawn, one_panel, spread_note, task_name
from results.figures.canvas.sheet import POINTS, legend_above, set_titles, sheet
from results.figures.canvas.style import COLUMN, MARKERS, PAGE, PAGE_HEIGHT, UNTRAINED_LINE
from results.figures.canvas.ticks import WHOLE_CLIP_TEXT, NumberScale, TimeScale, level_ticks, levels_of
from results.scores import axes as study_axes
from results.scores.axes import AXES, FLOORS, VARIED, WHOLE_CLIP, depths, series, with_axes
from results.scores.labels import UNTRAINED_MARK, labels
from results.scores.scores import Rows

FEW_TASKS = 9
"""Three panels side by side up to so many tasks, four of more."""
LINES, LETTERS = 6, 500  # lines of a panel and letters of a statement in a column's width, at most
HEIGHT = 1.9  # inches of a row of panels
BESIDE = 0.5  # inches of a panel's width that are ticks
BESIDE_PLACE = {"lookahead": ["ahead"]}
"""What else tells two scores at one place of a line apart."""
RING: dict[str, Any] = {
    "marker": "o",
    "markersize": 7.5,
    "markerfacecolor": "none",
    "linestyle": "none",
    "markeredgewidth": 0.9,
}
WEIGHTS = {True: "untrained", False: "trained"}
FEW_NAMES = 4
"""More models than this that are not drawn are counted."""


def along(
    rows: Rows,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    *,
    axis: str = "window",
    notes: bool = True,
    statement: str = "",
    palette: Palette = None,
    order: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the primary metric along an axis, a line for each setting of the others; a note says what bands are.

    Levels stand at their relative depth, so that networks of other depths share the axis. Floors
    (`results.scores.axes.FLOORS`), and models of several values at once (two windows), are lines across. Lines of
    untrained weights are dashed. Published models have no place on an axis and are left out; so are settings of one
    value beside lines, and tasks on which there is one value, which a note names. Along the look-ahead, windows that
    are centered on their timestamps have a ring, at half their length; they are a part of the line unless a window with
    that look-ahead is.

    Args:
        axis: level, window, hop or lookahead.
        models: what is known of checkpoints, see `results.scores.axes.with_axes` and `depths`; hops that a checkpoint's
            name leaves out need it.
        notes, statement, palette, order, ax: see `results.figures.canvas.frame.Options`; `ax` is for one task.

    Raises:
        ValueError: for another axis, or where nothing or one value only has a place on it.
    """
    if axis not in AXES:
        raise ValueError(f"axis must be one of {', '.join(AXES)}, got {axis!r}")
    scores, below = drawn(rows, palette, order)
    scores = with_axes(scores[~scores["published"].astype(bool)].reset_index(drop=True), models)
    scores = scores.assign(place=depths(scores, models) if axis == "level" else study_axes.along(scores, axis))
    _check(scores, axis)
    scores, one_value = _varied_tasks(scores)
    several = scores.groupby("checkpoint")["place"].transform("nunique") > 1
    floors = scores["checkpoint"].isin(list(FLOORS)) & ~several
    lines, lone = _lines(_with_series(scores[~floors & scores["place"].notna()], axis))
    lines = _with_series(lines, axis)  # by what differs among these
    lines = lines.drop_duplicates(
        ["series", "task", "place", "level", *BESIDE_PLACE.get(axis, ())]
    )  # models that differ in what their task does not use
    across = scores[floors | scores["place"].isna()]
    tasks, names = list(lines["task"].unique()), _styles(lines)
    one_panel(ax, tasks)
    columns = min(3 if len(tasks) <= FEW_TASKS else 4, len(tasks))
    count = -(-len(tasks) // columns)
    narrow = columns == 1 and len(names) <= LINES and len(statement) <= LETTERS
    width = COLUMN if narrow else PAGE
    height = max(1.3, min(2.3 if count == 1 else HEIGHT, PAGE_HEIGHT / count))
    entries = _entries(names, across)
    text = _notes(lines, across, lone, one_value, axis, below) if notes else []
    with sheet(width, height * count, text, list(entries), title, statement, ax) as figure:
        grid = [ax] if ax is not None else list(figure.subplots(count, columns, squeeze=False).flat)
        length = (width / columns - BESIDE) * POINTS
        for place, (axes, task) in enumerate(zip(grid, tasks, strict=False)):
            draw_across(axes, _across(across[across["task"] == task]))
            label = _panel(axes, lines[lines["task"] == task], axis, names, length)
            if place + columns >= len(tasks):
                axes.set_xlabel(label)
        for axes in grid[len(tasks) :]:
            axes.remove()
        if entries:
            legend_above(figure, list(entries.values()), list(entries), title, ax)
    return figure


def _check(scores: pd.DataFrame, axis: str) -> None:
    """Raise ValueError where an axis has no value or one."""
    places = scores.loc[~scores["checkpoint"].isin(list(FLOORS)), ["place", "task", "level"]].dropna(subset="place")
    if places.empty:
        raise ValueError(f"no measured model has a place on the axis {axis!r} ({AXES[axis]})")
    if places.groupby("task")["place"].nunique().max() > 1:
        return
    values = places["level"] if axis == "level" else places["place"].map(_value)
    raise ValueError(
        f"along_{axis}: every model has one {AXES[axis].split(' in ')[0]} on a task, {' or '.join(values.unique())}; "
        f"vary {VARIED[axis]}, or draw bars"
    )


def _value(place: float) -> str:
    return WHOLE_CLIP_TEXT if place == WHOLE_CLIP else f"{place:g} ms"


def _varied_tasks(scores: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out tasks on which there is one value, and list them."""
    values = scores[~scores["checkpoint"].isin(list(FLOORS))].groupby("task", sort=False)["place"].nunique()
    left_out = list(values.index[values < 2])
    return scores[~scores["task"].isin(left_out)].reset_index(drop=True), left_out


def _with_series(scores: pd.DataFrame, axis: str) -> pd.DataFrame:
    """Add the label of the line that each score is on."""
    named = scores.assign(model=series(scores, axis))
    if len(set(named["untrained"])) > 1:
        named["model"] = named["model"].where(named["model"] != "", named["untrained"].map(WEIGHTS))
    return scores.assign(series=labels(named))


def _lines(scores: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Leave out the series of one value on a task, where there are lines, and list the models that are on none."""
    values = scores.groupby(["series", "task"], sort=False)["place"].transform("nunique")
    kept = scores[(values > 1) | (values.max() < 2)].reset_index(drop=True)
    return kept, [label for label in scores["label"].unique() if label not in set(kept["label"])]


def _styles(lines: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Choose the look of each series: the color of its network, or of one of its models where there are several.

    A series of untrained weights has the color and the marker of its trained twin.
    """
    styles: dict[str, dict[str, Any]] = {}
    lines = lines.assign(twin=lines["series"].str.removesuffix(UNTRAINED_MARK).replace(WEIGHTS[True], WEIGHTS[False]))
    several = lines.groupby("checkpoint")["twin"].transform("nunique") > 1
    lines = lines.assign(color=lines["color"].where(several, lines["hue"]))
    twins: dict[str, tuple[Any, str]] = {}
    for line in lines.drop_duplicates("series").sort_values("untrained", kind="stable").itertuples():
        if line.twin not in twins:
            used, own = [color for color, _ in twins.values()], lines.loc[lines["twin"] == line.twin, "color"]
            color = next((color for color in own if color not in used), line.color)
            twins[line.twin] = color, MARKERS[len(twins) % len(MARKERS)]
        color, marker = twins[line.twin]
        styles[line.series] = {
            **{"color": color, "marker": marker, "markersize": 3.5, "linewidth": 1.2},
            "linestyle": UNTRAINED_LINE if line.untrained else "-",
            "markerfacecolor": "white" if line.untrained else color,
        }
    return {name: styles[name] for name in lines["series"].unique()}


def _across(scores: pd.DataFrame) -> list[Across]:
    return lines_across(scores.drop_duplicates("label"))


def _entries(names: dict[str, dict[str, Any]], across: pd.DataFrame) -> dict[str, Line2D]:
    """Make the legend; none for one line that needs no name."""
    entries = {name: Line2D([], [], **style) for name, style in names.items()}
    for line in _across(across):
        name = f"{line.name} (across)" if line.name in names else line.name
        entries[name] = Line2D([], [], color=line.color, linestyle=line.style, linewidth=1)
    return entries if list(entries) != [""] else {}


def _panel(axes: Axes, scores: pd.DataFrame, axis: str, names: dict[str, dict[str, Any]], length: float) -> str:
    """Draw one task on an axis of a length in points; return the label of the axis."""
    scale = None if axis == "level" else (TimeScale if axis == "lookahead" else NumberScale)(scores["place"])
    for name, style in names.items():
        line = scores[scores["series"] == name].sort_values("place")
        if axis == "lookahead":
            line = _ringed(axes, line, style)
        x = line["place"].map(scale.places) if scale else line["place"]
        axes.plot(x, line["mean"], label=name, **style)
        if line["std"].notna().any():
            low, high = line["mean"] - line["std"].fillna(0), line["mean"] + line["std"].fillna(0)
            axes.fill_between(x, low, high, color=style["color"], alpha=0.16, linewidth=0)
    titles = task_name(scores["task"].iloc[0]), " / ".join(scores["metric"].unique())
    set_titles(axes, titles, length + 12)
    axes.grid(axis="y")
    axes.locator_params(axis="y", nbins=5)
    if scale:
        scale.ticks(axes, length)
        return AXES[axis]
    colors = {line.checkpoint: line.hue for line in scores.drop_duplicates("checkpoint").itertuples()}
    return level_ticks(axes, length, levels_of(scores), colors)


def _ringed(axes: Axes, line: pd.DataFrame, style: dict[str, Any]) -> pd.DataFrame:
    """Draw rings for centered windows, and return what is on the line: one score at each place."""
    centered = line[line["ahead"] == ""]
    if len(centered):
        axes.plot(centered["place"], centered["mean"], color=style["color"], **RING)
    return line[(line["ahead"] != "") | ~line["place"].isin(line.loc[line["ahead"] != "", "place"])]


def _notes(
    lines: pd.DataFrame, across: pd.DataFrame, lone: list[str], tasks: list[str], axis: str, below: list[str]
) -> list[str]:
    """Say what bands are, and what is not drawn."""
    axis_name, notes = AXES[axis].split(" in ")[0], spread_note(lines, "Bands")
    if lone:
        names = ", ".join(lone[:FEW_NAMES]) + (f" and {len(lone) - FEW_NAMES} more" if len(lone) > FEW_NAMES else "")
        notes.append(f"Not drawn, with one {axis_name}: {names}.")
    if axis == "lookahead" and (lines["ahead"] == "").any():
        notes.append("Rings: windows centered on their timestamps, which reach half their length beyond these.")
    if tasks:
        notes.append(f"Not drawn: {', '.join(map(task_name, tasks))}, where all models have one {axis_name}.")
    if axis != "level" and lines.groupby("checkpoint")["levels"].nunique().max() == 1 < lines["checkpoint"].nunique():
        levels = lines.drop_duplicates("checkpoint")
        texts = levels["levels"] if len(set(levels["levels"])) == 1 else levels["checkpoint"] + " " + levels["levels"]
        notes.append(f"Levels: {', '.join(dict.fromkeys(texts))}.")
    return [*notes, *below]


ALONG: dict[str, Callable[..., Figure]] = {f"along_{axis}": functools.partial(along, axis=axis) for axis in AXES}
"""`along` for each axis, by the name that a study's key `figure` knows it by."""
