"""The command line of a campaign, and the file that it writes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ablations.system.machine import machine, versions
from downstream.disk.files import write_json

PATH = click.Path(path_type=Path)


def command_of(
    name: str, campaign: Callable[..., dict[str, Any]], count: int, options: Sequence[click.Option] = ()
) -> click.Command:
    """A command that runs a campaign and writes its record; the exit status is 1 where the record names wrong endings.

    Args:
        name: of the module. campaign: takes an empty folder, a number of attempts and a seed; its record holds `wrong`.
        count: how many attempts where none are given. options: further ones, which the campaign takes by name.
    """

    @click.command(help=campaign.__doc__.splitlines()[0])
    @click.option("--count", default=count, show_default=True)
    @click.option("--seed", default=0, show_default=True)
    @click.option("--work", type=PATH, required=True, help="An empty folder.")
    @click.option("--out", type=PATH, required=True, help="The JSON file to write.")
    def main(count: int, seed: int, work: Path, out: Path, **others: Any) -> None:
        work.mkdir(parents=True, exist_ok=True)
        record = campaign(work, count, seed, **others)
        words = [f"--{option} {value}" for option, value in {**others, "count": count, "seed": seed}.items()]
        command = " ".join((f"python -m tests.campaigns.{name}", *words))
        write_json(out, {"command": command, "device": machine("cpu"), "versions": versions(), **record})
        raise SystemExit(bool(record["wrong"]))

    main.params += options
    return main
