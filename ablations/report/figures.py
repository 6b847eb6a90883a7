"""The figures of a page, as images that are written into it."""

import base64
import io
from dataclasses import dataclass

import matplotlib as mpl
from matplotlib.figure import Figure

from ablations.report.draw import draw, draw_or_bars
from results import figures
from results.scores.scores import Rows
from results.statistics.ranks import Ranking


@dataclass(frozen=True)
class Drawn:
    """A figure: its title, and its SVG as an address that holds all of it."""

    title: str
    address: str


def of_figure(title: str, figure: Figure) -> Drawn:
    """Write a figure as SVG with its letters drawn, so that it looks the same everywhere."""
    file = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "0"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return Drawn(title, "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode("ascii"))


def of_rows(rows: Rows, kind: str, name: str, agreeing: bool, ranking: Ranking | None) -> list[Drawn]:
    """Draw the study's figure, measured against published scores where there are both, and mean ranks.

    Args:
        kind: a key of `results.figures.FIGURES`.
        name: the study's.
        agreeing: whether a measured score is published.
        ranking: None where models can't be ranked.
    """
    drawings = [of_figure(f"{name}: {kind}", draw_or_bars(rows, kind, name))]
    if agreeing and kind != "agreement":
        drawings.append(of_figure(f"{name}: measured against published", draw(rows, "agreement", name)))
    if ranking is not None:
        ranks, count = ranking.ranks, len(ranking.tasks)
        notes = [f"Mean ranks over {count} tasks; those within the critical distance do not differ (Nemenyi)."]
        diagram = figures.critical_difference(list(ranks.index), list(ranks), ranking.distance, notes=notes)
        drawings.append(of_figure(f"{name}: mean ranks over {count} tasks", diagram))
    return drawings
