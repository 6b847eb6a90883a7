"""The group `ablate store`: list the store, check it, and make space in it."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ablations.system.errors import one_line_errors
from ablations.terminal.names import Commands
from ablations.terminal.options import PATH, STORE

if TYPE_CHECKING:
    import pandas as pd

UNITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@click.group(cls=Commands)
def store() -> None:
    """The store of embeddings: list it, verify it, make space in it."""


@store.command(short_help="List the store.")
@STORE
@click.option("--csv", "as_csv", is_flag=True, help="Every column, as CSV.")
@one_line_errors
def ls(store: Path | None, as_csv: bool) -> None:
    """List the store: a line for the taps of a model on a split, and one for each unfinished extraction."""
    from ablations.store import listing

    table = listing.store_table(store)
    if as_csv:
        click.echo(table.to_csv(index=False), nl=False)
        return
    click.echo(_listing(table))
    click.echo(f"\n{_size(int(table['bytes'].sum()))} in all")


@store.command(short_help="Verify every file in the store, and runs.")
@STORE
@click.option("--full", is_flag=True, help="Read every file and verify its sum.")
@click.option("--runs", type=PATH, help="Check a run, or a folder of runs, too.")
@click.option("--fix", is_flag=True, help="Move faulty files to the folder faulty, so that they are made anew.")
@one_line_errors
def check(store: Path | None, full: bool, runs: Path | None, fix: bool) -> None:
    """Verify the header, length and record of every file in the store; with --runs, also rows against their jobs.

    Each fault is one line that says what to do. The exit status is 1 if any fault was not moved away.
    """
    from ablations.store import check as store_check

    faults = store_check.check(store, full=full, runs=runs, fix=fix)
    for fault, place in faults.itertuples(index=False):
        click.echo(f"{fault}\n  moved to {place}" if place else fault)
    read = "read in full" if full else "headers and lengths; --full reads every file"
    click.echo(f"{len(faults)} faults ({read})" if len(faults) else f"no faults ({read})")
    if (faults["moved_to"] == "").any():
        raise SystemExit(1)


@store.command(short_help="Remove what was not used for long.")
@STORE
@click.option("--older-than", metavar="AGE", help="Only what was not used for so long: 12h, 30d, 8w.")
@click.option("--keep", metavar="SIZE", help="Stop when the rest takes no more than this: 500M, 50G.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Only of these embedders; may contain *.")
@click.option("--partial", is_flag=True, help="Only unfinished extractions.")
@click.option("--earlier", is_flag=True, help="Only what an earlier version made and this one does not use.")
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@one_line_errors
def prune(
    store: Path | None,
    older_than: str | None,
    keep: str | None,
    models: tuple[str, ...],
    partial: bool,
    earlier: bool,
    dry_run: bool,
) -> None:
    """Remove embeddings that meet all conditions, the least recently used first.

    What a running process uses stays. A later run that needs removed embeddings makes them anew.
    """
    from ablations.store import listing

    entries = listing.prune(
        store,
        older_than_s=_amount(older_than, SECONDS, "--older-than", "30d"),
        keep_bytes=_amount(keep, UNITS, "--keep", "50G"),
        models=models,
        partial=partial,
        earlier=earlier,
        dry_run=dry_run,
    )
    gone = entries[entries["removed"]]
    if len(gone):
        click.echo(_listing(gone))
    for path in entries.loc[~entries["removed"], "path"]:
        click.echo(f"{path}: in use by a running process, kept", err=True)
    click.echo(f"{_size(int(gone['bytes'].sum()))} {'would be removed' if dry_run else 'removed'}")


def _listing(table: "pd.DataFrame") -> str:
    taps = table["taps"].map(lambda names: f"{len(names)}: {', '.join(names[:2])}{', ...' * (len(names) > 2)}")
    model = table["embedder"].where(table["embedder"].fillna("") != "", table["embedder_fp"]).fillna("")
    last = table["last_used"].dt.strftime("%Y-%m-%d %H:%M").fillna("")
    lines = table[["clips", "split", "kind"]].assign(
        taps=taps.where(table["kind"] != "other", ""),
        items=table["items"].astype("string"),
        size=table["bytes"].map(_size),
    )
    lines = lines.assign(last_used=last, state=table["state"]).fillna("")
    lines.insert(0, "embedder", model)
    return lines.to_string(index=False) if len(lines) else "nothing"


def _size(count: int) -> str:
    unit = next(unit for unit, value in reversed(UNITS.items()) if count >= value or unit == "")
    return f"{count / UNITS[unit]:.3g} {unit}B"


def _amount(text: str | None, units: Mapping[str, float], option: str, example: str) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]?)", text)
    if not match or match[2] not in units:
        raise ValueError(
            f"{option} must be a number with one of {', '.join(filter(None, units))}, such as {example}, got {text!r}"
        )
    return int(float(match[1]) * units[match[2]])
