"""The commands `ablate run` and `ablate plan`."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ablations.cli.running.asked import ASKED, Asked
from ablations.system.errors import NewFile, one_line_errors
from ablations.terminal.options import PLACES, together

ENGINE_OPTIONS = (
    click.option("--shard", metavar="I/N", help="Only part I of N; all parts may use one folder at once."),
    click.option("--workers", type=int, metavar="N", help="Run by N Ray workers, which share this machine or --ray's."),
    click.option("--ray", metavar="ADDRESS", help="Run on a Ray cluster: host:port, or auto for the one that is here."),
    click.option("--gpus-per-worker", type=float, metavar="SHARE", help="GPUs of each Ray worker, such as 0.5."),
)


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that reach a command as `shard` and `engine`."""

    @functools.wraps(command)
    def with_engine(
        *args: Any,
        shard: str | None,
        workers: int | None,
        ray: str | None,
        gpus_per_worker: float | None,
        **others: Any,
    ) -> Any:
        from ablations.engines import make_engine
        from ablations.units.unit import Shard

        if gpus_per_worker is not None and workers is None and ray is None:
            raise click.UsageError("--gpus-per-worker is of Ray workers, expected --workers or --ray")
        if shard and (workers is not None or ray is not None):
            raise click.UsageError("--shard is without Ray, expected no --workers and no --ray")
        if others["dry_run"] and (shard or workers is not None or ray is not None):
            raise click.UsageError("--dry-run is of the whole study on this machine, expected no --shard and no Ray")
        part = Shard.parse(shard) if shard else None
        engine = make_engine("here")
        if workers is not None or ray is not None:
            engine = make_engine("ray", count=workers, address=ray, gpus_each=gpus_per_worker)
        return command(shard=part, engine=engine, **others)

    decorated: Callable[..., Any] = together(*ENGINE_OPTIONS)(with_engine)
    return decorated


@click.command()
@ASKED
@click.option("--dry-run", is_flag=True, help="Only say what is missing and what it takes, as `ablate plan` does.")
@PLACES
@click.option("--compile", "compiled", is_flag=True, help="Use torch.compile; where it fails, say why and go on.")
@one_line_errors
@engine_options
def run(
    dry_run: bool,
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    precision: str | None,
    compiled: bool,
    shard: Any,
    engine: Any,
    **asked: Any,
) -> None:
    """Run what is missing of STUDY, then print its table and draw its figure.

    STUDY is a packaged name, a YAML file, the folder or name of a run, or "paper": every study of the paper, one after
    the other, and a summary. Without STUDY, --model and --task make one, whose name says what it is:

    \b
      ablate run --model passt_demo --model hear:mymodel --task digits
      ablate run --model passt_demo --levels block1..block12 --task digits

    A run that was stopped goes on where it was. A part of a study (--shard) has no table and figure. Tasks that are
    absent are named at the end, with how to get each. The exit status is 1 where one was absent or a job failed.
    """
    request = Asked.of(asked)
    studies, runs = request.studies(runs)
    from ablations.cli.running import printed
    from ablations.system.compute import Machine
    from ablations.units.where import Where

    where, machine = Where.of(runs, store, tasks), Machine(device, precision, compiled)
    if dry_run:
        is_complete = printed.plan(studies, where, machine)
    else:
        is_complete = printed.run(studies, where, machine, shard, engine, with_summary=request.is_paper)
    if not is_complete:
        raise SystemExit(1)


@click.command()
@ASKED
@PLACES
@click.option("--no-measure", is_flag=True, help="Counts alone, no estimate of time and memory.")
@click.option("--out", type=NewFile(), help="A CSV file to write.")
@one_line_errors
def plan(
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    precision: str | None,
    no_measure: bool,
    out: Path | None,
    **asked: Any,
) -> None:
    """Say what is missing of STUDY: jobs, forward passes, fits, time, disk and memory, by a quick measurement.

    STUDY, and --model and --task in its place, are those of `ablate run`. Studies of the paper are planned one after
    the other, each as if alone, with their totals at the end.

    Embedders are loaded; weights that are not here are fetched. The exit status is 1 where something can't be run.
    """
    studies, runs = Asked.of(asked).studies(runs)
    from ablations.cli.running import printed
    from ablations.system.compute import Machine
    from ablations.units.where import Where

    where, machine = Where.of(runs, store, tasks), Machine(device, precision)
    if not printed.plan(studies, where, machine, measure=not no_measure, out=out):
        raise SystemExit(1)
