"""The command `ablate benchmark hear`: a page of what all of HEAR costs for one variant."""

import json
from pathlib import Path

import click

from ablations import hear_cost, models
from ablations.errors import NewFile, one_line_errors
from downstream.files import write_atomically
from passt import checkpoints

RECORD = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("hear")
@click.argument("spec", default="base")
@click.option(
    "--rates",
    type=(RECORD, RECORD),
    multiple=True,
    metavar="EMBED PROBES",
    help="Records of `ablate benchmark embed` and `probes` on a machine; several machines beside one another.",
)
@click.option("--precision", "precisions", multiple=True, help="Of these records  [default: fp32 and bf16]")
@click.option("--out", type=NewFile(), help="A Markdown file to write.")
@one_line_errors
def hear_command(
    spec: str, rates: tuple[tuple[Path, Path], ...], precisions: tuple[str, ...], out: Path | None
) -> None:
    """Work out what all 19 tasks of HEAR cost for one variant of PaSST, from rates that were measured.

    A data-centre GPU stands beside, at assumed rates where no record of one is given.
    """
    resolved = models.resolve(spec)
    checkpoints.get(resolved.checkpoint)  # another family's network is not counted
    machines = [
        hear_cost.Rates.of(json.loads(embed.read_text()), json.loads(probes.read_text()), precision)
        for embed, probes in rates
        for precision in precisions or ("fp32", "bf16")
    ]
    if all("cores" in machine.name for machine in machines):
        machines += [hear_cost.Rates.assumed(precision) for precision in precisions or ("fp32", "bf16")]
    page = hear_cost.to_markdown(resolved, machines)
    click.echo(page)
    if out:
        write_atomically(out, lambda file: file.write(page.encode()))
