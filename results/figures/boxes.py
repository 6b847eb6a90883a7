"""Box plots of normalized scores by category of tasks, as in Figures 6 to 9 of Koutini et al. 2022.

A box is a row of statistics, so that boxes whose statistics alone are published are drawn like any other. Columns:
model, set, published, untrained, read_off, category, whisker_hi, q3, median, q1, whisker_lo, fliers (a tuple), mean,
count. A box whose median is NaN is not known, and has a question mark in its place.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cbook import boxplot_stats
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from results.figures.canvas.colors import FLOOR_COLORS, Palette, colored
from results.figures.canvas.floors import CHANCE, DASHES
from results.figures.canvas.frame import drawn
from results.figures.canvas.sheet import legend_above, legend_rows, sheet
from results.figures.canvas.style import COLUMN, PAGE, fill
from results.scores.labels import labels
from results.scores.normalize import CATEGORIES, normalized
from results.scores.scores import Rows

FLAGS = ("published", "untrained", "read_off")
BOX = ("whisker_hi", "q3", "median", "q1", "whisker_lo")
GROUP = 0.86  # of the distance of two categories
LEGEND_ROWS = 4  # more do not fit above a column
NORMALIZED = "score / best of the 2021 challenge"
WHAT = "Boxes: quartiles over tasks; whiskers: up to 1.5 times their range"


def category_boxes(
    rows: Rows,
    title: str | None = None,
    models: pd.DataFrame | None = None,
    *,
    notes: bool = True,
    statement: str = "",
    palette: Palette = None,
    order: Sequence[str] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw a box for each category and model: median, quartiles and mean of its tasks' normalized scores.

    A normalized score is the score over the best one of the HEAR 2021 challenge on that task. Models keep the order of
    the rows. The model `chance` is a line at its mean in each category. `models` is not needed here.

    Args:
        notes, statement, palette, order, ax: see `results.figures.canvas.frame.Options`.

    Raises:
        ValueError: where no row is of a HEAR task.
    """
    scores, lines = drawn(rows, palette, order)
    chance = scores[scores["checkpoint"] == CHANCE]
    scores = scores[scores["checkpoint"] != CHANCE] if len(chance) < len(scores) else scores
    boxes = box_statistics(scores)
    known = normalized(chance).dropna(subset="normalized").groupby("category")["normalized"].mean()
    known = known[known.index.isin(boxes["category"])].to_dict()
    below = [explained(boxes), *lines] if notes else []
    return draw_boxes(boxes, title, below, statement=statement, chance=known, ax=ax)


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
                **{name: first[name] for name in ("spec", "color") if name in first},
                "category": category,
                **dict(zip(BOX, (box["whishi"], box["q3"], box["med"], box["q1"], box["whislo"]), strict=True)),
                "fliers": tuple(float(value) for value in box["fliers"]),
                "mean": box["mean"],
                "count": len(group),
            }
        )
    return pd.DataFrame(boxes)


def explained(boxes: pd.DataFrame) -> str:
    """Say in one sentence what is drawn of a box."""
    known = boxes["mean"].notna()
    means = f"; diamonds: means{'' if known.all() else ', where they are known'}." if known.any() else "."
    return f"{WHAT}{means}"


def draw_boxes(
    boxes: pd.DataFrame,
    title: str | None = None,
    notes: Sequence[str] = (),
    *,
    statement: str = "",
    chance: Mapping[str, float] | None = None,
    ax: Axes | None = None,
) -> Figure:
    """Draw boxes from their statistics (columns: this module's docstring), by category; diamonds are means.

    Args:
        notes: lines below.
        chance: the mean score of chance in categories, a line each.
        statement, ax: see `results.figures.canvas.frame.Options`.
    """
    if "color" not in boxes:
        boxes = boxes.assign(color=colored(boxes.assign(spec="")))
    boxes, chance = boxes.assign(label=labels(boxes, read_off=True)), chance or {}
    alone = bool(boxes["published"].all())
    names = list(boxes["label"].unique())
    categories = [name for name in CATEGORIES if name in set(boxes["category"])]
    entries: dict[str, Any] = {
        box.model if alone and len(set(boxes["set"])) <= 1 else box.label: Patch(
            **{**fill(box, alone), "edgecolor": "0.2", "linewidth": 0.5}
        )
        for box in boxes.drop_duplicates("label").itertuples()
    }
    if chance:
        entries[CHANCE] = Line2D([], [], color=FLOOR_COLORS[CHANCE], linestyle=DASHES[CHANCE])
    width = COLUMN if len(names) <= 4 and legend_rows(list(entries), COLUMN) <= LEGEND_ROWS else PAGE
    slot = GROUP / max(len(names), 2)
    with sheet(width, 2.3 if width == COLUMN else 2.5, notes, list(entries), title, statement, ax) as figure:
        axes = ax or figure.subplots()
        for box in boxes.itertuples():
            place = categories.index(box.category) + (names.index(box.label) - (len(names) - 1) / 2) * slot
            if pd.isna(box.median):
                axes.annotate("?", (place, 0), (0, 4), textcoords="offset points", ha="center", color="0.35")
            else:
                _box(axes, box, place, 0.8 * slot, fill(box, alone))
        for category, mean in chance.items():
            ends = [categories.index(category) + side * 0.47 for side in (-1, 1)]
            axes.plot(ends, [mean] * 2, color=FLOOR_COLORS[CHANCE], linestyle=DASHES[CHANCE], lw=1, gid=CHANCE)
        axes.axhline(1, color="0.45", linewidth=0.7, zorder=0.5)
        axes.set_xticks(range(len(categories)), _category_names(boxes, categories))
        axes.set_xlim(-0.5, len(categories) - 0.5)
        axes.set_ylim(bottom=0)
        axes.tick_params(axis="x", length=0)
        axes.grid(axis="y")
        axes.set_ylabel(NORMALIZED)
        legend_above(figure, list(entries.values()), list(entries), title, ax)
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
