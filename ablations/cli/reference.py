"""The command ablate reference: what published scores there are to set beside measured ones."""

from pathlib import Path

import click
import pandas as pd
from tabulate import tabulate

from ablations.system.errors import NewFile, one_line_errors
from results.reference.published import published, sets
from results.rows.rows import write_reference
from results.tables import compose


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--csv", "csv_path", type=NewFile(), help="A CSV file to write the rows of NAME to.")
@one_line_errors
def reference(names: tuple[str, ...], csv_path: Path | None) -> None:
    """List the sets of published scores, or show those of NAME.

    NAME is a set (fig5), or a set and a pattern of its models, in any case ("leaderboard:*passt*"). A pattern that no
    whole name fits is tried from each of its words on (leaderboard:panns).
    """
    if not names:
        if csv_path:
            raise click.UsageError("name the sets whose rows to write")
        click.echo(sets_text(sets()))
        return
    rows = published(names)
    click.echo(rows_text(rows))
    if csv_path:
        write_reference(rows, csv_path)


def sets_text(found: pd.DataFrame) -> str:
    """The sets for a terminal."""
    within = ["exact" if pd.isna(value) else f"read off, within {value:g}" for value in found["tolerance"]]
    shown = found.assign(tolerance=within).reset_index()
    text = tabulate(shown, headers="keys", showindex=False, disable_numparse=True)
    return f"{text}\n\nFigures 6 to 9 are box plots: results.reference.published.boxes() has their statistics."


def rows_text(rows: pd.DataFrame) -> str:
    """Scores for a terminal, with notes: whichever are fewer, models or tasks, are the columns."""
    wide = compose.table(rows)
    wide.columns = [column.replace(" (", "\n(") for column in wide]
    if wide.shape[0] < wide.shape[1]:
        wide = wide.T.rename(index=lambda task: task.replace("\n", " "))
    align = ["left", *["right"] * wide.shape[1]]
    text = tabulate(wide.reset_index(names=""), headers="keys", showindex=False, disable_numparse=True, colalign=align)
    return "\n\n".join([text, *compose.notes(rows)])
