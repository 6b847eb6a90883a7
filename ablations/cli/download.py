"""The command `ablate download`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click

from ablations.models.catalog import published, published_names
from ablations.system.errors import one_line, one_line_errors
from ablations.tasks.archives import Archive, archives, need, task_folder
from ablations.tasks.names import default_folder
from ablations.terminal.names import FETCHED
from ablations.terminal.options import TASKS
from ablations.terminal.progress import byte_bars, terminal
from downstream.disk.files import expanded
from downstream.progress import Track
from downstream.tasks.packaged import MAKERS
from downstream.tasks.task import Task
from passt.catalog.choices import choices
from passt.weights import load
from results.rows.rows import task_table


@click.command()
@click.argument("names", nargs=-1, metavar="NAME...", type=FETCHED)
@click.option("--all", "every_model", is_flag=True, help="Every published file, PaSST's and the baselines': gigabytes.")
@click.option("--all-tasks", "every_task", is_flag=True, help="Every HEAR task: many gigabytes.")
@TASKS
@click.option(
    "--rate",
    "rates",
    type=int,
    multiple=True,
    help="A further rate of the tasks in Hz; can be repeated.",
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

    A download that was interrupted goes on where it was. The exit status is 1 if something could not be fetched.
    """
    if bool(names) == (every_model or every_task):
        raise click.UsageError(
            "name models to fetch, or --all (`ablate models` lists them); or HEAR tasks, or --all-tasks "
            "(`ablate tasks` lists them)"
        )
    place = expanded(tasks or default_folder())
    every_name = [*names, *(published_names() if every_model else ()), *(task_table().index if every_task else ())]
    get = partial(task_folder, tasks=place, rates=rates, mirror=mirror, delete=delete, workers=workers)
    jobs = [job for name in dict.fromkeys(every_name) for job in _jobs(name, get)]
    console = terminal()
    if text := need([job.archive for job in jobs if job.archive], place, mirror):
        click.echo(text, err=True)
    failed = False
    with byte_bars(console) as track:
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
    """Something to fetch.

    Attributes:
        name: as the user wrote it.
        work: fetches it, and returns the line to print.
        archive: the archive, for a task; a task has a job for each of its archives.
    """

    name: str
    work: Callable[[Track], str]
    archive: Archive | None = None


def _jobs(name: str, get: Callable[..., Task]) -> list[Job]:
    """What a name stands for.

    Args:
        name: a model, a HEAR task or a packaged task.
        get: (archive, track=) -> the task.
    """
    if name in MAKERS:
        return [Job(name, lambda track: "comes with the project")]
    if name in task_table().index:
        return [Job(name, partial(_task, archive, get), archive) for archive in archives(name)]
    return [Job(name, partial(_weights, name))]


def _task(archive: Archive, get: Callable[..., Task], track: Track) -> str:
    """Fetch the task of an archive, and return its folder."""
    return str(get(archive, track=track).folder)


def _weights(name: str, track: Track) -> str:
    """Fetch the weights of a model, and return their path and size."""
    try:
        file = published(name)
    except ValueError as error:
        task = choices(name, task_table().index, listed_by="`ablate tasks`")
        raise ValueError(f"{error}; or a HEAR task{task}") from error
    path = load.published_file(file, track=track)
    return f"{path} ({path.stat().st_size / 1e6:.1f} MB)"


def _named(name: str, text: str) -> str:
    return text if name in text else f"{name}: {text}"
