"""The command `ablate train`: a network's training on lists of labelled files, or on the made-up corpus."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path

import click

from ablations.cli_options import DEVICE, PATH
from ablations.errors import one_line_errors
from ablations.lists import SEPARATOR
from ablations.progress import bars, terminal
from ablations.train import CARD_FILE, UNREADABLE_FILE, load_recipe, train_on_corpus, train_on_files
from downstream.progress import silent
from passt.training.recipe import Recipe


@click.command()
@click.argument("recipe")
@click.option("--data", type=PATH, help="A CSV of training files: columns file and labels.")
@click.option("--eval", "evaluation", type=PATH, help="A CSV of evaluation files.")
@click.option("--out", type=PATH, required=True, help="Folder of the training: weights, log, what it goes on from.")
@click.option("--audio", type=PATH, multiple=True, help="A folder or tar file  [default: the lists' folders]")
@click.option("--labels", type=PATH, help="A CSV with a column label or mid  [default: the training files' labels]")
@click.option("--separator", default=SEPARATOR, show_default=True, help="Between the labels of a file.")
@click.option("--start", type=PATH, help="Weights that a recipe with `start: file` starts with.")
@DEVICE
@click.option("--steps", type=int, help="In place of the recipe's.")
@click.option("--workers", type=click.IntRange(0), default=2, show_default=True, help="Threads that read files.")
@one_line_errors
def train(
    recipe: str,
    data: Path | None,
    evaluation: Path | None,
    out: Path,
    audio: tuple[Path, ...],
    labels: Path | None,
    separator: str,
    start: Path | None,
    device: str | None,
    steps: int | None,
    workers: int,
) -> None:
    """Train by RECIPE (a packaged name or a YAML file); one that was stopped goes on where it was.

    Recipes of the made-up corpus need no files: ablate train passt_demo_first --out FOLDER.
    On several GPUs: torchrun --nproc-per-node 2 --no-python ablate train ...
    """
    found = load_recipe(recipe, steps)
    files = {"--data": data, "--eval": evaluation, "--audio": audio or None, "--labels": labels}
    _check_files(found, files)
    if (found.start == "file") != (start is not None):
        needs = "needs --start, weights of a file" if start is None else f"starts {found.start} and takes no --start"
        raise ValueError(f"recipe {found.name}: {needs}")
    first = os.environ.get("RANK", "0") == "0"
    common = {"start": start, "device": device, "workers": workers}
    with bars(terminal()) if first else contextlib.nullcontext(silent) as track:
        if found.clips.source == "corpus":
            result, unreadable = train_on_corpus(found, out, **common, track=track), 0
        else:
            lists = {"audio": audio, "labels": labels, "separator": separator}
            result, unreadable = train_on_files(found, data, evaluation, out, **lists, **common, track=track)
    if not first:
        return
    if unreadable:
        click.echo(f"{unreadable} files could not be read: {out / UNREADABLE_FILE}", err=True)
    click.echo(f"{result.steps} steps in {result.seconds:.0f} s, loss {result.loss:.4f}, mAP {result.mAP:.4f}")
    click.echo(f"Weights: {result.weights}, their card: {out / CARD_FILE}")


def _check_files(recipe: Recipe, given: Mapping[str, object]) -> None:
    """Raise ValueError where lists of files are absent, or there for a recipe that takes none."""
    if recipe.clips.source == "corpus":
        if unused := [option for option, value in given.items() if value is not None]:
            raise ValueError(f"recipe {recipe.name}: is of the made-up corpus and takes no {unused[0]}")
    elif absent := [option for option in ("--data", "--eval") if given[option] is None]:
        raise ValueError(f"recipe {recipe.name}: is of lists of files and needs {' and '.join(absent)}")
