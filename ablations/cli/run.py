"""The commands `ablate run` and `ablate plan`."""

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from tabulate import tabulate

from ablations.engines import Engine, make_engine
from ablations.report.draw import write_figure
from ablations.report.table import compose_run, render, write_table
from ablations.runs.many import PAPER, Ended, run_studies, studies_of, summary
from ablations.runs.plan import plan_study, to_text
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.system.errors import NewFile, one_line, one_line_errors
from ablations.terminal.options import OF_A_RUN, together
from ablations.terminal.progress import bars, terminal
from ablations.units.unit import Shard
from ablations.units.where import Where
from results import load
from results.rows.files import replacing
from results.scores.kinds import MEASURED

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
        if gpus_per_worker is not None and workers is None and ray is None:
            raise click.UsageError("--gpus-per-worker is of Ray workers, expected --workers or --ray")
        if shard and (workers is not None or ray is not None):
            raise click.UsageError("--shard is without Ray, expected no --workers and no --ray")
        part = Shard.parse(shard) if shard else None
        engine = make_engine("here")
        if workers is not None or ray is not None:
            engine = make_engine("ray", count=workers, address=ray, gpus_each=gpus_per_worker)
        return command(shard=part, engine=engine, **others)

    decorated: Callable[..., Any] = together(*ENGINE_OPTIONS)(with_engine)
    return decorated


@click.command()
@OF_A_RUN
@click.option("--compile", "compiled", is_flag=True, help="Use torch.compile; where it fails, say why and go on.")
@one_line_errors
@engine_options
def run(
    study: str,
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    precision: str | None,
    compiled: bool,
    shard: Shard | None,
    engine: Engine,
) -> None:
    """Run what is missing of STUDY, then print its table and draw its figure.

    STUDY is a packaged name, a YAML file, or "paper": every study of the paper, one after the other, and a summary.

    A run that was stopped goes on where it was. A part of a study (--shard) has no table and figure. Tasks that are
    absent are named at the end, with how to get each. The exit status is 1 where one was absent or a job failed.
    """
    studies = studies_of(study)
    console = terminal()
    where, machine = Where.of(runs, store, tasks), Machine(device, precision, compiled)
    found: list[Ended] = []
    with bars(console) as track:
        start = time.perf_counter()
        for ended in run_studies(studies, where, machine, shard=shard, engine=engine, track=track):
            if len(studies) > 1:
                click.echo(f"\n{ended.study.name} ({len(found) + 1} of {len(studies)})\n")
            if ended.outcome:
                ended = replace(ended, error=_shown(ended, time.perf_counter() - start, whole=shard is None))
            found.append(ended)
            start = time.perf_counter()
    if study == PAPER:
        click.echo(f"\n{summary_text(found)}")
    if _failures(found):
        raise SystemExit(1)


def summary_text(found: Sequence[Ended]) -> str:
    """Show `summary` on a terminal."""
    shown = summary(found).astype(object)
    text = tabulate(shown.where(shown.notna(), "–"), headers="keys", showindex=False)
    return f"{text}\n\nmeasured, of cells: models x tasks; absent: tasks."


def _shown(ended: Ended, seconds: float, *, whole: bool) -> str:
    """Show the table and the figure; return why that failed, or "", so that failures of the study are named, too."""
    try:
        _show(ended, seconds, whole=whole)
    except (ValueError, OSError) as error:
        return f"its rows are there, but not its table and figure: {one_line(error)}"
    return ""


def _show(ended: Ended, seconds: float, *, whole: bool) -> None:
    """Print the table and write the figure; of a part of a study only say where its rows are."""
    assert ended.outcome  # a study that ended without one has no rows to show
    folder = ended.outcome.folder
    rows = load(folder)
    if not (rows["kind"] == MEASURED).any():
        click.echo(f"{ended.study.name}: nothing was measured, so there is no table and no figure")
        return
    if whole:
        table = compose_run(rows)
        click.echo(render(table, "terminal"))
        write_table(folder, table)
        click.echo(f"\nFigure: {write_figure(folder, ended.study, table.scored)}")
    click.echo(f"Rows:   {folder / 'rows.csv'}   ({seconds:.0f} s)")


def _failures(found: Sequence[Ended]) -> bool:
    """Print what is absent and what failed, a line each; return whether there was anything."""
    outcomes = [ended.outcome for ended in found if ended.outcome]
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    absent = dict.fromkeys(failure.reason for failure in failures if failure.absent)
    errors = [f"{ended.study.name}: {ended.error}" for ended in found if ended.error]
    failed = dict.fromkeys([*errors, *(str(failure) for failure in failures if not failure.absent)])
    for cell in dict.fromkeys(cell for outcome in outcomes for cell in outcome.not_applicable):
        click.echo(f"Not applicable: {one_line(str(cell))}", err=True)
    for text in failed:
        click.echo(f"Failed: {one_line(text)}", err=True)
    for text in absent:
        click.echo(one_line(f"{text[0].upper()}{text[1:]}"), err=True)
    return bool(absent or failed)


@click.command()
@OF_A_RUN
@click.option("--no-measure", is_flag=True, help="Counts alone, no estimate of time and memory.")
@click.option("--out", type=NewFile(), help="A CSV file to write.")
@one_line_errors
def plan(
    study: str,
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    precision: str | None,
    no_measure: bool,
    out: Path | None,
) -> None:
    """Say what is missing of STUDY: jobs, forward passes, fits, time, disk and memory, by a quick measurement.

    Embedders are loaded; weights that are not here are fetched. The exit status is 1 where something can't be run.
    """
    where, machine = Where.of(runs, store, tasks), Machine(device, precision)
    with bars(terminal()) as track:
        found = plan_study(Study.load(study), where, machine, measure=not no_measure, track=track)
    click.echo(to_text(found, where.store))
    if out:
        with replacing(out) as file:
            found.to_csv(file, index=False)
    if found["problem"].notna().any():
        raise SystemExit(1)
