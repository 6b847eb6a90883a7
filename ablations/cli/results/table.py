"""The commands `ablate table` and `ablate reference`."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ablations.system.errors import NewFile, one_line, one_line_errors
from ablations.terminal.names import REFERENCE_SET, TASK, Known
from ablations.terminal.options import A_RUN, PATH, REFERENCE, RUNS, folder_of

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = {".txt": "terminal", ".md": "markdown", ".tex": "latex", ".csv": "csv", ".html": "html"}
"""The suffix of a file -> the format that it is written in."""
OF_SCORES = ("references", "statistic", "confidence", "averaged", "by_category", "costs", "latency", "transposed")
"""Parameters that say how scores are shown."""


def _formats() -> list[str]:
    from results.tables.formats import FORMATS

    return list(FORMATS)


def _statistics() -> list[str]:
    """The spreads of the table, of which folds is called sd; ci shows an interval in its place."""
    from results.tables.compose import SPREADS

    return ["sd", *(name for name in SPREADS if name != "folds"), "ci"]


def _schemes() -> list[str]:
    from results.tables.averages import SCHEMES

    return list(SCHEMES)


@click.command()
@A_RUN
@RUNS
@REFERENCE
@click.option("--format", "form", type=Known("format", _formats), default="terminal", show_default=True)
@click.option(
    "--statistic",
    type=Known("statistic", _statistics),
    default="sd",
    show_default=True,
    help="Behind each mean: the standard deviation over folds (over seeds where there is one fold) or over seeds, a "
    "confidence interval, or none.",
)
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the intervals of ci.")
@click.option(
    "--average",
    "averaged",
    type=Known("average", _schemes),
    multiple=True,
    help="Means of scores normalized as the paper's or as the leaderboard's; can be repeated.",
)
@click.option("--by-category", is_flag=True, help="Tasks by category: speech, music, general.")
@click.option("--costs", is_flag=True, help="With parameters, multiply-adds, and the look-ahead of timestamps.")
@click.option(
    "--latency",
    type=PATH,
    metavar="FILE",
    help="With costs and the times that `ablate benchmark latency --out FILE` measured.",
)
@click.option("--transposed", is_flag=True, help="Models as columns, tasks as rows (a terminal has the narrower).")
@click.option("--level-weights", is_flag=True, help="The weights that probes learned for levels, in place of scores.")
@click.option(
    "--out", type=NewFile(), help="A file to write instead; its suffix says the format: md, csv, tex, html, txt."
)
@click.pass_context
@one_line_errors
def table(
    ctx: click.Context,
    study: str,
    runs: Path,
    references: tuple[str, ...],
    form: str,
    statistic: str,
    confidence: float,
    averaged: tuple[str, ...],
    by_category: bool,
    costs: bool,
    latency: Path | None,
    transposed: bool,
    level_weights: bool,
    out: Path | None,
) -> None:
    """Print the table of a STUDY that was run.

    STUDY is the name of a study or a run, a YAML file, or a run's folder. Below the table: published scores beside
    measured ones, and learning rates at an edge of the grid; not with --format csv.

    Without options, table.md, table.csv and agreement.csv in the run's folder are written anew, as `ablate run` writes
    them. With options nothing in the folder changes.
    """
    form = _format_of(out, ctx) or form
    folder = folder_of(study, runs)
    from ablations.report.table import compose_run, render, write_table
    from results import load

    rows = load(folder, references)
    if level_weights:
        if any(not _is_default(ctx, name) for name in OF_SCORES):
            raise click.UsageError("--level-weights shows no scores; it goes with --format and --out alone")
        from results.tables.formats import FORMATS
        from results.tables.level_weights import weights_table

        _write(FORMATS[form].write(weights_table(rows)).rstrip("\n"), out)
        return
    of_models, lines = _costs(rows, latency) if costs or latency else (None, ())
    run = compose_run(
        rows,
        lines=lines,
        means=averaged or False,
        by_category=by_category,
        costs=of_models,
        interval=confidence if statistic == "ci" else None,
        spread="folds" if statistic in ("sd", "ci") else statistic,
        transposed=transposed,
    )
    _write(render(run, form), out)
    if out is None and all(_is_default(ctx, name) for name in ctx.params if name not in ("study", "runs")):
        try:
            write_table(folder, run)
        except OSError as error:  # the run of another user, or on a disk that can only be read
            click.echo(f"table.md and table.csv were not written: {one_line(error)}", err=True)


def _write(text: str, out: Path | None) -> None:
    """Print a table, or write it to a file and print its name."""
    if out is None:
        click.echo(text)
        return
    from results.rows.files import write_text

    write_text(out, f"{text}\n")
    click.echo(out)


def _format_of(out: Path | None, ctx: click.Context) -> str | None:
    """The format that a file's suffix says, unless --format does; ValueError for another suffix."""
    if out is None or not _is_default(ctx, "form"):
        return None
    if out.suffix not in SUFFIXES:
        raise ValueError(f"--out must end in {', '.join(SUFFIXES)}, or name --format; got {out}")
    return SUFFIXES[out.suffix]


def _is_default(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) == click.core.ParameterSource.DEFAULT


def _costs(rows: "pd.DataFrame", latency: Path | None) -> "tuple[pd.DataFrame, list[str]]":
    from ablations.report.costs import costs_with_times  # imports torch

    return costs_with_times(rows, latency)


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...", type=REFERENCE_SET)
@click.option("--protocol", "protocols", multiple=True, help="Only scores of this protocol; can be repeated.")
@click.option("--year", "period", default="", help="Only scores of a year, or of several: 2024, 2022..2026.")
@click.option("--task", "tasks", type=TASK, multiple=True, help="Only scores of this task; can be repeated.")
@click.option("--csv", "csv_path", type=NewFile(), help="A CSV file to write the rows of NAME to.")
@one_line_errors
def reference(
    names: tuple[str, ...], protocols: tuple[str, ...], period: str, tasks: tuple[str, ...], csv_path: Path | None
) -> None:
    """List the sets of published scores, or show those of NAME.

    NAME is a set (fig5), or a set and a pattern of its models, in any case ("leaderboard:*passt*"). A pattern that no
    whole name fits is tried from each of its words on (leaderboard:panns). The list counts what the options leave.
    """
    from results.reference.listing import filtered, sets
    from results.reference.published import published
    from results.reference.sets import SETS
    from results.rows.rows import write_reference
    from results.tables.compose import compose
    from results.tables.formats import to_text

    if not names and csv_path:
        raise click.UsageError("name the sets whose rows to write")
    rows = filtered(published(names or SETS), protocols, period, tasks)
    if rows.empty:
        raise ValueError("no published score is of all that the options ask for; `ablate reference` lists the sets")
    if not names:
        click.echo(sets_text(sets(rows)))
        return
    click.echo(to_text(compose(rows)))
    if csv_path:
        write_reference(rows, csv_path)


def sets_text(table: Any) -> str:
    """Show the sets of published scores, a frame, on a terminal."""
    from tabulate import tabulate

    rows = zip(table["scores"], table["read_off"], table["tolerance"], strict=True)
    shown = table.assign(tolerance=[_exactness(*row) for row in rows]).drop(columns="read_off").reset_index()
    text = tabulate(shown, headers="keys", showindex=False, disable_numparse=True)
    return f"{text}\n\nFigures 6 to 9 are box plots: results.reference.published.boxes() has their statistics."


def _exactness(scores: int, read_off: int, tolerance: float) -> str:
    if not read_off:
        return "exact"
    return f"{'' if read_off == scores else f'{read_off} of {scores} '}read off, within {tolerance:g}"
