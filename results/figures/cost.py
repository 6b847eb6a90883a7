"""Score against cost: what a model's multiply-adds or parameters buy, with the Pareto front."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.ticker import NullFormatter
from matplotlib.transforms import Bbox

from results.figures.canvas.colors import Palette
from results.figures.canvas.floors import CHANCE, draw_across, lines_across
from results.figures.canvas.frame import drawn
from results.figures.canvas.sheet import sheet, wrapped
from results.figures.canvas.style import COLUMN, PAGE, SMALL, lighter
from results.scores.axes import FLOORS, is_timed
from results.scores.normalize import normalized
from results.scores.scores import Rows

COSTS = ("gmacs_10s", "parameters")
KINDS = {False: "scenes", True: "timestamps"}
"""The embeddings that a task takes, by whether it is one of events."""
Place = tuple[float, float, str, str]
STEPS = (10, 17, 25, 34)
PLACES = (
    (0, 5, "center", "bottom"),
    (5, 0, "left", "center"),
    (-5, 0, "right", "center"),
    (0, -5, "center", "top"),
    *((0.6 * step, sign * step, "left", "center") for step in STEPS for sign in (1, -1)),
    *((-0.6 * step, sign * step, "right", "center") for step in STEPS for sign in (1, -1)),
)
"""Places of a name near its point: points to the right and up, and the name's alignment."""
BESIDE = 12  # points from a name to its point that need no line
LABEL = 7.5  # points
DOT = 3.5  # half the width of a point, in pixels
LABELS = 14
"""Of more models than this, only those on the front are named."""


def cost_table(rows: Rows, models: pd.DataFrame | None, cost: str = "gmacs_10s") -> pd.DataFrame:
    """List the measured models that have all tasks: label, family, untrained, color, score, cost, tasks, front.

    The cost is the spec's. Multiply-adds are those of the embeddings that a task takes, of scenes or of timestamps, and
    the mean over the tasks where they are of both kinds. The score is a mean over normalized scores (score over the
    best of the 2021 challenge) where all tasks are HEAR's, else over the primary metrics as they are. The attribute
    `normalized` says which; the attribute `kinds` counts the tasks that take each kind of embedding. A model is on the
    front where no other is as cheap and as good, and better in one of the two.

    Raises:
        ValueError: without rows, or without a table of what each spec costs.
    """
    return _points(drawn(rows)[0], models, cost)


def _points(scores: pd.DataFrame, models: pd.DataFrame | None, cost: str) -> pd.DataFrame:
    """Make `cost_table` of scores with labels and colors."""
    scores = normalized(scores[~scores["published"]])
    columns = {name: cost if cost == "parameters" else f"gmacs_{name}_10s" for name in KINDS.values()}
    needed = {"spec", *columns.values()}
    if models is None or not needed <= set(models):
        raise ValueError(f"a figure of cost needs models: what each spec costs, with {', '.join(sorted(needed))}")
    of_hear = bool(scores["not_normalized"].isin(["", "no score"]).all())
    kind = is_timed(scores["metric"]).map(KINDS)
    known = models.set_index("spec")
    costs = {name: scores["spec"].map(known[column]) for name, column in columns.items()}
    scores = scores.assign(
        share=scores["normalized"] if of_hear else scores["mean"],
        cost=pd.to_numeric(costs["scenes"].where(kind == "scenes", costs["timestamps"]), errors="coerce"),
    )
    means = scores.groupby("label", sort=False).agg(
        family=("family", "first"),
        untrained=("untrained", "first"),
        color=("color", "first"),
        score=("share", lambda values: values.mean(skipna=False)),
        cost=("cost", lambda values: values.mean(skipna=False)),
        tasks=("share", "size"),
    )
    whole = means[means["tasks"] == scores["task"].nunique()].dropna(subset=["score", "cost"])
    whole = whole[whole["cost"] > 0].reset_index()
    whole["front"] = [on_front(row.cost, row.score, whole) for row in whole.itertuples()]
    whole.attrs["normalized"] = of_hear
    whole.attrs["kinds"] = scores["task"].groupby(kind).nunique().to_dict()
    return whole


def cost_label(cost: str, kinds: Mapping[str, int]) -> str:
    """Label the axis with the cost, and the embeddings that it is of.

    Args:
        kinds: the number of tasks that take each kind of embedding.
    """
    if cost == "parameters":
        return "parameters"
    if len(kinds) == 1:
        return f"multiply-adds for {next(iter(kinds))} of 10 s of audio (GMACs)"
    counts = " and ".join(f"{count} of {name}" for name, count in kinds.items())
    return f"multiply-adds for 10 s of audio (GMACs),\nmean over tasks ({counts})"


def on_front(cost: float, score: float, among: pd.DataFrame) -> bool:
    """Whether no other model (columns cost and score) is as cheap and as good, and better in one of the two."""
    no_worse = (among["cost"] <= cost) & (among["score"] >= score)
    better = (among["cost"] < cost) | (among["score"] > score)
    return not bool((no_worse & better).any())


