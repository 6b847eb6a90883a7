"""The command `ablate benchmark gpu`."""

import tempfile
from pathlib import Path

import click

from ablations.benchmarks.gpu import runner
from ablations.benchmarks.gpu.files import PartFile
from ablations.benchmarks.gpu.parts import PARTS, Part
from ablations.benchmarks.record import HELP
from ablations.system.errors import one_line_errors
from ablations.system.machine import choose_device
from ablations.terminal.options import DEVICE, PATH

FOLDER = Path("results/benchmarks/gpu")
NAMES = [part.name for part in PARTS]


@click.command("gpu", context_settings=HELP)
@DEVICE
@click.option("--seconds", type=click.FloatRange(min=1), help="For all parts  [default: the sum of theirs]")
@click.option(
    "--only",
    type=click.Choice(NAMES),
    multiple=True,
    metavar="PART",
    help=f"A part to run, several times for more: {', '.join(NAMES)}.",
)
@click.option("--again", is_flag=True, help="Also run parts that have ended on this device.")
@click.option("--rehearse", is_flag=True, help="Tiny sizes, on any device; the numbers mean nothing.")
@click.option("--peer", type=click.Path(), default="", metavar="PYTHON", help="An interpreter with hear21passt.")
@click.option("--kit", type=click.Path(), default="", metavar="PYTHON", help="An interpreter with hear-eval-kit.")
@click.option("--out", type=PATH, help=f"Folder of the files, the page beside it  [default: {FOLDER}]")
@one_line_errors
def main(
    device: str | None,
    seconds: float | None,
    only: tuple[str, ...],
    again: bool,
    rehearse: bool,
    peer: str,
    kit: str,
    out: Path | None,
) -> None:
    """Measure everything that a GPU is asked for, in parts with time limits, and write a page.

    The most valuable parts come first. Each runs in a process of its own, and its file is written as soon as it ends; a
    run that was cut goes on where it stopped. Without --seconds all parts take less than nine minutes.
    """
    device = choose_device(device)
    if device == "cpu" and not rehearse:
        raise ValueError("torch sees no CUDA device here; --rehearse runs every part at tiny sizes on the CPU")
    folder = out or (Path(tempfile.mkdtemp(prefix="gpu-rehearsal-")) / "gpu" if rehearse else FOLDER)
    chosen = tuple(part for part in PARTS if not only or part.name in only)
    plan = runner.Plan(folder, device, seconds, rehearse, again, chosen, peer, kit)
    for part, file in runner.run(plan):
        click.echo(_line(part, file))
    click.echo(f"{folder.parent / folder.name}.md")


def _line(part: Part, file: PartFile) -> str:
    failed = [step.step for step in file.steps if step.failure]
    failures = f"; failed: {', '.join(failed)}" if failed else ""
    reason = f": {file.reason}" if file.reason else ""
    return f"{part.name}: {file.state} in {file.seconds:.0f} of {file.limit_s:.0f} s{reason}{failures}"


if __name__ == "__main__":
    main()
