"""The group ablate benchmark, and its command embed; the others have files of their own beside this one."""

from pathlib import Path

import click

from ablations.benchmarks.embeddings import embeddings, to_markdown
from ablations.cli.benchmark_events import events
from ablations.cli.benchmark_models import models
from ablations.cli.benchmark_probes import probes
from ablations.cli.complexity import complexity
from ablations.cli.options import DEVICE
from ablations.cli.progress import bars, terminal
from ablations.system.errors import NewFile, one_line_errors
from ablations.system.machine import choose_device
from downstream.disk.files import write_json


@click.group()
def benchmark() -> None:
    """Measure this machine: embeddings, models, probes, events, complexity."""


@benchmark.command()
@DEVICE
@click.option("--peer", metavar="PYTHON", help="An interpreter that has hear21passt, to be measured beside.")
@click.option("--long", is_flag=True, help="Also every level of 120 s at two windows, for its memory (minutes).")
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@one_line_errors
def embed(device: str | None, peer: str | None, long: bool, out: Path | None) -> None:
    """Measure the speed of PaSST embeddings, against hear21passt and against the machine's matrix products."""
    with bars(terminal()) as track:
        found = embeddings(choose_device(device), peer, long=long, track=track)
    click.echo(to_markdown(found))
    if out:
        options = (" --peer PYTHON" if peer else "") + (" --long" if long else "")
        write_json(out, {"command": f"ablate benchmark embed{options}", **found})


for command in (complexity, models, probes, events):
    benchmark.add_command(command)
