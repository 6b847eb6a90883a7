"""The command `ablate train`: train a network on lists of files, or on the corpus."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ablations.inputs.lists import SEPARATOR
from ablations.system.errors import one_line_errors
from ablations.system.machine import choose_device
from ablations.terminal.options import DEVICE, PATH
from ablations.terminal.progress import bars, terminal
from ablations.training.card import CARD_FILE
from ablations.training.train import (
    UNREADABLE_FILE,
    load_recipe,
    load_stages,
    train_on_corpus,
    train_on_files,
)
from downstream.progress import silent
from passt.training.declared.recipe import Recipe
from passt.training.folder.log import LOG_FILE
from passt.training.group import processes
from passt.training.train import Result


@click.command()
@click.argument("recipe")
@click.option("--data", type=PATH, help="CSV of the training files: columns file and labels.")
@click.option("--eval", "evaluation", type=PATH, help="CSV of the evaluation files.")
@click.option("--out", type=PATH, required=True, help="Folder of the training: weights, log, state to resume from.")
@click.option("--audio", type=PATH, multiple=True, help="Folder or tar file of audio  [default: the lists' folders]")
@click.option("--labels", type=PATH, help="CSV with a column label or mid  [default: labels of the training files]")
@click.option("--separator", default=SEPARATOR, show_default=True, help="Text between the labels of a file.")
@click.option("--start", type=PATH, help="Weights to start from  [default: those of the recipe named by `after`]")
@DEVICE
@click.option("--steps", type=int, help="Steps, in place of the recipe's.")
@click.option("--workers", type=click.IntRange(0, 1024), default=2, show_default=True, help="Threads that read files.")
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
    """Train by RECIPE, a packaged name or a YAML file.

    A training that was stopped resumes where it was.

    Recipes of the synthesized corpus need no files: ablate train passt_demo --out FOLDER. If a recipe comes after
    another one, that is trained first, in a folder of its name in OUT. On several GPUs: torchrun --nproc-per-node 2
    --no-python ablate train ...
    """
    stages = load_stages(recipe, steps) if start is None else [load_recipe(recipe, steps)]
    files = {"--data": data, "--eval": evaluation, "--audio": audio or None, "--labels": labels}
    for stage in stages:
        _check_files(stage, files)
    _check_start(stages[0], start)
    device = choose_device(device)
    options = {"device": device, "workers": workers}
    lists = None if data is None or evaluation is None else (data, evaluation)
    if lists is not None:
        options |= {"audio": audio, "labels": labels, "separator": separator}
    with processes(device):
        for stage in stages:
            folder = out if stage is stages[-1] else out / stage.name
            start = _train_stage(stage, lists, folder, start, options).weights


def _train_stage(
    recipe: Recipe, lists: tuple[Path, Path] | None, out: Path, start: Path | None, options: Mapping[str, Any]
) -> Result:
    """Train by one recipe, and print the result."""
    is_first = os.environ.get("RANK", "0") == "0"  # of torchrun's processes
    with bars(terminal()) if is_first else contextlib.nullcontext(silent) as track:
        if lists is None:  # a recipe of the corpus
            result, unreadable = train_on_corpus(recipe, out, start=start, track=track, **options), 0
        else:
            result, unreadable = train_on_files(recipe, *lists, out, start=start, track=track, **options)
    if is_first and unreadable:
        click.echo(f"{unreadable} files could not be read: {out / UNREADABLE_FILE}", err=True)
    if is_first:
        click.echo(f"{result.steps} steps in {result.seconds:.0f} s, loss {result.loss:.4f}, mAP {result.mAP:.4f}")
        click.echo(f"Weights: {result.weights}, their card: {out / CARD_FILE}")
        click.echo(f"Curve: {_draw(recipe, out)}")
    return result


def _draw(recipe: Recipe, out: Path) -> Path:
    """Draw the log of a training beside it."""
    import pandas as pd

    from results import figures

    log = pd.read_csv(out / LOG_FILE)
    return figures.save(figures.training_curve(log, recipe.batch, recipe.name), out / "figure.png")


def _check_start(recipe: Recipe, start: Path | None) -> None:
    """Raise ValueError if a weight file is missing, or the recipe takes none."""
    if (recipe.start == "file") != (start is not None):
        needs = "needs --start, weights of a file" if start is None else f"starts {recipe.start} and takes no --start"
        raise ValueError(f"recipe {recipe.name}: {needs}")


def _check_files(recipe: Recipe, files: Mapping[str, object]) -> None:
    """Raise ValueError if lists of files are missing, or the recipe takes none.

    Args:
        recipe: the recipe.
        files: option -> its value, None if it is not named.
    """
    if recipe.clips.source == "corpus":
        if unused := [option for option, value in files.items() if value is not None]:
            raise ValueError(f"recipe {recipe.name}: trains on the synthesized corpus and takes no {unused[0]}")
    elif absent := [option for option in ("--data", "--eval") if files[option] is None]:
        raise ValueError(f"recipe {recipe.name}: trains on lists of files and needs {' and '.join(absent)}")
