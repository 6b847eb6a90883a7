"""The table of a run, in every format, with what belongs below it."""

import html
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from results.rows.files import replacing, write_text
from results.statistics import edges
from results.tables import agreement, compose, formats
from results.tables.escapes import markdown, printable, to_tex
from results.tables.formats import Table

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
    "terminal": printable,
    "markdown": markdown,
    "latex": to_tex,
    "html": lambda line: f"<p>{html.escape(printable(line))}</p>",
}


def render(rows: pd.DataFrame, form: str, **options) -> str:
    """The table, what is published beside what was measured, unknown costs and warnings; as CSV the table alone.

    Args:
        form: a name of `WRITERS`. options: those of `results.tables.compose.compose`.
    """
    text = WRITERS[form](compose.compose(rows, **options))
    if form == "csv":
        return text.rstrip("\n")
    parts = [text]
    if (beside := agreement.table(rows)) is not None:
        as_text = formats.to_text(beside, turn=False) if form == "terminal" else WRITERS[form](beside)
        parts += [HEADINGS.get(form, "{}:").format(BESIDE), as_text]
    parts += map(LINES[form], [*_costly(rows, options), *edges.edge_warnings(rows)])
    return "\n\n".join(parts)


def write_table(folder: Path, rows: pd.DataFrame, **options) -> None:
    """table.md, table.csv and, where what was measured is published, agreement.csv in the folder of a run."""
    write_text(folder / "table.md", render(rows, "markdown", **options) + "\n")
    write_text(folder / "table.csv", compose.to_csv(rows, **options))
    beside, path = agreement.pairs(rows), folder / "agreement.csv"
    if beside.empty:
        path.unlink(missing_ok=True)
    else:
        with replacing(path) as file:
            beside.to_csv(file, index=False)


def _costly(rows: pd.DataFrame, options: dict[str, Any]) -> list[str]:
    if options.get("costs") is None:
        return []
    from ablations.report.costs import unknown_costs  # the table alone needs no torch

    return unknown_costs(rows)
