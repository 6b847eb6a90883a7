"""The commands `ablate examples ...`: make small tasks of public archives."""

from collections.abc import Callable
from functools import reduce
from pathlib import Path

import click

from ablations.system.errors import one_line_errors
from ablations.tasks.examples.archives import ARCHIVES, unpack
from ablations.tasks.examples.tasks import SOURCES, make_tasks
from ablations.terminal.options import PATH
from ablations.terminal.progress import bars, terminal

Command = Callable[..., None]


def source_options(command: Command) -> Command:
    """An option for the file of each source."""
    options = [click.option(f"--{name}", type=PATH, help=source.help) for name, source in SOURCES.items()]
    return reduce(lambda decorated, option: option(decorated), reversed(options), command)


@click.group()
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
    duets_small, piano_small. Other sounds: scenes_small, soundscapes_small.

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
