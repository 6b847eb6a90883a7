"""A run's rows as they are shown: its table with what belongs below it, and its figure."""

import html
import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ablations.catalog import models_table
from ablations.study import Study
from results import agreement, edges, figures, formats, tables
from results.beside import with_published
from results.files import replacing
from results.formats import Table
from results.reference import is_published

logger = logging.getLogger(__name__)

BESIDE = "Published beside measured"
WRITERS: dict[str, Callable[[Table], str]] = {
    "terminal": lambda table: formats.to_text(table, styled=sys.stdout.isatty()),
    "markdown": formats.to_markdown,
    "latex": formats.to_latex,
    "csv": formats.to_csv,
    "html": formats.to_html,
}
HEADINGS = {"latex": "% {}", "html": "<h3>{}</h3>"}
LINES: dict[str, Callable[[str], str]] = {
    "latex": formats.to_tex,
    "html": lambda line: f"<p>{html.escape(line)}</p>",
}


def render(rows: pd.DataFrame, form: str, **options) -> str:
    """The table, what is published beside what was measured, and warnings; as CSV the table alone.

    Args:
        form: a name of `WRITERS`. options: those of `results.tables.compose`.
    """
    text = WRITERS[form](tables.compose(rows, **options))
    if form == "csv":
        return text.rstrip("\n")
    parts = [text]
    if (beside := agreement.table(rows)) is not None:
        as_text = formats.to_text(beside, turn=False) if form == "terminal" else WRITERS[form](beside)
        parts += [HEADINGS.get(form, "{}:").format(BESIDE), as_text]
    parts += map(LINES.get(form, str), edges.edge_warnings(rows))
    return "\n\n".join(parts)


def write_table(folder: Path, rows: pd.DataFrame, **options) -> None:
    """table.md, table.csv and, where what was measured is published, agreement.csv in the folder of a run."""
    for name, text in (
        ("table.md", render(rows, "markdown", **options) + "\n"),
        ("table.csv", tables.to_csv(rows, **options)),
    ):
        with replacing(folder / name) as file:
            file.write(text)
    beside, path = agreement.pairs(rows), folder / "agreement.csv"
    if beside.empty:
        path.unlink(missing_ok=True)
    else:
        with replacing(path) as file:
            beside.to_csv(file, index=False)


def costs_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns of cost for the measured models of rows: index model; parameters, GMACs of 10 s (NaN: not known)."""
    measured = rows[~is_published(rows)].drop_duplicates("model").set_index("model")
    known = known_models(rows).set_index("name")
    checkpoints = measured["spec"].str.split("@").str[0]
    return pd.DataFrame(
        {
            "parameters": checkpoints.map(known["parameters"].astype(float)),
            "GMACs of 10 s": checkpoints.map(known["gmacs_10s"].astype(float)),
        }
    )


def write_figure(folder: Path, study: Study) -> Path:
    """The figure that a study names, of its run; bars, and a warning, where its rows can't be drawn so."""
    return figures.save(draw_or_bars(with_published(folder), study.figure, study.name), folder / "figure")


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
    return figures.FIGURES[kind](rows, None if kind in figures.PAPER else title, known_models(rows))


def known_models(rows: pd.DataFrame) -> pd.DataFrame:
    """What is known of the checkpoints of measured rows: `ablations.catalog.models_table` of those that are here."""
    specs = rows.loc[~is_published(rows), "spec"].dropna().astype(str)
    found = []
    for checkpoint in specs.str.split("@").str[0].unique():
        try:
            found.append(models_table([checkpoint]))
        except ValueError:  # rows of another version, or made by hand
            logger.debug("checkpoint %s is not known here", checkpoint)
    return pd.concat(found, ignore_index=True) if found else models_table().iloc[:0]
