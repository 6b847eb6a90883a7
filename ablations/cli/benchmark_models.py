"""The command `ablate benchmark models`: how fast each model embeds on this machine, and what it costs."""

from pathlib import Path

import click

from ablations.benchmarks import models as model_speed
from ablations.cli.options import DEVICE
from ablations.cli.progress import bars, terminal
from ablations.system.errors import NewFile, one_line_errors
from ablations.system.machine import choose_device
from downstream.disk.files import write_json


@click.command()
@click.argument("names", nargs=-1, metavar="[SPEC]...")
@click.option("--panns", metavar="PYTHON", help="An interpreter that has panns_inference, to be measured beside.")
@DEVICE
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@one_line_errors
def models(names: tuple[str, ...], panns: str | None, device: str | None, out: Path | None) -> None:
    """Measure clips a second of PaSST and the baselines, with parameters and multiply-adds, in one run.

    SPEC is a checkpoint or a spec; without any, one of each kind. Weights are untrained where a model can have such.
    """
    with bars(terminal()) as track:
        found = model_speed.speeds(choose_device(device), names or model_speed.NAMES, panns=panns, track=track)
    click.echo(model_speed.to_markdown(found))
    if out:
        words = ["ablate benchmark models", *names, *(["--panns PYTHON"] if panns else [])]
        write_json(out, {"command": " ".join(words), **found})
