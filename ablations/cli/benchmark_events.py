"""The command `ablate benchmark events`: the speed of a validation of an event task."""

from pathlib import Path

import click

from ablations.benchmarks.events import SIZES, measure, to_markdown
from ablations.cli.progress import bars, terminal
from ablations.kit.process import interpreter
from ablations.system.errors import NewFile, one_line_errors
from downstream.disk.files import write_json


@click.command()
@click.option("--kit", metavar="PYTHON", help="An interpreter that has hear-eval-kit, to be measured beside (minutes).")
@click.option(
    "--task", "tasks", type=click.Choice(list(SIZES)), multiple=True, help="The size of which  [default: all]"
)
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@one_line_errors
def events(kit: str | None, tasks: tuple[str, ...], out: Path | None) -> None:
    """Measure a validation of an event task: post-processing of predictions and scores, against hear-eval-kit."""
    with bars(terminal()) as track:
        found = measure(kit and str(interpreter(kit)), [SIZES[name] for name in tasks or SIZES], track=track)
    click.echo(to_markdown(found))
    if out:
        options = (" --kit PYTHON" if kit else "") + "".join(f" --task {name}" for name in tasks)
        write_json(out, {"command": f"ablate benchmark events{options}", **found})
