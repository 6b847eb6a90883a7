"""The command `ablate embed`: embeddings of any audio files."""

from pathlib import Path

import click

from ablations.cli.options import DEVICE, PATH
from ablations.cli.progress import bars, terminal
from ablations.embed.files import embed_files
from ablations.system.compute import Machine
from ablations.system.errors import one_line, one_line_errors
from results.tables.escapes import printable


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option(
    "--spec", default="base", show_default=True, help="A spec or the name of one: 2level-mel@untrained-0, hear:MODULE."
)
@click.option("--weights", type=PATH, help="A weight file, for a spec that names no weights.")
@click.option(
    "--out",
    type=PATH,
    default="embeddings",
    show_default=True,
    help="A folder; or, for one file, a path that ends in .npz.",
)
@click.option("--scene", is_flag=True, help="Scene embeddings only  [default: both]")
@click.option("--timestamps", is_flag=True, help="Timestamp embeddings only  [default: both]")
@DEVICE
@click.option("--precision", default="fp32", show_default=True, help="The network's numbers.")
@click.option("--python", help="The interpreter that has a HEAR module (hear:...)  [default: this one]")
@one_line_errors
def embed(
    files: tuple[Path, ...],
    spec: str,
    weights: Path | None,
    out: Path,
    scene: bool,
    timestamps: bool,
    device: str | None,
    precision: str,
    python: str | None,
) -> None:
    """Write the embeddings of audio FILES (what libsndfile reads, at any rate; folders are searched) to a .npz each.

    What is there already is not computed again. The exit status is 1 where a file failed; the others are written.
    """
    kinds = {"scene": scene or not timestamps, "timestamps": timestamps or not scene}
    options = {"weights": weights, "machine": Machine(device, precision), "python": python}
    with bars(terminal()) as track:
        found = embed_files(files, spec, out=out, **kinds, **options, track=track)
    failed = found[found["error"] != ""]
    click.echo(f"{len(found) - len(failed)} of {len(found)} files embedded in {printable(out)} by {spec}")
    for error in failed["error"]:
        click.echo(f"Failed: {one_line(error)}", err=True)
    if len(failed):
        raise SystemExit(1)
