"""Figures of the geometry of embeddings: CKA of all pairs, effective rank by level, scores of smaller forms by bytes.

They draw the tables of `ablations.geometry`, where a row names its task, model and spec.
"""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullFormatter

from results.figures.canvas.colors import colored
from results.figures.canvas.floors import draw_across, lines_across
from results.figures.canvas.frame import task_name
from results.figures.canvas.sheet import POINTS, legend_above, letters_width, set_titles, sheet
from results.figures.canvas.style import COLUMN, MARKERS, PAGE, PAGE_HEIGHT, SMALL, UNTRAINED_LINE
from results.figures.canvas.ticks import level_ticks, levels_of
from results.scores.axes import FLOORS, checkpoint_of, depths, series, with_axes
from results.scores.kinds import is_untrained
from results.scores.labels import UNTRAINED_NOTE, labels

CELL, THINNEST = 0.27, 0.1  # inches
BAR = 0.8  # inches of the scale of colors
WRITTEN = 16  # embeddings of a map with values in its cells, at most
NAME = 7.0  # points
LEVEL_P = 0.05
FEW = 8
"""Models with a color of their own, at most; of more, those of a checkpoint share one."""
CODES = {"int8": "s", "binary": "^"}
"""Markers of forms that are no truncation."""


def similarity_map(
    similarity: pd.DataFrame, embeddings: pd.DataFrame, title: str | None = None, *, notes: bool = True
) -> Figure:
    """Draw debiased linear CKA of all pairs of a task's embeddings; white lines stand between networks.

    Args:
        similarity: of one task: model_a, model_b, cka, null, p, clips, units, reason.
        embeddings: of that task, in the order in which they are drawn: model, spec, weights, reason.

    Raises:
        ValueError: fewer than two embeddings have a CKA.
    """
    drawn = _looks(embeddings[embeddings["reason"] == ""])
    if len(drawn) < 2:
        raise ValueError("a map of similarity needs two embeddings that have a kernel")
    names = list(drawn["model"])
    sound = similarity[similarity["reason"] == ""]
    half = sound.pivot_table("cka", "model_a", "model_b").reindex(index=names, columns=names)
    values = half.combine_first(half.T).to_numpy(copy=True)
    np.fill_diagonal(values, 1)
    margin = max(letters_width(name, NAME) for name in drawn["label"]) / POINTS + 0.15
    cell = max(THINNEST, min(CELL, (PAGE - margin - BAR) / len(names)))
    size = min(NAME, 0.85 * POINTS * cell)
    short = _short(drawn)
    below = [*_about_null(sound), *_left_out(embeddings), *_untrained(drawn)] if notes else []
    width = max(COLUMN, margin + BAR + cell * len(names))
    height = cell * len(names) + max(letters_width(name, NAME) for name in short) / POINTS + 0.25
    with sheet(width, min(height, PAGE_HEIGHT), below, title=title) as figure:
        axes = figure.subplots()
        image = axes.imshow(values, vmin=min(0.0, float(np.nanmin(values))), vmax=1, cmap="cividis", aspect="equal")
        axes.set_xticks(range(len(names)), short, rotation=90, fontsize=size)
        axes.set_yticks(range(len(names)), drawn["label"], fontsize=size)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        for place in np.flatnonzero(drawn["network"].ne(drawn["network"].shift()).to_numpy())[1:]:
            axes.axhline(place - 0.5, color="white", linewidth=1.5)
            axes.axvline(place - 0.5, color="white", linewidth=1.5)
        if len(names) <= WRITTEN:
            for (row, column), value in np.ndenumerate(values):
                if row == column:
                    continue
                color = "white" if value < 0.55 else "black"
                text = f"{value:.2f}".replace("0.", ".", 1)
                axes.text(column, row, text, ha="center", va="center", fontsize=min(SMALL, size), color=color)
        scale = figure.colorbar(image, ax=axes, pad=0.02, aspect=30)
        scale.set_label("debiased linear CKA", fontsize=SMALL)
        scale.ax.tick_params(labelsize=SMALL)
    return figure


