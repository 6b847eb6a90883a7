"""The commands ablate models and ablate download: what can be embedded with, and getting its published weights."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import pandas as pd
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
from tabulate import tabulate

from ablations.errors import one_line, one_line_errors
from ablations.models import families
from ablations.progress import terminal
from downstream.files import write_atomically
from downstream.progress import Advance, Track
from passt import checkpoints, complexity, weights
from passt.card import Card
from passt.checkpoints import SAMPLE_RATE, Checkpoint
from passt.spec import fields_of

SECONDS = 10  # of the clip that tokens and operations are counted for
WHOLE = ("hop", "tokens_10s", "parameters", "cached_bytes")  # columns of whole numbers, absent for most baselines


def models_table() -> pd.DataFrame:
    """Every model of every family, PaSST's first; what does not apply to a model is missing there.

    Columns: name, alias, family; hop in samples and `hop_ms`, stride (frequency x time), `token_ms` (the time from one
    token to the next), `tokens_10s` and `gmacs_10s` (of a clip of 10 s), parameters, audioset_mAP, trained_on; cached
    (whether the published file is on this machine) and `cached_bytes`.
    """
    rows = []
    for name, family in sorted(families().items(), key=lambda item: item[0] != "passt"):
        rows += [
            _passt_row(checkpoints.get(card.name)) if name == "passt" else _identity(card) for card in family.cards
        ]
    table = pd.DataFrame(rows)
    return table.astype(dict.fromkeys(WHOLE, "Int64") | {"cached": "boolean"})


def to_text(table: pd.DataFrame) -> str:
    """The table of models for a terminal."""
    shown = pd.DataFrame(
        {
            "name": [
                f"{name} ({alias})" if alias else name for name, alias in zip(table.name, table.alias, strict=True)
            ],
            "hop": [_text(hop, "{:.0f}") for hop in table.hop],
            "ms": [_text(ms, "{:g}") for ms in table.hop_ms],
            "stride": [_text(stride, "{}") for stride in table.stride],
            "token ms": [_text(ms, "{:g}") for ms in table.token_ms],
            "tokens, 10 s": [_text(tokens, "{:.0f}") for tokens in table.tokens_10s],
            "parameters": [_text(count / 1e6, "{:.1f} M") for count in table.parameters],
            "GMACs, 10 s": [_text(macs, "{:.1f}") for macs in table.gmacs_10s],
            "mAP": [_text(score, "{:.3f}") for score in table.audioset_mAP],
            "trained on": [_text(data, "{}") for data in table.trained_on],
            "cached": [_cached_text(row) for row in table.itertuples()],
        }
    )
    right = {"hop", "ms", "token ms", "tokens, 10 s", "parameters", "GMACs, 10 s"}
    align = ["right" if name in right else "left" for name in shown]
    return tabulate(shown, headers="keys", showindex=False, disable_numparse=True, colalign=align)


@click.command()
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="A JSON file to write.")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="A CSV file to write.")
@one_line_errors
def models(json_path: Path | None, csv_path: Path | None) -> None:
    """List every model: its time resolution, its size and cost, and whether its weights are on this machine."""
    table = models_table()
    if csv_path:
        write_atomically(csv_path, lambda file: file.write(table.to_csv(index=False).encode()))
    if json_path:
        text = table.to_json(orient="records", indent=1, force_ascii=False)
        write_atomically(json_path, lambda file: file.write(f"{text}\n".encode()))
    click.echo(to_text(table))


@click.command()
@click.argument("names", nargs=-1, metavar="NAME...")
@click.option("--all", "every", is_flag=True, help="Every published PaSST checkpoint.")
@one_line_errors
def download(names: tuple[str, ...], every: bool) -> None:
    """Fetch published PaSST weights to $PASST_WEIGHTS, else the user's cache, and verify them.

    NAME is a checkpoint, an alias or a named spec.

    What was interrupted goes on where it was. The exit status is 1 where a file could not be had.
    """
    if bool(names) == every:
        raise click.UsageError("name the checkpoints to fetch, or --all; `ablate models` lists them")
    console = terminal()
    failed = False
    with _bars(console) as track:
        for name in checkpoints.table() if every else dict.fromkeys(names):
            try:
                path = weights.published_file(checkpoints.get(fields_of(name)["checkpoint"]), track=track)
                click.echo(f"{name}: {path} ({path.stat().st_size / 1e6:.1f} MB)")
            except (ValueError, OSError) as error:
                click.echo(f"Failed: {_named(name, one_line(error))}", err=True)
                failed = True
    if failed:
        raise SystemExit(1)


def _named(name: str, text: str) -> str:
    return text if name in text else f"{name}: {text}"


def _identity(card: Card) -> dict:
    return {"name": card.name, "alias": card.aliases[0] if card.aliases else "", "family": card.family}


def _passt_row(checkpoint: Checkpoint) -> dict:
    path = weights.place(checkpoint)
    cached = path.is_file()
    return _identity(checkpoint.card) | {
        "hop": checkpoint.hop,
        "hop_ms": checkpoint.hop * 1000 / SAMPLE_RATE,
        "stride": f"{checkpoint.fstride}x{checkpoint.tstride}",
        "token_ms": checkpoint.tstride * checkpoint.hop * 1000 / SAMPLE_RATE,
        "tokens_10s": checkpoint.tokens(SECONDS * SAMPLE_RATE),
        "parameters": complexity.parameters(checkpoint),
        "gmacs_10s": complexity.macs(checkpoint, SECONDS) / 1e9,
        "audioset_mAP": checkpoint.audioset_mAP,
        "trained_on": checkpoint.trained_on,
        "cached": cached,
        "cached_bytes": path.stat().st_size if cached else None,
    }


def _text(value, form: str) -> str:
    return "" if pd.isna(value) else form.format(value)


def _cached_text(row) -> str:
    if pd.isna(row.cached):
        return ""
    return f"yes ({row.cached_bytes / 1e6:.1f} MB)" if row.cached else "no"


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
