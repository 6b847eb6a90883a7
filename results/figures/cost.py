"""Score against cost: what a model's multiply-adds or parameters buy, with the Pareto front."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from results.figures.frame import scores_of
from results.figures.style import COLUMN, PAGE, SMALL, lighter, notes_on, palette, sheet
from results.scores.axes import is_timed
from results.scores.normalize import normalized

COSTS = ("gmacs_10s", "parameters")
KINDS = {False: "scenes", True: "timestamps"}
"""What embeddings are of, by whether a task is one of events."""
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
"""Where a name can be beside its point: points to the right and up, and how it is aligned."""
LABELS = 14
"""More models than this are named on the front alone."""


def cost_table(rows: pd.DataFrame, models: pd.DataFrame | None, cost: str = "gmacs_10s") -> pd.DataFrame:
    """Per measured model that has all tasks: model, family, untrained, cost, score (a mean), tasks, front (on it).

    The cost is the spec's. Multiply-adds are those of the embeddings that a task takes, of scenes or of timestamps, and
    the mean over the tasks where they are of both kinds. The mean score is over normalized scores (`score` / best of
    the 2021 challenge) where all tasks are HEAR's, else over the primary metrics as they are; the attribute
    `normalized` says which, the attribute `kinds` which embeddings how many tasks take. A model is on the front where
    none is both cheaper and better, or one of the two and equal in the other.

    Raises:
        ValueError: without rows, or without a table of what each spec costs.
    """
    found = normalized(scores_of(rows).query("not published"))
    columns = {name: cost if cost == "parameters" else f"gmacs_{name}_10s" for name in KINDS.values()}
    needed = {"spec", *columns.values()}
    if models is None or not needed <= set(models):
        raise ValueError(f"a figure of cost needs models: what each spec costs, with {', '.join(sorted(needed))}")
    every = bool(found["not_normalized"].isin(["", "no score"]).all())
    found["share"] = found["normalized"] if every else found["mean"]
    kind = is_timed(found["metric"]).map(KINDS)
    known = models.set_index("spec")
    costs = {name: found["spec"].map(known[column]) for name, column in columns.items()}
    found["cost"] = pd.to_numeric(costs["scenes"].where(kind == "scenes", costs["timestamps"]), errors="coerce")
    means = found.groupby("model", sort=False).agg(
        family=("family", "first"),
        untrained=("untrained", "first"),
        score=("share", lambda values: values.mean(skipna=False)),
        cost=("cost", lambda values: values.mean(skipna=False)),
        tasks=("share", "size"),
    )
    whole = means[means["tasks"] == found["task"].nunique()].dropna(subset=["score", "cost"])
    whole = whole[whole["cost"] > 0].reset_index()
    whole["front"] = [on_front(row.cost, row.score, whole) for row in whole.itertuples()]
    whole.attrs["normalized"] = every
    whole.attrs["kinds"] = kind.groupby(kind).agg(lambda values: found.loc[values.index, "task"].nunique()).to_dict()
    return whole


def cost_label(cost: str, kinds: Mapping[str, int]) -> str:
    """What stands on the axis: which cost, and of which embeddings.

    Args:
        kinds: how many tasks take embeddings of scenes and of timestamps.
    """
    if cost == "parameters":
        return "parameters"
    if len(kinds) == 1:
        return f"multiply-adds for {next(iter(kinds))} of 10 s of audio (GMACs)"
    of = " and ".join(f"{count} of {name}" for name, count in kinds.items())
    return f"multiply-adds for 10 s of audio (GMACs),\nmean over tasks ({of})"


def on_front(cost: float, score: float, among: pd.DataFrame) -> bool:
    """Whether nothing among these (columns cost and score) is as cheap and as good, and better in one of the two."""
    no_worse = (among["cost"] <= cost) & (among["score"] >= score)
    better = (among["cost"] < cost) | (among["score"] > score)
    return not (no_worse & better).any()


def pareto(
    rows: pd.DataFrame, title: str | None = None, models: pd.DataFrame | None = None, *, cost: str = "gmacs_10s"
) -> Figure:
    """Mean score over all tasks against cost; the line is the Pareto front. Untrained weights are hollow.

    Args:
        models: what is known of specs: spec, parameters, gmacs_scenes_10s and gmacs_timestamps_10s, as
            `ablations.report.costs.known_models` has them.
        cost: gmacs_10s or parameters.

    Raises:
        ValueError: for another cost, without `models`, or where no model has a cost and all tasks.
    """
    if cost not in COSTS:
        raise ValueError(f"cost must be one of {', '.join(COSTS)}, got {cost!r}")
    found = cost_table(rows, models, cost)
    if found.empty:
        raise ValueError(f"no measured model has a known cost ({cost}) and scores of all tasks")
    left_out = [name for name in scores_of(rows)["model"].unique() if name not in set(found["model"])]
    notes = [f"Not drawn, of no known cost or without all tasks: {', '.join(left_out)}."] if left_out else []
    width = COLUMN if len(found) <= 6 else PAGE
    with sheet(width, 2.5 if width == COLUMN else 3.2, notes_on(rows) + notes, title=title) as figure:
        axes = figure.subplots()
        colors = palette(found["family"])
        for row in found.itertuples():
            face = lighter(colors[row.family], 0.85) if row.untrained else colors[row.family]
            axes.plot(row.cost, row.score, "o", ms=5, markerfacecolor=face, markeredgecolor=colors[row.family])
        front = found[found["front"]].sort_values("cost")
        axes.step(front["cost"], front["score"], where="post", color="0.5", linewidth=0.9, zorder=0.5)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
        axes.margins(x=0.12, y=0.12)
        axes.grid()
        axes.set_xlabel(cost_label(cost, found.attrs["kinds"]))
        number = int(found["tasks"].iloc[0])
        what = "normalized score" if found.attrs["normalized"] else "score (primary metric)"
        axes.set_ylabel(f"{what}, mean of {number} tasks" if number > 1 else what)
        _labels(figure, axes, found if len(found) <= LABELS else front)
    return figure


def _labels(figure: Figure, axes: Axes, found: pd.DataFrame) -> None:
    """Names beside the points, each at the first of several places where it touches no other and no point."""
    figure.draw_without_rendering()
    points = axes.transData.transform(found[["cost", "score"]].to_numpy())
    taken = []
    frame = axes.get_window_extent()
    for row in found.itertuples():
        for x, y, horizontal, vertical in PLACES:
            label = axes.annotate(
                row.model,
                (row.cost, row.score),
                (x, y),
                textcoords="offset points",
                ha=horizontal,
                va=vertical,
                fontsize=SMALL,
            )
            box = label.get_window_extent()
            inside = frame.x0 <= box.x0 and box.x1 <= frame.x1 and frame.y0 <= box.y0 and box.y1 <= frame.y1
            if inside and not any(box.overlaps(other) for other in taken) and not box.count_contains(points):
                break
            label.remove()
        else:
            label = axes.annotate(row.model, (row.cost, row.score), (5, 0), textcoords="offset points", fontsize=SMALL)
        taken.append(label.get_window_extent())