def rank_by_level(embeddings: pd.DataFrame, title: str | None = None, *, notes: bool = True) -> Figure:
    """Draw effective rank by embedding level, a line a model, a panel a task; models without levels are lines across.

    Args:
        embeddings: task, model, spec, weights, effective_rank, rows, reason.

    Raises:
        ValueError: no model has two levels.
    """
    drawn = with_axes(_looks(embeddings[embeddings["reason"] == ""]))
    # series names lines by what differs in embeddings of timestamps, where a metric is one of timestamps
    drawn = drawn.assign(metric=np.where(drawn["draws"] > 1, "event_", ""), place=depths(drawn))
    drawn = drawn.assign(mean=drawn["effective_rank"], family=drawn["checkpoint"], line=series(drawn, "level"))
    of_line = drawn.groupby(["task", "line"], sort=False)["place"].transform("nunique")
    lines, across = drawn[of_line > 1], drawn[drawn["checkpoint"].isin(list(FLOORS))]
    if lines.empty:
        raise ValueError("no model has two levels to draw the effective rank along")
    names = series(lines, "level")  # by what differs among these
    lines = lines.assign(line=labels(lines.assign(model=names.where(names != "", lines["checkpoint"]))))
    tasks = list(lines["task"].unique())
    columns = min(3, len(tasks))
    rows = -(-len(tasks) // columns)
    styles = _styles(lines)
    entries = {name: Line2D([], [], **style) for name, style in styles.items()}
    for floor in lines_across(across.drop_duplicates("label")):
        entries[floor.name] = Line2D([], [], color=floor.color, linestyle=floor.style, linewidth=1)
    below = [_about_rank(lines), *_untrained(lines)] if notes else []
    width = COLUMN if columns == 1 else PAGE
    with sheet(width, 2.1 * rows, below, list(entries), title) as figure:
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)
        length = (width / columns - 0.5) * POINTS
        for number, (axes, task) in enumerate(zip(panels, tasks, strict=False)):
            own = lines[lines["task"] == task]
            draw_across(axes, lines_across(across[across["task"] == task].drop_duplicates("label")))
            for name, style in styles.items():
                line = own[own["line"] == name].sort_values("place")
                axes.plot(line["place"], line["mean"], **style)
            colors = dict(zip(own["checkpoint"], own["color"], strict=True))
            label = level_ticks(axes, length, levels_of(own), colors)
            axes.set_xlabel(label)
            if number % columns == 0:
                axes.set_ylabel("effective rank")
            axes.set_ylim(bottom=0)
            axes.grid(axis="y")
            set_titles(axes, [task_name(task)], length)
        for axes in panels[len(tasks) :]:
            axes.remove()
        legend_above(figure, list(entries.values()), list(entries), title)
    return figure


def score_by_bytes(compression: pd.DataFrame, title: str | None = None, *, notes: bool = True) -> Figure:
    """Draw the score of probes of smaller forms against bytes an item, a line a model, a panel a task.

    Truncations are joined up to the whole embedding, the largest circle; int8 and binary are marks beside. Those of
    untrained weights are hollow.

    Args:
        compression: task, metric, model, spec, weights, form, bytes, score.
    """
    drawn = _looks(compression)
    tasks = list(drawn["task"].unique())
    columns = min(2, len(tasks))
    rows = -(-len(tasks) // columns)
    if many := drawn["label"].nunique() > FEW:
        of_checkpoint = drawn.groupby("checkpoint", sort=False)["color"].transform("first")
        drawn = drawn.assign(name=labels(drawn.assign(model=drawn["checkpoint"])), color=of_checkpoint)
    entries = {
        line.name: Line2D([], [], color=line.color, marker="o", markersize=4, markerfacecolor=_face(line))
        for line in drawn.drop_duplicates("name").itertuples()
    }
    marks = {"float32, and its principal components": "o", **CODES}
    plain: dict[str, Any] = {"color": "0.3", "linestyle": "", "markersize": 4}
    entries |= {name: Line2D([], [], marker=marker, **plain) for name, marker in marks.items()}
    below = _untrained(drawn) if notes else []
    with sheet(PAGE if columns > 1 else COLUMN, 2.4 * rows, below, list(entries), title) as figure:
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)
        for number, (axes, task) in enumerate(zip(panels, tasks, strict=False)):
            own = drawn[drawn["task"] == task]
            for _, of_model in own.groupby("label", sort=False):
                _points(axes, of_model, thin=many)
            axes.set_xscale("log", base=2)
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_formatter(NullFormatter())
            axes.grid()
            axes.set_xlabel("bytes an item")
            if number % columns == 0:
                axes.set_ylabel("score of the probes")
            set_titles(axes, [task_name(task), own["metric"].iloc[0]], PAGE / columns * POINTS - 40)
        for axes in panels[len(tasks) :]:
            axes.remove()
        legend_above(figure, list(entries.values()), list(entries), title)
    return figure


