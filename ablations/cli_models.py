"""The commands ablate models and ablate download: what can be embedded with, and getting its published weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from ablations.catalog import models_table, published, published_names
from ablations.catalog_text import in_full, to_text
from ablations.errors import one_line, one_line_errors
from ablations.progress import terminal
from downstream.files import write_atomically
from downstream.progress import Advance, Track
from passt import weights


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="A JSON file to write.")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="A CSV file to write.")
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
@click.option("--all", "every", is_flag=True, help="Every published file, PaSST's and the baselines': gigabytes.")
@one_line_errors
def download(names: tuple[str, ...], every: bool) -> None:
    """Fetch published weights to $PASST_WEIGHTS, else the user's cache, and verify them.

    NAME is a model, an alias or a named spec.

    What was interrupted goes on where it was. The exit status is 1 where a file could not be had.
    """
    if bool(names) == every:
        raise click.UsageError("name the models to fetch, or --all; `ablate models` lists them")
    console = terminal()
    failed = False
    with _bars(console) as track:
        for name in published_names() if every else dict.fromkeys(names):
            try:
                path = weights.published_file(published(name), track=track)
                click.echo(f"{name}: {path} ({path.stat().st_size / 1e6:.1f} MB)")
            except (ValueError, OSError) as error:
                click.echo(f"Failed: {_named(name, one_line(error))}", err=True)
                failed = True
    if failed:
        raise SystemExit(1)


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
