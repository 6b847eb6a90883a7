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
from results.statistics.statement import NOTHING
from results.tables.escapes import printable

logger = logging.getLogger(__name__)


def write_figure(folder: Path, study: Study, rows: Rows) -> Path:
    """Write the figure that a study names, of its run, with what the study's comparisons establish.

    Bars are drawn, and a warning is logged, where the rows can't be drawn so.
    """
    return figures.save(draw_or_bars(rows, study.figure, study.name, **statement_of(folder)), folder / "figure")


def statement_of(folder: Path) -> dict[str, str]:
    """Give the option `statement` of a run's figure: what the comparisons establish that its study asks for.

    There is none where the study asks for no comparisons, or where they can't be made, which is logged.
    """
    try:
        text = run_statement(folder)
    except (ValueError, OSError) as error:
        logger.warning("the figure says nothing of comparisons: %s", error)
        return {}
    return {} if text.startswith(NOTHING.removesuffix(".")) else {"statement": text} if text else {}


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
    return figures.figure(safe, kind, None if kind in figures.PAPER else title, known, **options)


def _safe(table: pd.DataFrame) -> pd.DataFrame:
    """Escape names for matplotlib, which takes what is between dollars for a formula."""

    def escape(name: str) -> str:
        return printable(name).replace("$", r"\$")

    return table.assign(**{column: table[column].map(escape, na_action="ignore") for column in ("model", "task")})