def _points(axes: Axes, forms: pd.DataFrame, thin: bool) -> None:
    """Draw the forms of a model; thin where there are many."""
    first = next(forms.itertuples())
    look: dict[str, Any] = {"color": first.color, "markerfacecolor": _face(first), "alpha": 0.7 if thin else 1}
    size = 3.5 if thin else 5
    truncated = forms[~forms["form"].isin(list(CODES))].sort_values("bytes")
    axes.plot(truncated["bytes"], truncated["score"], "o-", markersize=2.5, linewidth=0.7 if thin else 1.1, **look)
    whole = forms[forms["form"] == "float32"]
    axes.plot(whole["bytes"], whole["score"], "o", markersize=size, **look)
    for form, marker in CODES.items():
        coded = forms[forms["form"] == form]
        axes.plot(coded["bytes"], coded["score"], marker, markersize=size, linestyle="", **look)


def _face(line: Any) -> Any:
    """What fills the markers of a model: nothing where its weights are untrained."""
    return "white" if line.untrained else line.color


def _looks(table: pd.DataFrame) -> pd.DataFrame:
    """Add labels, colors, flags, and the network that a model is a level of."""
    table = table.assign(published=False, untrained=is_untrained(table["weights"])).reset_index(drop=True)
    checkpoint = checkpoint_of(table["spec"])
    return table.assign(
        label=labels(table),
        name=labels(table),
        color=colored(table),
        checkpoint=checkpoint,
        network=checkpoint + " " + table["weights"],
    )


def _short(embeddings: pd.DataFrame) -> list[str]:
    """Name embeddings by their levels, and windows where they differ; by their labels where these are not enough."""
    axes = with_axes(embeddings)
    texts: list[str] = []
    for _, own in axes.groupby(axes["network"].ne(axes["network"].shift()).cumsum(), sort=False):
        named = own["levels"]
        if not named.is_unique:
            named = named + " " + own["windows"].str.removeprefix("w") + " ms"
        texts += list(named if len(own) > 1 and named.is_unique else own["label"])
    return texts


def _styles(lines: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Choose the look of each line: untrained ones are dashed, in the color of their network."""
    first = lines.drop_duplicates("line")
    twins = first["line"].str.rstrip("†")
    markers = {twin: MARKERS[number % len(MARKERS)] for number, twin in enumerate(dict.fromkeys(twins))}
    return {
        line.line: {
            **{"color": line.color, "marker": markers[twin], "markersize": 3.5, "linewidth": 1.2},
            "linestyle": UNTRAINED_LINE if line.untrained else "-",
            "markerfacecolor": _face(line),
        }
        for line, twin in zip(first.itertuples(), twins, strict=True)
    }


def _about_null(similarity: pd.DataFrame) -> list[str]:
    """Say what unrelated embeddings come to."""
    first = similarity.iloc[0]
    units = "" if first.units == first.clips else f" in {first.units} groups"
    line = f"Of {first.clips} clips{units}."
    if similarity["p"].isna().all():
        return [line]
    low, high = (f"{round(value, 2) + 0:.2f}" for value in (similarity["null"].min(), similarity["null"].max()))
    alike, pairs = int((similarity["p"] <= LEVEL_P).sum()), len(similarity)
    return [
        f"{line} With the clips of one model shuffled {first.permutations} times, the mean is {low} to {high}; "
        f"{'all' if alike == pairs else f'{alike} of'} {pairs} pairs are more alike than that (p at most {LEVEL_P}, "
        "each by itself)."
    ]


def _about_rank(embeddings: pd.DataFrame) -> str:
    """Say what bounds the rank."""
    rows = embeddings.drop_duplicates("task")
    return "Of " + ", ".join(f"{row.rows} rows on {task_name(row.task)}" for row in rows.itertuples()) + "."


def _left_out(embeddings: pd.DataFrame) -> list[str]:
    absent = embeddings[embeddings["reason"] != ""]
    return [f"Not drawn: {row.model} ({row.reason})." for row in absent.itertuples()]


def _untrained(table: pd.DataFrame) -> list[str]:
    return [UNTRAINED_NOTE] if table["untrained"].any() else []
