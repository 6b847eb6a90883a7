"""Score against cost: what a model's multiply-adds or parameters buy, with the Pareto front."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from results.figures.canvas.frame import drawn
from results.figures.canvas.sheet import sheet
from results.figures.canvas.style import COLUMN, PAGE, SMALL, lighter, palette
from results.scores.axes import is_timed
from results.scores.normalize import normalized
from results.scores.scores import Rows, Scored

COSTS = ("gmacs_10s", "parameters")
KINDS = {False: "scenes", True: "timestamps"}
"""The embeddings that a task takes, by whether it is one of events."""
PLACES = (
    (0, 5, "center", "bottom"),
    (5, 0, "left", "center"),
    (-5, 0, "right", "center"),
    (0, -5, "center", "top"),
    (5, 9, "left", "center"),
    (5, -9, "left", "center"),
    (-5, 9, "right", "center"),
    (-5, -9, "right", "center"),
)
"""Places of a name beside its point: points to the right and up, and the name's alignment."""
LABELS = 14
"""Of more models than this, only those on the front are named."""


def cost_table(rows: Rows, models: pd.DataFrame | None, cost: str = "gmacs_10s") -> pd.DataFrame:
    """List the measured models that have all tasks: label, family, untrained, score (a mean), cost, tasks, front.

    The cost is the spec's. Multiply-adds are those of the embeddings that a task takes, of scenes or of timestamps, and
    the mean over the tasks where they are of both kinds. The mean score is over normalized scores (score over the best
    of the 2021 challenge) where all tasks are HEAR's, else over the primary metrics as they are. The attribute
    `normalized` says which; the attribute `kinds` counts the tasks that take each kind of embedding. A model is on the
    front where no other is as cheap and as good, and better in one of the two.

    Raises:
        ValueError: without rows, or without a table of what each spec costs.
    """
    scores, _ = drawn(rows)
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
    rows: Rows, title: str | None = None, models: pd.DataFrame | None = None, *, cost: str = "gmacs_10s"
) -> Figure:
    """Draw the mean score over all tasks against cost; the line is the Pareto front. Untrained weights are hollow.

    Args:
        models: what is known of specs: spec, parameters, gmacs_scenes_10s and gmacs_timestamps_10s, as
            `ablations.report.costs.known_models` has them.
        cost: gmacs_10s or parameters.

    Raises:
        ValueError: for another cost, without `models`, or where no model has a cost and all tasks.
    """
    if cost not in COSTS:
        raise ValueError(f"cost must be one of {', '.join(COSTS)}, got {cost!r}")
    scored = Scored.of(rows)
    points = cost_table(scored, models, cost)
    if points.empty:
        raise ValueError(f"no measured model has a known cost ({cost}) and scores of all tasks")
    scores, notes = drawn(scored)
    left_out = [label for label in scores["label"].unique() if label not in set(points["label"])]
    if left_out:
        notes.append(f"Not drawn, of no known cost or without all tasks: {', '.join(left_out)}.")
    width = COLUMN if len(points) <= 6 else PAGE
    with sheet(width, 2.5 if width == COLUMN else 3.2, notes, title=title) as figure:
        axes = figure.subplots()
        colors = palette(points["family"])
        for point in points.itertuples():
            face = lighter(colors[point.family], 0.85) if point.untrained else colors[point.family]
            axes.plot(point.cost, point.score, "o", ms=5, markerfacecolor=face, markeredgecolor=colors[point.family])
        front = points[points["front"]].sort_values("cost")
        axes.step(front["cost"], front["score"], where="post", color="0.5", linewidth=0.9, zorder=0.5)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.margins(x=0.12, y=0.12)
        axes.grid()
        axes.set_xlabel(cost_label(cost, points.attrs["kinds"]))
        number = int(points["tasks"].iloc[0])
        score = "normalized score" if points.attrs["normalized"] else "score (primary metric)"
        axes.set_ylabel(f"{score}, mean of {number} tasks" if number > 1 else score)
        _labels(figure, axes, points if len(points) <= LABELS else front)
    return figure


def _labels(figure: Figure, axes: Axes, points: pd.DataFrame) -> None:
    """Write labels beside the points, each at the first of several places where it touches no other and no point."""
    figure.draw_without_rendering()
    centers = axes.transData.transform(points[["cost", "score"]].to_numpy())
    taken: list[Bbox] = []
    frame = axes.get_window_extent()
    for point in points.itertuples():
        at = (point.cost, point.score)
        for x, y, horizontal, vertical in PLACES:
            label = axes.annotate(
                point.label,
                at,
                (x, y),
                textcoords="offset points",
                ha=horizontal,
                va=vertical,
                fontsize=SMALL,
            )
            box = label.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken) and not box.count_contains(centers):
                break
            label.remove()
        else:
            label = axes.annotate(point.label, at, (5, 0), textcoords="offset points", fontsize=SMALL)
        taken.append(label.get_window_extent())
