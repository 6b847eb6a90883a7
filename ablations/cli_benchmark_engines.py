"""The command `ablate benchmark engines`: what Ray's workers gain on this machine."""

from pathlib import Path

import click

from ablations.cli.progress import bars, terminal
from ablations.system.errors import NewFile, one_line_errors
from downstream.disk.files import write_json
from tests.campaigns.engine_speed import engine_speed, to_markdown


@click.command()
@click.option("--workers", "counts", type=int, multiple=True, default=(1, 2), show_default=True, help="Ray workers.")
@click.option("--seeds", type=click.IntRange(1), default=2, show_default=True, help="How many times all probes.")
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@one_line_errors
def engines(counts: tuple[int, ...], seeds: int, out: Path | None) -> None:
    """Measure how long a probe-heavy study takes in this process and by Ray workers that share the cores (minutes)."""
    with bars(terminal()) as track:
        found = engine_speed(counts, seeds=seeds, track=track)
    click.echo(to_markdown(found))
    if out:
        words = ["ablate benchmark engines", *(f"--workers {count}" for count in counts), f"--seeds {seeds}"]
        write_json(out, {"command": " ".join(words), **found})