def pareto(
    rows: Rows,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    *,
    cost: str = "gmacs_10s",
    notes: bool = True,
    statement: str = "",
    palette: Palette = None,
    order: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw the mean score over all tasks against cost; the line is the Pareto front. Untrained weights are hollow.

    Floors without a cost (`results.scores.axes.FLOORS`) that have all tasks are lines across.

    Args:
        models: what is known of specs: spec, parameters, gmacs_scenes_10s and gmacs_timestamps_10s, as
            `ablations.report.costs.known_models` has them.
        cost: gmacs_10s or parameters.
        notes, statement, palette, order, ax: see `results.figures.canvas.frame.Options`.

    Raises:
        ValueError: for another cost, without `models`, or where no model has a cost and all tasks.
    """
    if cost not in COSTS:
        raise ValueError(f"cost must be one of {', '.join(COSTS)}, got {cost!r}")
    scores, below = drawn(rows, palette, order)
    points = _points(scores[scores["checkpoint"] != CHANCE], models, cost)
    if points.empty:
        raise ValueError(f"no measured model has a known cost ({cost}) and scores of all tasks")
    across = _floors(scores, points)
    shown = {*points["label"], *across["label"]}
    left_out = [label for label in scores.loc[~scores["published"], "label"].unique() if label not in shown]
    if left_out:
        below.append(f"Not drawn, of no known cost or without all tasks: {', '.join(left_out)}.")
    width = COLUMN if len(points) <= 6 else PAGE
    with sheet(width, 2.6 if width == COLUMN else 3.2, below if notes else [], (), title, statement, ax) as figure:
        axes = ax or figure.subplots()
        for point in points.itertuples():
            face = lighter(point.color, 0.85) if point.untrained else point.color
            axes.plot(point.cost, point.score, "o", ms=5, markerfacecolor=face, markeredgecolor=point.color)
        front = points[points["front"]].sort_values("cost")
        axes.step(front["cost"], front["score"], where="post", color="0.5", linewidth=0.9, zorder=0.5)
        draw_across(axes, lines_across(across))
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(x=0.2 if width == COLUMN else 0.12, y=0.16)
        axes.grid()
        lines = cost_label(cost, points.attrs["kinds"]).split("\n")
        axes.set_xlabel("\n".join(wrapped(lines, LABEL, width - 0.6)), fontsize=LABEL)
        number = int(points["tasks"].iloc[0])
        score = "normalized score" if points.attrs["normalized"] else "score (primary metric)"
        axes.set_ylabel(f"{score},\nmean of {number} tasks" if number > 1 else score, fontsize=LABEL)
        for line in lines_across(across):
            beside: dict[str, Any] = {"textcoords": "offset points", "ha": "right", "va": "bottom", "fontsize": SMALL}
            at: dict[str, Any] = {"xycoords": axes.get_yaxis_transform(), "color": line.color}
            axes.annotate(line.name, (1, line.mean), (-1, 1), **at, **beside)
        _labels(figure, axes, points if len(points) <= LABELS else front)
    return figure


def _floors(scores: pd.DataFrame, points: pd.DataFrame) -> pd.DataFrame:
    """Average the floors that have all tasks and are no points, one line a checkpoint."""
    scores = normalized(scores[scores["checkpoint"].isin(list(FLOORS)) & ~scores["label"].isin(points["label"])])
    value = scores["normalized"] if points.attrs["normalized"] else scores["mean"]
    means = (
        scores.assign(mean=value)
        .groupby("label", sort=False)
        .agg(
            mean=("mean", lambda values: values.mean(skipna=False)),
            tasks=("mean", "size"),
            color=("color", "first"),
            checkpoint=("checkpoint", "first"),
        )
    )
    whole = means[means["tasks"] == points["tasks"].iloc[0]].reset_index()
    return whole.drop_duplicates("checkpoint").dropna(subset="mean")


def _labels(figure: Figure, axes: Axes, points: pd.DataFrame) -> None:
    """Write labels near the points, each at the first of several places where it touches no other and no point.

    A label that is not beside its point is joined to it by a line.
    """
    figure.draw_without_rendering()
    centers = axes.transData.transform(points[["cost", "score"]].to_numpy())
    taken = [Bbox.from_bounds(x - DOT, y - DOT, 2 * DOT, 2 * DOT) for x, y in centers]
    taken += [text.get_window_extent() for text in axes.texts]
    frame = axes.get_window_extent()
    for point in points.sort_values("cost", kind="stable").itertuples():
        boxes = {place: _box(axes, point, place) for place in PLACES}
        touched = {
            place: sum(box.overlaps(other) for other in taken) + len(taken) * (not _inside(box, frame))
            for place, box in boxes.items()
        }
        place = min(PLACES, key=lambda place: touched[place])
        _write(axes, point, place, line=abs(place[0]) + abs(place[1]) > BESIDE)
        taken.append(boxes[place])


def _box(axes: Axes, point: Any, place: Place) -> Bbox:
    """Measure a label at a place."""
    label = _write(axes, point, place)
    box = label.get_window_extent()
    label.remove()
    return box


def _inside(box: Bbox, frame: Bbox) -> bool:
    return bool(frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1)


def _write(axes: Axes, point: Any, place: Place, line: bool = False) -> Annotation:
    x, y, horizontal, vertical = place
    return axes.annotate(
        point.label,
        (point.cost, point.score),
        (x, y),
        textcoords="offset points",
        ha=horizontal,
        va=vertical,
        fontsize=SMALL,
        path_effects=[withStroke(linewidth=1.6, foreground="white")],
        arrowprops={"arrowstyle": "-", "linewidth": 0.4, "color": "0.5", "shrinkA": 0, "shrinkB": 2} if line else None,
    )
