"""Figures: each a function from rows to a matplotlib Figure.

Those of FIGURES share one signature, (rows, title, models), so that a study can name the one that draws it.
"""

from collections.abc import Callable

from matplotlib.figure import Figure

from results.figures.agreement import agreement
from results.figures.along import ALONG, along
from results.figures.boxes import category_boxes, draw_boxes
from results.figures.cost import pareto
from results.figures.critical_difference import critical_difference
from results.figures.grouped import grouped_bars
from results.figures.heatmap import heatmap
from results.figures.panels import bars
from results.figures.paper import PAPER
from results.figures.style import save

__all__ = [
    "FIGURES",
    "PAPER",
    "agreement",
    "along",
    "bars",
    "category_boxes",
    "critical_difference",
    "draw_boxes",
    "grouped_bars",
    "heatmap",
    "pareto",
    "save",
]

FIGURES: dict[str, Callable[..., Figure]] = {
    "bars": bars,
    "grouped_bars": grouped_bars,
    "category_boxes": category_boxes,
    **ALONG,
    "heatmap": heatmap,
    "agreement": agreement,
    "pareto": pareto,
    **PAPER,
}
"""Every figure that is drawn from rows, by the name that a study's key `figure` knows it by."""
