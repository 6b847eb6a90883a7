"""Figures of a page, each as an image that is written into it."""

import base64
import io
import logging
from dataclasses import dataclass

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from ablations.report.draw import draw, draw_or_bars
from results import figures
from results.statistics.ranks import Ranking

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drawn:
    """A figure: what it shows, and its SVG as an address that holds it whole."""

    title: str
    address: str


def of_figure(title: str, figure: Figure) -> Drawn:
    """A figure as SVG with its letters drawn, so that it looks the same wherever it is seen."""
    file = io.BytesIO()
    with mpl.rc_context({"svg.fonttype": "path", "svg.hashsalt": "0"}):
        figure.savefig(file, format="svg", metadata={"Date": None})
    return Drawn(title, "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode("ascii"))


def of_rows(rows: pd.DataFrame, kind: str, name: str, agreeing: bool, ranking: Ranking | None) -> list[Drawn]:
    """The study's figure; measured against published where both are there; mean ranks where they can be had."""
    found = [of_figure(f"{name}: {kind}", draw_or_bars(rows, kind, name))]
    if agreeing and kind != "agreement":
        found.append(of_figure(f"{name}: measured against published", draw(rows, "agreement", name)))
    if ranking is not None:
        ranks, count = ranking.ranks, len(ranking.tasks)
        notes = [f"Mean ranks over {count} tasks; those within the critical distance do not differ (Nemenyi)."]
        drawn = figures.critical_difference(list(ranks.index), list(ranks), ranking.distance, notes=notes)
        found.append(of_figure(f"{name}: mean ranks over {count} tasks", drawn))
    return found
