"""The command `ablate embed`: embeddings of any audio files."""

from pathlib import Path

import click

from ablations.system.errors import one_line, one_line_errors
from ablations.terminal.names import MODEL
from ablations.terminal.options import DEVICE, PATH


@click.command()
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option(
    "--spec",
    type=MODEL,
    default="base",
    show_default=True,
    help="A spec or the name of one: 2level-mel@untrained-0, hear:MODULE.",
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
@click.option("--python", help="The interpreter of a HEAR module (hear:...)  [default: this one]")
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
    """Write the embeddings of audio FILES to a .npz each.

    FILES are what libsndfile reads, at any rate; folders are searched.

    Embeddings that are there already are not computed again. If a file fails, the others are still written, and the
    exit status is 1.
    """
    from ablations.embedding.files import embed_files
    from ablations.system.compute import Machine
    from ablations.terminal.progress import bars, terminal
    from results.tables.escapes import printable

    with bars(terminal()) as track:
        table = embed_files(
            files,
            spec,
            weights=weights,
            out=out,
            scene=scene or not timestamps,
            timestamps=timestamps or not scene,
            machine=Machine(device, precision),
            python=python,
            track=track,
        )
    failed = table[table["error"] != ""]
    click.echo(f"{len(table) - len(failed)} of {len(table)} files embedded in {printable(out)} by {spec}")
    for error in failed["error"]:
        click.echo(f"Failed: {one_line(error)}", err=True)
    if len(failed):
        raise SystemExit(1)
