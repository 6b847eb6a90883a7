"""The command `ablate benchmark tables`: how long large tables take."""

from pathlib import Path

import click

from ablations.system.errors import NewFile, one_line_errors
from ablations.table_speed import FOLDS, MODELS, SEEDS, measure, to_markdown
from downstream.disk.files import write_json


@click.command()
@click.option("--models", type=click.IntRange(1), default=MODELS, show_default=True, help="On HEAR's 19 tasks.")
@click.option("--folds", type=click.IntRange(1), default=FOLDS, show_default=True)
@click.option("--seeds", type=click.IntRange(1), default=SEEDS, show_default=True)
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@one_line_errors
def tables(models: int, folds: int, seeds: int, out: Path | None) -> None:
    """Measure tables of made-up rows in every format, and whether results import torch."""
    found = measure(models, folds, seeds)
    click.echo(to_markdown(found))
    if out:
        options = f"--models {models} --folds {folds} --seeds {seeds}"
        write_json(out, {"command": f"ablate benchmark tables {options}", **found})
