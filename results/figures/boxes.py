"""Box plots of normalized scores by category of tasks, as in Figures 6 to 9 of Koutini et al. 2022.

A box is a row of statistics, so that boxes of which only the statistics are published are drawn like any other.
Columns: model, name (without marks), category, whisker_hi, q3, median, q1, whisker_lo, fliers (a tuple), mean, count,
published, untrained. A box whose median is NaN is not known, and has a question mark in its place.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cbook import boxplot_stats
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from results.figures.frame import scores_of
from results.figures.style import COLUMN, PAGE, legend_above, look, notes_on, palette, sheet
from results.scores.normalize import CATEGORIES, normalized

BOX = ("whisker_hi", "q3", "median", "q1", "whisker_lo")
GROUP = 0.86  # of the distance of two categories
NORMALIZED = "score / best of the 2021 challenge"


def category_boxes(rows: pd.DataFrame, title: str | None = None, models: pd.DataFrame | None = None) -> Figure:
    """A box per category and model: the median and quartiles of its tasks' normalized scores, and their mean.

    A normalized score is the score over the best one of the HEAR 2021 challenge on that task. Models keep the order of
    the rows. `models` is not needed here.

    Raises:
        ValueError: where no row is of a HEAR task.
    """
    return draw_boxes(box_statistics(scores_of(rows)), title, notes_on(rows))


def box_statistics(found: pd.DataFrame, whole: bool = False) -> pd.DataFrame:
    """The boxes of a table of scores (`results.figures.frame.scores_of`), over the HEAR tasks that have a score.

    Quartiles are numpy's; whiskers reach to the last value within 1.5 interquartile ranges; beyond are fliers.
    `whole` takes all tasks as one category, "all".

    Raises:
        ValueError: where there are none.
    """
    found = normalized(found)
    found = found.assign(category="all") if whole else found
    reasons = sorted(set(found["not_normalized"]) - {""})
    found = found.dropna(subset="normalized")
    if found.empty:
        raise ValueError(f"no score of a HEAR task that can be normalized: {'; '.join(reasons)}")
    boxes = []
    for (model, category), group in found.groupby(["model", "category"], sort=False):
        (box,) = boxplot_stats(group["normalized"].to_numpy())
        first = group.iloc[0]
        boxes.append(
            {
                "model": model,
                **{name: first[name] for name in ("name", "published", "untrained")},
                "category": category,
                **dict(zip(BOX, (box["whishi"], box["q3"], box["med"], box["q1"], box["whislo"]), strict=True)),
                "fliers": tuple(float(value) for value in box["fliers"]),
                "mean": box["mean"],
                "count": len(group),
            }
        )
    return pd.DataFrame(boxes)


def draw_boxes(boxes: pd.DataFrame, title: str | None = None, notes: Sequence[str] = ()) -> Figure:
    """Boxes from their statistics (columns: this module's docstring), grouped by category; diamonds are means."""
    labels = list(boxes["model"].unique())
    categories = [name for name in CATEGORIES if name in set(boxes["category"])]
    colors, alone = palette(boxes["name"]), bool(boxes["published"].all())
    width = COLUMN if len(labels) <= 4 else PAGE
    slot = GROUP / max(len(labels), 2)
    known = boxes["mean"].notna()
    notes = [*notes, f"Diamonds: means{'' if known.all() else ', where they are known'}."] if known.any() else notes
    with sheet(width, 2.3 if width == COLUMN else 2.5, notes, labels, title) as figure:
        axes = figure.subplots()
        for row in boxes.itertuples():
            place = categories.index(row.category) + (labels.index(row.model) - (len(labels) - 1) / 2) * slot
            if pd.isna(row.median):
                axes.annotate("?", (place, 0), (0, 4), textcoords="offset points", ha="center", color="0.35")
            else:
                _box(axes, row, place, 0.8 * slot, look(row, colors, alone))
        axes.axhline(1, color="0.45", linewidth=0.7, linestyle=":", zorder=0.5)
        axes.set_xticks(range(len(categories)), _names(boxes, categories))
        axes.set_xlim(-0.5, len(categories) - 0.5)
        axes.set_ylim(bottom=0)
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y")
        axes.set_ylabel(NORMALIZED)
        handles = [
            Patch(**look(row, colors, alone), edgecolor="0.2", linewidth=0.5)
            for row in boxes.drop_duplicates("model").itertuples()
        ]
        legend_above(figure, handles, labels, title)
    return figure


def _box(axes: Axes, row, place: float, width: float, filled: dict) -> None:
    statistics = {
        "med": row.median,
        "q1": row.q1,
        "q3": row.q3,
        "whislo": row.whisker_lo,
        "whishi": row.whisker_hi,
        "fliers": np.asarray(row.fliers),
        "mean": row.mean,
    }
    line = {"color": "0.2", "linewidth": 0.7}
    axes.bxp(
        [statistics],
        [place],
        widths=width,
        patch_artist=True,
        showmeans=not pd.isna(row.mean),
        manage_ticks=False,
        boxprops={**filled, "edgecolor": "0.2", "linewidth": 0.7},
        medianprops={"color": "black", "linewidth": 1.2},
        whiskerprops=line,
        capprops=line,
        flierprops={"marker": "o", "markersize": 2.5, "markerfacecolor": filled["facecolor"], "markeredgecolor": "0.2"},
        meanprops={"marker": "D", "markersize": 3, "markerfacecolor": "white", "markeredgecolor": "black"},
    )


def _names(boxes: pd.DataFrame, categories: list[str]) -> list[str]:
    """Categories, with the number of their tasks where it is known."""
    names = []
    for name in categories:
        counts = boxes.loc[boxes["category"] == name, "count"].dropna().astype(int)
        number = "–".join(map(str, sorted({counts.min(), counts.max()}))) if len(counts) else ""
        names.append(f"{name} ({number} task{'' if number == '1' else 's'})" if number else name)
    return names
