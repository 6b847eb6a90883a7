"""The command `ablate benchmark big`: memory and time of a run on a big task."""

import tempfile
from pathlib import Path

import click

from ablations.cli.options import DEVICE, PATH
from ablations.cli.progress import bars, terminal
from ablations.system.errors import NewFile, one_line_errors
from ablations.system.machine import choose_device
from downstream.disk.files import write_json
from tests.campaigns import big
from tests.campaigns.big_tasks import SIZES


@click.command("big")
@click.argument("kind", type=click.Choice(list(SIZES)))
@click.option("--clips", type=int, help="How many  [default: 50,000 scenes, 185 with events]")
@click.option("--seconds", type=float, help="Of a clip  [default: 1 of a scene, 120 with events]")
@click.option("--checkpoint", help="The model  [default: passt_demo, the small network]")
@click.option("--weights", default="untrained-0", show_default=True, help="Its weights.")
@click.option("--protocol", default=big.PROTOCOL, show_default=True, help="Of the probes.")
@click.option("--max-epochs", type=int, help="Of a probe  [default: HEAR's 500]")
@click.option("--limit-gb", type=float, default=4.0, show_default=True, help="The exit status is 1 beyond.")
@click.option("--work", type=PATH, help="A folder to be kept  [default: a temporary one]")
@DEVICE
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@one_line_errors
def big_command(
    kind: str,
    clips: int | None,
    seconds: float | None,
    checkpoint: str | None,
    weights: str,
    protocol: str,
    max_epochs: int | None,
    limit_gb: float,
    work: Path | None,
    device: str | None,
    out: Path | None,
) -> None:
    """Run extraction and probes on a made-up task: many short clips (scenes), or long ones with events.

    Anonymous memory is summed over all processes; the time is split into reading, mel, network, writing, probes.
    """
    options = {"clips": clips, "seconds": seconds, "protocol": protocol, "max_epochs": max_epochs}
    model = {"checkpoint": checkpoint or big.SPEC["checkpoint"], "weights": weights}
    with tempfile.TemporaryDirectory() as temporary, bars(terminal()) as track:
        place = work or Path(temporary)
        found = big.measure(kind, place, **options, model=model, device=choose_device(device), track=track)
    click.echo(big.to_markdown(found))
    if out:
        words = ["ablate benchmark big", kind, *([f"--clips {clips}"] if clips else [])]
        words += [f"--seconds {seconds:g}"] if seconds else []
        words += [f"--checkpoint {checkpoint} --weights {weights}"] if checkpoint else []
        words += [f"--protocol {protocol}"] if protocol != big.PROTOCOL else []
        words += [f"--max-epochs {max_epochs}"] if max_epochs else []
        write_json(out, {"command": " ".join(words), **found})
    if found["peak_anonymous_mb"] > 1000 * limit_gb:
        raise ValueError(f"{found['peak_anonymous_mb']:.0f} MB of anonymous memory, expected at most {limit_gb:g} GB")
