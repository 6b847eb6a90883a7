"""The command `ablate benchmark probes`: how fast probes train on this machine."""

from pathlib import Path

import click

from ablations.benchmarks import probe_memory
from ablations.benchmarks import probes as probe_speed
from ablations.cli.options import DEVICE, PATH
from ablations.cli.progress import bars, terminal
from ablations.kit import process
from ablations.system.errors import NewFile, one_line_errors
from ablations.system.machine import choose_device
from downstream.disk.files import write_json


@click.command()
@click.argument("folder", required=False, type=PATH)
@click.option("--kit", type=PATH, help="Python that has hear-eval-kit, which evaluates FOLDER first (minutes).")
@click.option("--large", is_flag=True, help="Also features that do not fit into memory, for what they take (minutes).")
@DEVICE
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@one_line_errors
def probes(folder: Path | None, kit: Path | None, large: bool, device: str | None, out: Path | None) -> None:
    """Measure the training of probes: packs of several sizes, and the one-at-a-time trainer.

    FOLDER is an embedding folder of hear-eval-kit, on which the whole protocol is timed.
    """
    if kit and not folder:
        raise ValueError("--kit evaluates an embedding folder, expected FOLDER")
    kit, device = kit and process.interpreter(kit), choose_device(device)
    with bars(terminal()) as track:
        found = probe_speed.probes(device, folder=folder, kit=kit, track=track)
        found["memory"] = probe_memory.memory(device, track=track) if large else None
    click.echo(probe_speed.to_markdown(found))
    if large:
        click.echo(f"\n{probe_memory.to_markdown(found['memory'])}")
    if out:
        words = ["ablate benchmark probes", *(["FOLDER"] if folder else []), *(["--kit PYTHON"] if kit else [])]
        write_json(out, {"command": " ".join([*words, *(["--large"] if large else [])]), **found})
