"""The figure of a run."""

import logging
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ablations.report.costs import known_models
from ablations.study.study import Study
from results import figures, load
from results.tables.escapes import printable

logger = logging.getLogger(__name__)

OF_COST = ("pareto",)
"""Figures that show costs."""


def write_figure(folder: Path, study: Study) -> Path:
    """The figure that a study names, of its run; bars, and a warning, where its rows can't be drawn so."""
    return figures.save(draw_or_bars(load(folder), study.figure, study.name), folder / "figure")


def draw_or_bars(rows: pd.DataFrame, kind: str, title: str) -> Figure:
    """`draw`; bars, and a warning, where rows can't be drawn so."""
    try:
        return draw(rows, kind, title)
    except ValueError as error:
        logger.warning("figure %s: %s; bars are drawn instead", kind, error)
        return draw(rows, "bars", title)


def draw(rows: pd.DataFrame, kind: str, title: str) -> Figure:
    """A figure by its name; those of the paper have titles of their own.

    Raises:
        ValueError: where the rows can't be drawn so.
    """
    known = known_models(rows, costs=kind in OF_COST)
    names = {name: rows[name].map(_drawn, na_action="ignore") for name in ("model", "task")}
    return figures.FIGURES[kind](rows.assign(**names), None if kind in figures.PAPER else title, known)


def _drawn(name: str) -> str:
    """A name as matplotlib writes it, which takes what is between dollars for a formula."""
    return printable(name).replace("$", r"\$")
