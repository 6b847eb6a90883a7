"""The command `ablate train`: a network's training on a list of labelled files."""

import os
from pathlib import Path

import click

from ablations.errors import one_line_errors
from ablations.progress import bars, terminal
from ablations.train import UNREADABLE_FILE, load_recipe, train_on_files
from ablations.training_clips import SEPARATOR
from downstream.progress import silent

LIST = click.Path(path_type=Path)


@click.command()
@click.argument("recipe")
@click.option("--data", type=LIST, required=True, help="A CSV of training files: columns file and labels.")
@click.option("--eval", "evaluation", type=LIST, required=True, help="A CSV of evaluation files.")
@click.option("--out", type=LIST, required=True, help="Folder of the training: weights, log, what it goes on from.")
@click.option("--audio", type=LIST, multiple=True, help="A folder or tar file  [default: the lists' folders]")
@click.option("--labels", type=LIST, help="A CSV with a column label or mid  [default: the training files' labels]")
@click.option("--separator", default=SEPARATOR, show_default=True, help="Between the labels of a file.")
@click.option("--device", help="cpu or cuda  [default: cuda where there is one]")
@click.option("--steps", type=int, help="In place of the recipe's.")
@click.option("--workers", type=click.IntRange(0), default=2, show_default=True, help="Threads that read files.")
@one_line_errors
def train(
    recipe: str,
    data: Path,
    evaluation: Path,
    out: Path,
    audio: tuple[Path, ...],
    labels: Path | None,
    separator: str,
    device: str | None,
    steps: int | None,
    workers: int,
) -> None:
    """Train by RECIPE (a packaged name or a YAML file); one that was stopped goes on where it was.

    On several GPUs: torchrun --nproc-per-node 2 --no-python ablate train ...
    """
    found = load_recipe(recipe, steps)
    first = os.environ.get("RANK", "0") == "0"
    options = {"audio": audio, "labels": labels, "separator": separator, "device": device, "workers": workers}
    if not first:
        train_on_files(found, data, evaluation, out, **options, track=silent)
        return
    with bars(terminal()) as track:
        result, unreadable = train_on_files(found, data, evaluation, out, **options, track=track)
    if unreadable:
        click.echo(f"{unreadable} files could not be read: {out / UNREADABLE_FILE}", err=True)
    click.echo(f"{result.steps} steps in {result.seconds:.0f} s, loss {result.loss:.4f}, mAP {result.mAP:.4f}")
    click.echo(f"Weights: {result.weights}")
