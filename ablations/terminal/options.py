"""The options that several commands share, and the values that they stand for."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ablations.terminal import names
from ablations.terminal.names import REFERENCE_SET, STUDY
from downstream.disk.choices import choices

PATH = click.Path(path_type=Path)
RUNS = click.option("--runs", type=PATH, default="runs", show_default=True, help="Folder of runs.")
TASKS = click.option("--tasks", type=PATH, help="Folder of HEAR task folders  [default: $HEAR_TASKS or tasks]")
STORE = click.option("--store", type=PATH, help="Folder of embeddings  [default: $ABLATE_STORE or the user's cache]")
DEVICE = click.option("--device", help="cpu or cuda  [default: cuda where there is one]")
PRECISION = click.option("--precision", help="fp32 (the originals' numbers), tf32 or bf16  [default: the study's]")
REFERENCE = click.option(
    "--reference",
    "references",
    type=REFERENCE_SET,
    multiple=True,
    metavar="NAME",
    help="Published scores beside; see ablate reference.",
)
A_RUN = click.argument("study", type=STUDY)
"""The study that was run: `folder_of` reads it."""
ROWS = "rows.csv"


def together(*parameters: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make one decorator of several options and arguments, which the help lists in this order."""
    return lambda command: functools.reduce(lambda decorated, add: add(decorated), reversed(parameters), command)


PLACES = together(RUNS, TASKS, STORE, DEVICE, PRECISION)
"""What every command that runs a study takes beside the study."""


def folder_of(study: str, runs: Path) -> Path:
    """The folder of a run, which may not be there yet.

    Args:
        study: the name of a packaged study or of a run, a study's YAML file, or a run's folder.
        runs: the folder of runs.

    Raises:
        FileNotFoundError, ValueError: no study, run or folder of that name.
    """
    place = Path(study)
    if (place / ROWS).is_file():
        return place
    if study.endswith((".yaml", ".yml")):
        from ablations.study.study import Study  # imports torch

        return runs / Study.load(study).name
    if place.name == study and (runs / study).is_dir():
        return runs / study
    if place.is_dir():
        raise FileNotFoundError(f"{study}: no run's folder, it has no {ROWS}")
    if place.name == study:
        here = click.Context(click.Command("ablate"))
        here.params["runs"] = runs
        packaged = list(names.studies(here))
        if study in packaged:
            return runs / study
        known = choices(study, dict.fromkeys([*names.runs(here), *packaged]), "`ablate studies`")
        raise FileNotFoundError(f"no study or run {study!r}{known}, or name a YAML file or a run's folder")
    raise FileNotFoundError(f"no run at {study}")
