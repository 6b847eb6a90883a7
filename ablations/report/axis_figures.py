"""The figures of a page along the axes that vary among a run's models."""

import logging

from ablations.report.costs import known_models
from ablations.report.draw import draw
from ablations.report.figures import Drawn, of_figure
from results.figures.along import ALONG
from results.scores.axes import AXES, along, series, with_axes
from results.scores.scores import Scored

logger = logging.getLogger(__name__)

KIND = "along_{}"
OVERVIEW = ("level", "window")
"""The axes that the figure `overview` shows."""


def axis_figures(rows: Scored, kind: str, name: str) -> list[Drawn]:
    """Draw the scores along each axis that varies, apart from those that the study's own figure shows.

    Args:
        kind: the study's figure, a key of `results.figures.FIGURES`.
        name: the study's.
    """
    drawings = []
    for axis in varying_axes(rows):
        if KIND.format(axis) == kind or (kind == "overview" and axis in OVERVIEW):
            continue
        try:
            title = f"{name}: along the {AXES[axis].removesuffix(' in ms')}"
            drawings.append(of_figure(title, draw(rows, KIND.format(axis), name)))
        except ValueError as error:
            logger.debug("not drawn along %s: %s", axis, error)
    return drawings


def varying_axes(rows: Scored) -> list[str]:
    """List the axes on which models of one family have several values on a task, all else being equal."""
    scores = rows.scores[~rows.scores["published"]].dropna(subset="mean")
    scores = with_axes(scores, known_models(rows.rows, costs=False))
    varying = []
    for axis in AXES:
        if KIND.format(axis) not in ALONG:
            continue
        lines = scores.assign(place=along(scores, axis), line=series(scores, axis))
        places = lines.groupby(["family", "line", "task"])["place"].nunique()
        if (places > 1).any():
            varying.append(axis)
    return varying
