"""The command `ablate benchmark complexity`: what time resolution costs on this machine, as the paper's Table 2."""

import json
from pathlib import Path

import click
import pandas as pd
import torch
from click.core import ParameterSource

from ablations.benchmarks.complexity import CHECKPOINTS, NOTES, to_markdown
from ablations.benchmarks.complexity import complexity as measure
from ablations.cli.options import DEVICE
from ablations.cli.progress import bars, terminal
from ablations.system.errors import NewFile, one_line_errors
from ablations.system.machine import choose_device, machine, versions
from downstream.disk.files import write_json


@click.command()
@DEVICE
@click.option(
    "--hop", "hops", type=click.Choice([str(hop) for hop in CHECKPOINTS]), multiple=True, help="STFT hop, ms."
)
@click.option("--batch", type=int, help="Clips a step  [default: 1 on a CPU, 64 on CUDA, less where memory is short]")
@click.option("--repeats", type=int, help="Timed steps  [default: 1 on a CPU, 10 on CUDA]")
@click.option("--seconds-limit", type=float, default=60.0, show_default=True, help="Of the steps of one measurement.")
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True)
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@click.pass_context
@one_line_errors
def complexity(
    context: click.Context,
    device: str | None,
    hops: tuple[str, ...],
    batch: int | None,
    repeats: int | None,
    seconds_limit: float,
    precision: str,
    out: Path | None,
) -> None:
    """Measure training and inference speed at each time resolution, with and without patchout.

    Prints the paper's Table 2 of this machine, the published values in brackets. Without options a few minutes on two
    CPU cores.
    """
    device = choose_device(device)
    chosen = [int(hop) for hop in hops] or tuple(CHECKPOINTS)
    with bars(terminal()) as track:
        table = measure(device, batch, repeats, seconds_limit, hops_ms=chosen, precision=precision, track=track)
    click.echo(to_markdown(table))
    if out:
        write_json(out, _record(context, table, device, precision))


def _record(context: click.Context, table: pd.DataFrame, device: str, precision: str) -> dict:
    return {
        "command": _command(context),
        "what": " ".join(NOTES),
        "device": machine(device),
        "threads": torch.get_num_threads(),
        "precision": precision,
        "versions": versions(),
        "rows": json.loads(table.to_json(orient="records")),
    }


def _command(context: click.Context) -> str:
    """As it was typed, without the place of the output."""
    words = ["ablate benchmark complexity"]
    for option in context.command.params:
        given = context.get_parameter_source(option.name) is ParameterSource.COMMANDLINE
        if given and option.name != "out":
            value = context.params[option.name]
            words += [f"{option.opts[0]} {each}" for each in (value if isinstance(value, tuple) else (value,))]
    return " ".join(words)
