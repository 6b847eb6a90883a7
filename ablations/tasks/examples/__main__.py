"""python -m ablations.tasks.examples: lists of public archives, and small tasks."""

from pathlib import Path

import click

from ablations.cli.progress import bars, terminal
from ablations.system.errors import one_line_errors
from ablations.tasks.examples.archives import NAMES, unpack
from ablations.tasks.examples.tasks import make_tasks

PATH = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Worked examples of own tasks."""


@main.command(name="tasks")
@click.argument("folder", type=PATH)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--esc10", type=PATH, help="ESC-10's zip archive  [default: FOLDER/esc10.zip, fetched where absent]")
@click.option("--fsdd", type=PATH, help="The spoken digits' zip archive  [default: FOLDER/fsdd.zip, fetched]")
@click.option("--soundfont", type=PATH, help="A General MIDI soundfont, SF2  [default: Debian's FluidR3_GM.sf2]")
@click.option("--seed", default=0, show_default=True, help="Of all that is drawn.")
@one_line_errors
def make(
    folder: Path, names: tuple[str, ...], esc10: Path | None, fsdd: Path | None, soundfont: Path | None, seed: int
) -> None:
    """Make small tasks in FOLDER: what is missing of all of them, or of those named.

    Speech (digits_small), music (pitch_small, families_small, duets_small, piano_small), other sound (scenes_small,
    soundscapes_small). Music is rendered by fluidsynth: apt-get install fluidsynth fluid-soundfont-gm.
    """
    given = {"esc10": esc10, "fsdd": fsdd, "soundfont": soundfont}
    with bars(terminal()) as track:
        made = make_tasks(folder, names, {name: path for name, path in given.items() if path}, seed, track)
    for path in made:
        click.echo(path)


def _unpacking(name: str) -> click.Command:
    @click.command(
        name=name, help=f"Unpack the clips of ARCHIVE to FOLDER, with their list for `ablate prepare`: {name}."
    )
    @click.argument("archive", type=PATH)
    @click.argument("folder", type=PATH)
    @one_line_errors
    def command(archive: Path, folder: Path) -> None:
        click.echo(unpack(name, archive, folder))

    return command


for known in NAMES:
    main.add_command(_unpacking(known))


if __name__ == "__main__":
    main(prog_name="python -m ablations.tasks.examples")
