"""The group `ablate store`: what it holds, whether it is whole, and room made in it."""

import re
from pathlib import Path

import click
import pandas as pd

from ablations.cli.options import PATH, STORE
from ablations.store import check as store_check
from ablations.store import listing
from ablations.system.errors import one_line_errors

UNITS = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


@click.group()
def store() -> None:
    """The store of embeddings: list it, verify it, make room in it."""


@store.command()
@STORE
@click.option("--csv", "as_csv", is_flag=True, help="Every column, as CSV.")
@one_line_errors
def ls(store: Path | None, as_csv: bool) -> None:
    """List what the store holds: a line for the taps of a model on a split, one for each unfinished extraction."""
    table = listing.store_table(store)
    if as_csv:
        click.echo(table.to_csv(index=False), nl=False)
        return
    click.echo(_shown(table))
    click.echo(f"\n{_size(int(table['bytes'].sum()))} in all")


@store.command()
@STORE
@click.option("--full", is_flag=True, help="Read every file, too, and verify its sum.")
@click.option("--runs", type=PATH, help="A run, or a folder of runs, to be checked too.")
@click.option("--fix", is_flag=True, help="Move what is faulty away, to the folder faulty, so that it is made anew.")
@one_line_errors
def check(store: Path | None, full: bool, runs: Path | None, fix: bool) -> None:
    """Verify the store: every file's header, length and record; and with --runs, rows against their jobs.

    Each fault is named in one line that says what to do. The exit status is 1 where something is wrong and was not
    moved away.
    """
    found = store_check.check(store, full=full, runs=runs, fix=fix)
    for fault, place in found.itertuples(index=False):
        click.echo(f"{fault}\n  moved to {place}" if place else fault)
    read = "read in full" if full else "headers and lengths; --full reads every file"
    click.echo(f"{len(found)} faults ({read})" if len(found) else f"no faults ({read})")
    if (found["moved_to"] == "").any():
        raise SystemExit(1)


@store.command()
@STORE
@click.option("--older-than", metavar="AGE", help="Not used for so long: 12h, 30d, 8w.")
@click.option("--keep", metavar="SIZE", help="Until what remains takes no more than that: 500M, 50G.")
@click.option("--model", "models", multiple=True, metavar="NAME", help="Of these embedders; may hold *.")
@click.option("--partial", is_flag=True, help="Unfinished extractions only.")
@click.option("--earlier", is_flag=True, help="What an earlier version made and this one does not use.")
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
    """Remove embeddings, those used longest ago first; all conditions have to hold.

    What a running process uses stays. The next run that needs what was removed makes it anew.
    """
    found = listing.prune(
        store,
        older_than_s=_amount(older_than, SECONDS, "--older-than", "30d"),
        keep_bytes=_amount(keep, UNITS, "--keep", "50G"),
        models=models,
        partial=partial,
        earlier=earlier,
        dry_run=dry_run,
    )
    gone = found[found["removed"]]
    if len(gone):
        click.echo(_shown(gone))
    for path in found.loc[~found["removed"], "path"]:
        click.echo(f"{path}: in use by a running process, kept", err=True)
    click.echo(f"{_size(int(gone['bytes'].sum()))} {'would be removed' if dry_run else 'removed'}")


def _shown(table: pd.DataFrame) -> str:
    taps = table["taps"].map(lambda names: f"{len(names)}: {', '.join(names[:2])}{', ...' * (len(names) > 2)}")
    model = table["embedder"].where(table["embedder"].fillna("") != "", table["embedder_fp"]).fillna("")
    last = table["last_used"].dt.strftime("%Y-%m-%d %H:%M").fillna("")
    shown = table[["clips", "split", "kind"]].assign(
        taps=taps.where(table["kind"] != "other", ""),
        items=table["items"].astype("string"),
        size=table["bytes"].map(_size),
    )
    shown = shown.assign(last_used=last, state=table["state"]).fillna("")
    shown.insert(0, "embedder", model)
    return shown.to_string(index=False) if len(shown) else "nothing"


def _size(count: int) -> str:
    unit = next(unit for unit, value in reversed(UNITS.items()) if count >= value or unit == "")
    return f"{count / UNITS[unit]:.3g} {unit}B"


def _amount(text: str | None, units: dict[str, float], option: str, example: str) -> int | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]?)", text)
    if not match or match[2] not in units:
        raise ValueError(
            f"{option} must be a number with one of {', '.join(filter(None, units))}, such as {example}, got {text!r}"
        )
    return int(float(match[1]) * units[match[2]])
