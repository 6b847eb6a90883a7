"""The command `ablate benchmark faults`: runs that are killed end with the rows they would have had."""

import shlex
import tempfile
from pathlib import Path

import click

from ablations import faults
from ablations.cli_options import PATH
from ablations.errors import NewFile, one_line_errors
from ablations.progress import bars, terminal
from downstream.files import write_json


@click.command("faults")
@click.option("--kills", type=click.IntRange(1), default=30, show_default=True, help="At least so many.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the moments.")
@click.option("--run-options", default="", metavar="OPTIONS", help="Of `ablate run`, such as '--workers 2'.")
@click.option("--work", type=PATH, help="An empty folder to be kept  [default: a temporary one]")
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@one_line_errors
def faults_command(kills: int, seed: int, run_options: str, work: Path | None, out: Path | None) -> None:
    """Kill runs (kill -9) at random moments, in extraction, writing and probes, and start them again until they end.

    The exit status is 1 where rows or predictions are not those of an undisturbed run.
    """
    with tempfile.TemporaryDirectory() as temporary, bars(terminal()) as track:
        place = work or Path(temporary)
        options = shlex.split(run_options)
        found = faults.campaign(place, kills=kills, seed=seed, options=options, track=track)
    click.echo(faults.to_markdown(found))
    if out:
        words = f"ablate benchmark faults --kills {kills} --seed {seed}"
        write_json(out, {"command": words + (f" --run-options '{run_options}'" if run_options else ""), **found})
