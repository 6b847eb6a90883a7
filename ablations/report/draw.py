"""The figure of a run."""

import logging
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ablations.report.costs import known_models
from ablations.report.statement import run_statement
from ablations.study.study import Study
from results import figures
from results.scores.scores import Rows, Scored
from results.tables.escapes import printable

logger = logging.getLogger(__name__)


def write_figure(folder: Path, study: Study, rows: Rows) -> Path:
    """Write the figure that a study names, of its run, with what the study's comparisons establish.

    Bars are drawn, and a warning is logged, where the rows can't be drawn so.
    """
    drawn = draw_or_bars(rows, study.figure, study.name, statement=run_statement(folder))
    return figures.save(drawn, folder / "figure")


def draw_or_bars(rows: Rows, kind: str, title: str, **options: Any) -> Figure:
    """Draw a figure by its name; bars, and a warning, where rows can't be drawn so.

    Args:
        options: those of `results.figure`.
    """
    try:
        return draw(rows, kind, title, **options)
    except ValueError as error:
        logger.warning("figure %s: %s; bars are drawn instead", kind, error)
        return draw(rows, "bars", title, **options)


def draw(rows: Rows, kind: str, title: str, **options: Any) -> Figure:
    """Draw a figure by its name; those of the paper have titles of their own.

    Args:
        options: those of `results.figure`, such as notes and palette.

    Raises:
        ValueError: where the rows can't be drawn so.
    """
    scored = Scored.of(rows)
    known = known_models(scored.rows, costs=kind in figures.OF_COST)
    safe = Scored(_safe(scored.rows), _safe(scored.scores))
    if statement := options.pop("statement", ""):
        options["statement"] = _escape(statement)
    return figures.figure(safe, kind, None if kind in figures.PAPER else title, known, **options)


def _safe(table: pd.DataFrame) -> pd.DataFrame:
    """Escape names for matplotlib, which takes what is between dollars for a formula."""
    return table.assign(**{column: table[column].map(_escape, na_action="ignore") for column in ("model", "task")})


def _escape(text: str) -> str:
    return printable(text).replace("$", r"\$")
