"""The table of a run, in every format, with what belongs below it: composed once, written many times."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from results.rows.files import replacing, write_text
from results.scores.scores import Rows, Scored
from results.statistics import edges
from results.tables import agreement
from results.tables.compose import compose
from results.tables.formats import FORMATS, Table

BESIDE = "Published beside measured"


@dataclass(frozen=True)
class RunTable:
    """A run's rows with their scores, and the tables made of them. Every format, file and figure is written from it.

    Attributes:
        table: models x tasks.
        pairs: `results.tables.agreement.pairs`.
        warnings: lines below the tables.
    """

    scored: Scored
    table: Table
    pairs: pd.DataFrame
    warnings: tuple[str, ...]


def compose_run(rows: Rows, *, lines: Sequence[str] = (), **options: Any) -> RunTable:
    """Compose the tables of a run.

    Args:
        rows: as `results.load` gives them.
        lines: that stand below the tables, before warnings.
        options: those of `results.tables.compose.compose`.
    """
    scored = Scored.of(rows)
    warnings = edges.edge_warnings(scored.rows)
    if options.get("costs") is not None:
        from ablations.report.costs import unknown_costs  # the table alone needs no torch

        warnings = [*unknown_costs(scored.rows), *warnings]
    return RunTable(scored, compose(scored, **options), agreement.pairs(scored), (*lines, *warnings))


def render(run: RunTable, form: str) -> str:
    """Write the table, what is published beside what was measured, and warnings; as CSV the table alone.

    Args:
        form: a key of `results.tables.formats.FORMATS`.
    """
    written = FORMATS[form]
    text = written.write(run.table)
    if written.heading is None:
        return text.rstrip("\n")
    parts = [text]
    if (beside := agreement.table(run.pairs)) is not None:
        parts += [written.heading.format(BESIDE), written.write(beside)]
    return "\n\n".join([*parts, *map(written.line, run.warnings)])


def write_table(folder: Path, run: RunTable) -> None:
    """Write table.md, table.csv and, where what was measured is published, agreement.csv into the folder of a run."""
    write_text(folder / "table.md", render(run, "markdown") + "\n")
    write_text(folder / "table.csv", FORMATS["csv"].write(run.table))
    path = folder / "agreement.csv"
    if run.pairs.empty:
        path.unlink(missing_ok=True)
    else:
        with replacing(path) as file:
            run.pairs.to_csv(file, index=False)
