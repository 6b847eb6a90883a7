"""The commands `ablate models` and `ablate download`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from ablations.cli.options import PATH, TASKS
from ablations.cli.progress import terminal
from ablations.models.catalog import models_table, published, published_names
from ablations.models.catalog_text import in_full, to_text
from ablations.system.errors import one_line, one_line_errors
from ablations.tasks.archives import Archive, archives, need, task_folder
from ablations.tasks.names import default_folder
from downstream.disk.files import expanded, write_atomically
from downstream.progress import Advance, Track
from downstream.tasks.packaged import MAKERS
from downstream.tasks.task import Task
from passt.weights import load
from results.rows.rows import task_table


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "json_path", type=PATH, help="A JSON file to write.")
@click.option("--csv", "csv_path", type=PATH, help="A CSV file to write.")
@one_line_errors
def models(names: tuple[str, ...], json_path: Path | None, csv_path: Path | None) -> None:
    """List every model: time resolution, windows, levels, size and cost, and whether its weights are on this machine.

    With NAME (a model, an alias or a named spec) show that model in full.
    """
    table = models_table(names)
    if csv_path:
        flat = table.assign(**{name: table[name].map(" ".join) for name in ("levels", "weights")})
        write_atomically(csv_path, lambda file: file.write(flat.to_csv(index=False).encode()))
    if json_path:
        text = table.to_json(orient="records", indent=1, force_ascii=False)
        write_atomically(json_path, lambda file: file.write(f"{text}\n".encode()))
    click.echo("\n\n".join(map(in_full, table.itertuples())) if names else to_text(table))


@click.command()
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "every_model", is_flag=True, help="Every published file, PaSST's and the baselines': gigabytes.")
@click.option("--all-tasks", "every_task", is_flag=True, help="Every HEAR task: many gigabytes.")
@TASKS
@click.option(
    "--rate",
    "rates",
    type=int,
    multiple=True,
    help="A rate in Hz to have tasks at besides; can be repeated.",
)
@click.option("--workers", type=click.IntRange(1, 1024), help="Threads that resample  [default: one a processor]")
@click.option("--from", "mirror", metavar="URL", help="Where the archives of tasks are  [default: the public record]")
@click.option("--delete-archives", "delete", is_flag=True, help="Delete archives of tasks once they are unpacked.")
@one_line_errors
def download(
    names: tuple[str, ...],
    every_model: bool,
    every_task: bool,
    tasks: Path | None,
    rates: tuple[int, ...],
    workers: int | None,
    mirror: str | None,
    delete: bool,
) -> None:
    """Fetch published weights and HEAR tasks, and verify them.

    NAME is a model, an alias or a named spec, whose weights go to $PASST_WEIGHTS, else the user's cache; or the key of
    a HEAR task (dcase2016_task2, esc50, ...), whose folders go where `ablate run` looks for them. An archive that is in
    the folder of tasks already is used.

    What was interrupted goes on where it was. The exit status is 1 where something could not be had.
    """
    if bool(names) == (every_model or every_task):
        raise click.UsageError(
            "name the models to fetch, or --all; `ablate models` lists them; or HEAR tasks, or --all-tasks: "
            + ", ".join(task_table().index)
        )
    place = expanded(tasks or default_folder())
    wanted = [*names, *(published_names() if every_model else ()), *(task_table().index if every_task else ())]
    get = partial(task_folder, tasks=place, rates=rates, mirror=mirror, delete=delete, workers=workers)
    jobs = [job for name in dict.fromkeys(wanted) for job in _jobs(name, get)]
    console = terminal()
    if text := need([job.archive for job in jobs if job.archive], place, mirror):
        click.echo(text, err=True)
    failed = False
    with _bars(console) as track:
        for job in jobs:
            try:
                click.echo(f"{job.name}: {job.work(track)}")
            except (ValueError, OSError) as error:
                click.echo(f"Failed: {_named(job.name, one_line(error))}", err=True)
                failed = True
    if failed:
        raise SystemExit(1)


@dataclass(frozen=True)
class Job:
    """What one name stands for; `work` does it and says what is there. archive: of a task, one job each."""

    name: str
    work: Callable[[Track], str]
    archive: Archive | None = None


def _jobs(name: str, get: Callable[..., Task]) -> list[Job]:
    if name in MAKERS:
        return [Job(name, lambda track: "comes with the project")]
    if name in task_table().index:
        return [
            Job(name, lambda track, archive=archive: str(get(archive, track=track).folder), archive)
            for archive in archives(name)
        ]
    return [Job(name, partial(_weights, name))]


def _weights(name: str, track: Track) -> str:
    try:
        found = published(name)
    except ValueError as error:
        raise ValueError(f"{error}; or a HEAR task ({', '.join(task_table().index)})") from error
    path = load.published_file(found, track=track)
    return f"{path} ({path.stat().st_size / 1e6:.1f} MB)"


def _named(name: str, text: str) -> str:
    return text if name in text else f"{name}: {text}"


@contextmanager
def _bars(console: Console) -> Iterator[Track]:
    """A `Track` that draws a bar in bytes for each file while it comes."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        DownloadColumn(),
        TransferSpeedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:

        @contextmanager
        def track(description: str, total: float) -> Iterator[Advance]:
            bar = progress.add_task(description, total=total or None)
            try:
                yield lambda amount: progress.advance(bar, amount)
            finally:
                progress.remove_task(bar)

        yield track
