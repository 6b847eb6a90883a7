"""The command `ablate table`: the table of a run, in several formats, with what belongs below it."""

from pathlib import Path

import click

from ablations.cli.options import REFERENCE, RUNS, folder_of
from ablations.report.show import WRITERS, costs_of, render, write_table
from ablations.system.errors import one_line, one_line_errors
from results import load
from results.tables import averages

STATISTICS = ("sd", "seeds", "ci", "none")


@click.command()
@click.argument("study")
@RUNS
@REFERENCE
@click.option("--format", "form", type=click.Choice(list(WRITERS)), default="terminal", show_default=True)
@click.option(
    "--statistic",
    type=click.Choice(STATISTICS),
    default="sd",
    show_default=True,
    help="Behind each mean: the standard deviation over folds (over seeds where there is one fold) or over seeds, a "
    "confidence interval, or none.",
)
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the intervals of ci.")
@click.option(
    "--average",
    "averaged",
    type=click.Choice(averages.SCHEMES),
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
    options = {
        "means": averaged or False,
        "by_category": by_category,
        "costs": costs_of(rows) if costs else None,
        "interval": confidence if statistic == "ci" else None,
        "spread": {"sd": "folds", "ci": "folds"}.get(statistic, statistic),
        "transposed": transposed,
    }
    click.echo(render(rows, form, **options))
    try:
        write_table(folder, rows, **options)
    except OSError as error:  # the run of another user, or on a disk that can only be read
        click.echo(f"table.md and table.csv were not written: {one_line(error)}", err=True)
