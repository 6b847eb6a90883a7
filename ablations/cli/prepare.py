"""The command `ablate prepare`: a HEAR task from a list of one's own files."""

from pathlib import Path

import click

from ablations.cli.options import PATH
from ablations.cli.progress import bars, terminal
from ablations.inputs.lists import SEPARATOR
from ablations.system.errors import one_line_errors
from ablations.tasks.prepare.checks import ALLOWABLE, DROPPABLE
from ablations.tasks.prepare.listing import UNITS, read_listing
from ablations.tasks.prepare.options import Options
from ablations.tasks.prepare.report import SHOWN
from ablations.tasks.prepare.task import examine, make_task
from downstream.disk.files import check_place, write_atomically
from downstream.kit.write import refuse_existing


@click.command()
@click.argument("listing", metavar="LIST", type=PATH)
@click.option("--out", type=PATH, required=True, help="The task folder to be, TASKS/name-version.")
@click.option("--audio", type=PATH, multiple=True, help="A folder of the files  [default: the list's folder]")
@click.option(
    "--rate", "rates", type=int, multiple=True, help="In Hz; several times for several  [default: the files']"
)
@click.option("--folds", default=5, show_default=True, help="How many are drawn where the list has no split or fold.")
@click.option("--seed", default=0, show_default=True, help="Of what is drawn.")
@click.option("--group", help="The column of what must not straddle splits  [default: group or recording]")
@click.option("--unit", type=click.Choice(list(UNITS)), default="s", show_default=True, help="Of start and end.")
@click.option("--labels", type=PATH, help="A CSV with a column label: the vocabulary in its order.")
@click.option("--separator", default=SEPARATOR, show_default=True, help="Between the labels of a file.")
@click.option("--multiclass", is_flag=True, help="The column labels holds exactly one.")
@click.option(
    "--metric", "metrics", multiple=True, help="HEAR's name; the first selects  [default: by the task's kind]"
)
@click.option("--median-filter-ms", type=float, multiple=True, help="Of events, to choose from  [default: 250]")
@click.option("--min-duration-ms", type=float, multiple=True, help="Of events, to choose from  [default: 125, 250]")
@click.option("--seconds", type=float, help="The length that every clip should have.")
@click.option("--drop", type=click.Choice(DROPPABLE), multiple=True, help="Leave such files out.")
@click.option("--allow", type=click.Choice(ALLOWABLE), multiple=True, help="Go on in spite of these.")
@click.option("--check", "only_check", is_flag=True, help="Report, and make nothing.")
@click.option("--workers", type=click.IntRange(1, 1024), help="Threads  [default: one a core]")
@one_line_errors
def prepare(
    listing: Path,
    out: Path,
    group: str | None,
    unit: str,
    separator: str,
    multiclass: bool,
    median_filter_ms: tuple[float, ...],
    min_duration_ms: tuple[float, ...],
    only_check: bool,
    **options,
) -> None:
    """Make a HEAR task of the files in LIST, a CSV, and report what is in it.

    Columns: file; label, or labels with commas between them; for event tasks start, end and label, a row an event. Then
    split (train, valid, test), or fold, or neither: folds are drawn. A group or recording never straddles them.
    The report is report.md and report.json in the task folder; beside LIST, under its name, where no task is made.
    """
    if not only_check:
        refuse_existing(out)
        check_place(out)
    read = read_listing(listing, separator=separator, unit=unit, group=group, multiclass=multiclass)
    grid = {"median_filter_ms": median_filter_ms, "min_duration": min_duration_ms}
    chosen = Options(**options, grid=grid)
    console = terminal()
    with bars(console) as track:
        examined = examine(read, out.name, chosen, track)
    click.echo(examined.report.text(SHOWN))
    if only_check or examined.stopped_by:
        for name, content in examined.report.files().items():
            write_atomically(listing.with_suffix(f".{name}"), lambda file, content=content: file.write(content))
    if only_check:
        return
    with bars(console) as track:
        make_task(examined, out, chosen.workers, track)
    click.echo(f"Task: {out}")
