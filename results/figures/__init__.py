"""Figures: each a function from rows to a matplotlib Figure, in a file of its own, and a row of `FIGURES`.

Those of `FIGURES` share one signature, (rows, title, models), so that a study can name the one that draws it.
"""

from collections.abc import Callable
from typing import Unpack

import pandas as pd
from matplotlib.figure import Figure

from results.figures.agreement import agreement
from results.figures.along import ALONG, along
from results.figures.boxes import category_boxes, draw_boxes
from results.figures.canvas.frame import Options
from results.figures.canvas.sheet import save, showing
from results.figures.conditions import conditions
from results.figures.cost import pareto
from results.figures.critical_difference import critical_difference
from results.figures.grouped import grouped_bars
from results.figures.label_curve import label_curve
from results.figures.maps.heatmap import heatmap
from results.figures.maps.level_weights import weights_map
from results.figures.overview import overview
from results.figures.panels import bars
from results.figures.paper import PAPER
from results.figures.training_curve import training_curve
from results.rows.choices import choices
from results.scores.scores import Rows

__all__ = [
    "FIGURES",
    "OF_COST",
    "PAPER",
    "agreement",
    "along",
    "bars",
    "category_boxes",
    "conditions",
    "critical_difference",
    "draw_boxes",
    "figure",
    "grouped_bars",
    "heatmap",
    "label_curve",
    "overview",
    "pareto",
    "save",
    "training_curve",
    "weights_map",
]

FIGURES: dict[str, Callable[..., Figure]] = {
    "bars": bars,
    "overview": overview,
    "grouped_bars": grouped_bars,
    "category_boxes": category_boxes,
    **ALONG,
    "heatmap": heatmap,
    "level_weights": weights_map,
    "conditions": conditions,
    "agreement": agreement,
    "pareto": pareto,
    **PAPER,
}
"""Every figure that is drawn from rows, by the name that a study's key `figure` knows it by."""
OF_COST = ("pareto",)
"""Figures whose `models` must have costs."""


def figure(
    rows: Rows,
    kind: str = "bars",
    title: str | None = None,
    models: pd.DataFrame | None = None,
    **options: Unpack[Options],
) -> Figure:
    """Draw a figure of rows by its name. Notebooks show it as the last value of a cell.

    Args:
        rows: one row a score, such as `results.load` gives.
        kind: a key of `FIGURES`.
        models: what is known of the models, such as `ablations.report.costs.known_models` gives, for figures of levels,
            hops, windows and costs.
        options: see `results.figures.canvas.frame.Options`.

    Raises:
        ValueError: for an unknown kind, or rows that can't be drawn so.
    """
    if kind not in FIGURES:
        raise ValueError(f"unknown figure {kind!r}{choices(kind, FIGURES, '`ablate figure -h`')}")
    return showing(FIGURES[kind](rows, title, models, **options))
