"""The commands `ablate table` and `ablate reference`."""

from pathlib import Path

import click
import pandas as pd
from tabulate import tabulate

from ablations.report.table import compose_run, render, write_table
from ablations.system.errors import NewFile, one_line, one_line_errors
from ablations.terminal.options import REFERENCE, RUNS, folder_of
from results import load
from results.reference.published import published, sets
from results.rows.rows import write_reference
from results.tables.averages import SCHEMES
from results.tables.compose import SPREADS, compose
from results.tables.formats import FORMATS, to_text

STATISTICS = {"sd": "folds"} | {name: name for name in SPREADS if name != "folds"} | {"ci": "folds"}
"""Options --statistic, and the spread of the table that each stands for; ci shows an interval in its place."""


@click.command()
@click.argument("study")
@RUNS
@REFERENCE
@click.option("--format", "form", type=click.Choice(list(FORMATS)), default="terminal", show_default=True)
@click.option(
    "--statistic",
    type=click.Choice(list(STATISTICS)),
    default="sd",
    show_default=True,
    help="Behind each mean: the standard deviation over folds (over seeds where there is one fold) or over seeds, a "
    "confidence interval, or none.",
)
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the intervals of ci.")
@click.option(
    "--average",
    "averaged",
    type=click.Choice(SCHEMES),
    multiple=True,
    help="Means of scores normalized as the paper's or as the leaderboard's; can be repeated.",
)
@click.option("--by-category", is_flag=True, help="Tasks by category: speech, music, general.")
@click.option("--costs", is_flag=True, help="With parameters and multiply-adds.")
@click.option("--transposed", is_flag=True, help="Models as columns, tasks as rows (a terminal has the narrower).")
@one_line_errors
def table(
    study: str,
    runs: Path,
    references: tuple[str, ...],
    form: str,
    statistic: str,
    confidence: float,
    averaged: tuple[str, ...],
    by_category: bool,
    costs: bool,
    transposed: bool,
) -> None:
    """Print the table of a STUDY that was run, and write it to table.md and table.csv where that is possible.

    STUDY is a packaged name, a YAML file, or the folder of a run. Below the table: published scores beside measured
    ones (also in agreement.csv), and learning rates at an edge of the grid; not with --format csv.
    """
    folder = folder_of(study, runs)
    rows = load(folder, references)
    run = compose_run(
        rows,
        means=averaged or False,
        by_category=by_category,
        costs=_costs(rows) if costs else None,
        interval=confidence if statistic == "ci" else None,
        spread=STATISTICS[statistic],
        transposed=transposed,
    )
    click.echo(render(run, form))
    try:
        write_table(folder, run)
    except OSError as error:  # the run of another user, or on a disk that can only be read
        click.echo(f"table.md and table.csv were not written: {one_line(error)}", err=True)


def _costs(rows: pd.DataFrame) -> pd.DataFrame:
    from ablations.report.costs import costs_of  # imports torch

    return costs_of(rows)


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
    click.echo(to_text(compose(rows)))
    if csv_path:
        write_reference(rows, csv_path)


def sets_text(table: pd.DataFrame) -> str:
    """Show the sets of published scores on a terminal."""
    within = ["exact" if pd.isna(value) else f"read off, within {value:g}" for value in table["tolerance"]]
    shown = table.assign(tolerance=within).reset_index()
    text = tabulate(shown, headers="keys", showindex=False, disable_numparse=True)
    return f"{text}\n\nFigures 6 to 9 are box plots: results.reference.published.boxes() has their statistics."
