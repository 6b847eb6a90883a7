"""The commands that make tasks: `ablate prepare` of one's own files, `ablate examples ...` of public archives."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path
from typing import Any

import click

from ablations.inputs.lists import SEPARATOR
from ablations.system.errors import one_line_errors
from ablations.tasks.examples.archives import ARCHIVES, unpack
from ablations.tasks.examples.tasks import SOURCES, make_tasks
from ablations.tasks.prepare.checks import ALLOWABLE, DROPPABLE
from ablations.tasks.prepare.listing import UNITS, read_listing
from ablations.tasks.prepare.options import Options
from ablations.tasks.prepare.report import SHOWN
from ablations.tasks.prepare.task import examine, make_task
from ablations.terminal.names import Commands
from ablations.terminal.options import PATH
from ablations.terminal.progress import bars, terminal
from downstream.disk.files import check_place
from downstream.kit.write import refuse_existing

Command = Callable[..., None]


@click.command()
@click.argument("listing", metavar="LIST", type=PATH)
@click.option("--out", type=PATH, required=True, help="The task folder to make, TASKS/name-version.")
@click.option("--audio", type=PATH, multiple=True, help="A folder of the files  [default: the list's folder]")
@click.option(
    "--rate", "rates", type=int, multiple=True, help="A rate of the task in Hz; can be repeated  [default: the files']"
)
@click.option("--folds", default=5, show_default=True, help="How many to draw if the list has no split or fold.")
@click.option("--seed", default=0, show_default=True, help="Seed of everything that is drawn.")
@click.option("--group", help="The column of what must not straddle splits  [default: group or recording]")
@click.option("--unit", type=click.Choice(list(UNITS)), default="s", show_default=True, help="Unit of start and end.")
@click.option("--labels", type=PATH, help="A CSV with a column label: the vocabulary in its order.")
@click.option("--separator", default=SEPARATOR, show_default=True, help="What stands between labels.")
@click.option("--multiclass", is_flag=True, help="The column labels holds exactly one label.")
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    help="HEAR's name of a metric; the first selects  [default: by the kind]",
)
@click.option("--median-filter-ms", type=float, multiple=True, help="A median filter to try on events  [default: 250]")
@click.option("--min-duration-ms", type=float, multiple=True, help="A shortest event to try  [default: 125, 250]")
@click.option("--seconds", type=float, help="The length that every clip should have.")
@click.option("--drop", type=click.Choice(DROPPABLE), multiple=True, help="Leave the files of these findings out.")
@click.option("--allow", type=click.Choice(ALLOWABLE), multiple=True, help="Go on in spite of these findings.")
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
    **options: Any,
) -> None:
    """Make a HEAR task of the files in LIST, a CSV, and report what is in it.

    LIST has the columns file, and label, or labels with commas between them, or target, a number. For event tasks it
    has the columns start, end and label, and one row an event. A column split (train, valid, test) or fold says where a
    file belongs; without one, folds are drawn. Files of one group or recording stay together.

    The report is report.md and report.json in the task folder, or beside LIST if no task is made.
    """
    if not only_check:
        refuse_existing(out)
        check_place(out)
    entries = read_listing(listing, separator=separator, unit=unit, group=group, multiclass=multiclass)
    grid = {"median_filter_ms": median_filter_ms, "min_duration": min_duration_ms}
    chosen = Options(**options, grid=grid)
    console = terminal()
    with bars(console) as track:
        examined = examine(entries, out.name, chosen, track)
    click.echo(examined.report.text(SHOWN))
    if only_check or examined.stopped_by:
        examined.report.write_beside(listing)
    if only_check:
        return
    with bars(console) as track:
        make_task(examined, out, chosen.workers, track)
    click.echo(f"Task: {out}")


def source_options(command: Command) -> Command:
    """An option for the file of each source."""
    options = [click.option(f"--{name}", type=PATH, help=source.help) for name, source in SOURCES.items()]
    return reduce(lambda decorated, option: option(decorated), reversed(options), command)


@click.group(cls=Commands)
def examples() -> None:
    """Make small example tasks of public archives."""


@examples.command()
@click.argument("folder", type=PATH)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@source_options
@click.option("--seed", default=0, show_default=True, help="Seed of everything that is drawn.")
@one_line_errors
def tasks(folder: Path, names: tuple[str, ...], seed: int, **files: Path | None) -> None:
    """Make the small tasks that FOLDER lacks.

    NAME chooses tasks; without one, all are made. Speech: digits_small. Music: pitch_small, families_small,
    duets_small, piano_small. Other sounds: scenes_small, soundscapes_small, semitones_small. With more clips to test
    on, of which no two share a recording: piano_24, soundscapes_20.

    Music is rendered by fluidsynth: apt-get install fluidsynth fluid-soundfont-gm.
    """
    with bars(terminal()) as track:
        made = make_tasks(folder, names, {name: file for name, file in files.items() if file}, seed, track)
    for path in made:
        click.echo(path)


def unpacking(name: str) -> click.Command:
    """The command that unpacks one archive."""
    text = f"Unpack {name}'s ARCHIVE to FOLDER.\n\nFOLDER/list.csv lists the clips, as `ablate prepare` takes them."

    @click.command(name=name, help=text)
    @click.argument("archive", type=PATH)
    @click.argument("folder", type=PATH)
    @one_line_errors
    def command(archive: Path, folder: Path) -> None:
        click.echo(unpack(name, archive, folder))

    return command


for name in ARCHIVES:
    examples.add_command(unpacking(name))
