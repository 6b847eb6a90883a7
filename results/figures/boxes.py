"""Box plots of normalized scores by category of tasks, as in Figures 6 to 9 of Koutini et al. 2022.

A box is a row of statistics, so that boxes whose statistics alone are published are drawn like any other. Columns:
model, set, published, untrained, read_off, category, whisker_hi, q3, median, q1, whisker_lo, fliers (a tuple), mean,
count. A box whose median is NaN is not known, and has a question mark in its place.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cbook import boxplot_stats
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from results.figures.canvas.frame import drawn
from results.figures.canvas.sheet import legend_above, sheet
from results.figures.canvas.style import COLUMN, PAGE, fill, palette
from results.scores.labels import labels
from results.scores.normalize import CATEGORIES, normalized
from results.scores.scores import Rows

FLAGS = ("published", "untrained", "read_off")
BOX = ("whisker_hi", "q3", "median", "q1", "whisker_lo")
GROUP = 0.86  # of the distance of two categories
NORMALIZED = "score / best of the 2021 challenge"


def category_boxes(rows: Rows, title: str | None = None, models: pd.DataFrame | None = None) -> Figure:
    """Draw a box for each category and model: median, quartiles and mean of its tasks' normalized scores.

    A normalized score is the score over the best one of the HEAR 2021 challenge on that task. Models keep the order of
    the rows. `models` is not needed here.

    Raises:
        ValueError: where no row is of a HEAR task.
    """
    scores, notes = drawn(rows)
    return draw_boxes(box_statistics(scores), title, notes)


def box_statistics(scores: pd.DataFrame, whole: bool = False) -> pd.DataFrame:
    """Make the boxes of scores (`results.scores.scores.scores`), over the HEAR tasks that have one.

    Quartiles are numpy's; whiskers reach to the last value within 1.5 interquartile ranges; beyond are fliers.

    Args:
        whole: whether all tasks are one category, "all".

    Raises:
        ValueError: where there are none.
    """
    values = normalized(scores)
    values = values.assign(category="all") if whole else values
    reasons = sorted(set(values["not_normalized"]) - {""})
    values = values.dropna(subset="normalized")
    if values.empty:
        raise ValueError(f"no score of a HEAR task that can be normalized: {'; '.join(reasons)}")
    boxes = []
    for (model, set_name, category), group in values.groupby(["model", "set", "category"], sort=False):
        (box,) = boxplot_stats(group["normalized"].to_numpy())
        first = group.iloc[0]
        boxes.append(
            {
                **{"model": model, "set": set_name, **{name: first[name] for name in FLAGS}},
                "category": category,
                **dict(zip(BOX, (box["whishi"], box["q3"], box["med"], box["q1"], box["whislo"]), strict=True)),
                "fliers": tuple(float(value) for value in box["fliers"]),
                "mean": box["mean"],
                "count": len(group),
            }
        )
    return pd.DataFrame(boxes)


def draw_boxes(boxes: pd.DataFrame, title: str | None = None, notes: Sequence[str] = ()) -> Figure:
    """Draw boxes from their statistics (columns: this module's docstring), by category; diamonds are means."""
    boxes = boxes.assign(label=labels(boxes, read_off=True))
    names = list(boxes["label"].unique())
    categories = [name for name in CATEGORIES if name in set(boxes["category"])]
    colors, alone = palette(boxes["model"]), bool(boxes["published"].all())
    width = COLUMN if len(names) <= 4 else PAGE
    slot = GROUP / max(len(names), 2)
    known = boxes["mean"].notna()
    notes = [*notes, f"Diamonds: means{'' if known.all() else ', where they are known'}."] if known.any() else notes
    with sheet(width, 2.3 if width == COLUMN else 2.5, notes, names, title) as figure:
        axes = figure.subplots()
        for box in boxes.itertuples():
            place = categories.index(box.category) + (names.index(box.label) - (len(names) - 1) / 2) * slot
            if pd.isna(box.median):
                axes.annotate("?", (place, 0), (0, 4), textcoords="offset points", ha="center", color="0.35")
            else:
                _box(axes, box, place, 0.8 * slot, fill(box, colors[box.model], alone))
        axes.axhline(1, color="0.45", linewidth=0.7, linestyle=":", zorder=0.5)
        axes.set_xticks(range(len(categories)), _category_names(boxes, categories))
        axes.set_xlim(-0.5, len(categories) - 0.5)
        axes.set_ylim(bottom=0)
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y")
        axes.set_ylabel(NORMALIZED)
        handles = [
            Patch(**fill(box, colors[box.model], alone), edgecolor="0.2", linewidth=0.5)
            for box in boxes.drop_duplicates("label").itertuples()
        ]
        legend_above(figure, handles, names, title)
    return figure


def _box(axes: Axes, box: Any, place: float, width: float, filled: dict[str, Any]) -> None:
    statistics = {
        "med": box.median,
        "q1": box.q1,
        "q3": box.q3,
        "whislo": box.whisker_lo,
        "whishi": box.whisker_hi,
        "fliers": np.asarray(box.fliers),
        "mean": box.mean,
    }
    line = {"color": "0.2", "linewidth": 0.7}
    axes.bxp(
        [statistics],
        [place],
        widths=width,
        patch_artist=True,
        showmeans=not pd.isna(box.mean),
        manage_ticks=False,
        boxprops={**filled, "edgecolor": "0.2", "linewidth": 0.7},
        medianprops={"color": "black", "linewidth": 1.2},
        whiskerprops=line,
        capprops=line,
        flierprops={"marker": "o", "markersize": 2.5, "markerfacecolor": filled["facecolor"], "markeredgecolor": "0.2"},
        meanprops={"marker": "D", "markersize": 3, "markerfacecolor": "white", "markeredgecolor": "black"},
    )


def _category_names(boxes: pd.DataFrame, categories: list[str]) -> list[str]:
    """Name categories, with the number of their tasks where it is known."""
    names = []
    for name in categories:
        counts = boxes.loc[boxes["category"] == name, "count"].dropna().astype(int)
        number = "–".join(map(str, sorted({counts.min(), counts.max()}))) if len(counts) else ""
        names.append(f"{name} ({number} task{'' if number == '1' else 's'})" if number else name)
    return names
