"""The command `ablate plan`: what a run would do, and what it would cost."""

from pathlib import Path

import click

from ablations.cli.options import DEVICE, PRECISION, RUNS, STORE, TASKS
from ablations.cli.progress import bars, terminal
from ablations.runs.plan import plan_study, to_text
from ablations.study.study import Study
from ablations.system.errors import NewFile, one_line_errors
from downstream.store.store import default_root
from results.rows.files import replacing


@click.command()
@click.argument("study")
@RUNS
@TASKS
@STORE
@DEVICE
@PRECISION
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
    store = store or default_root()
    places = {"runs": runs, "store": store, "tasks_folder": tasks, "device": device, "precision": precision}
    with bars(terminal()) as track:
        found = plan_study(Study.load(study), **places, measure=not no_measure, track=track)
    click.echo(to_text(found, store))
    if out:
        with replacing(out) as file:
            found.to_csv(file, index=False)
    if found["problem"].notna().any():
        raise SystemExit(1)
