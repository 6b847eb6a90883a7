"""The options that several commands share, and the values that they stand for."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

PATH = click.Path(path_type=Path)
RUNS = click.option("--runs", type=PATH, default="runs", show_default=True, help="Folder of runs.")
TASKS = click.option("--tasks", type=PATH, help="Folder of HEAR task folders  [default: $HEAR_TASKS or tasks]")
STORE = click.option("--store", type=PATH, help="Folder of embeddings  [default: $ABLATE_STORE or the user's cache]")
DEVICE = click.option("--device", help="cpu or cuda  [default: cuda where there is one]")
PRECISION = click.option("--precision", help="fp32 (the originals' numbers), tf32 or bf16  [default: the study's]")
REFERENCE = click.option(
    "--reference", "references", multiple=True, metavar="NAME", help="Published scores beside; see ablate reference."
)


def together(*parameters: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Make one decorator of several options and arguments, which the help lists in this order."""
    return lambda command: functools.reduce(lambda decorated, add: add(decorated), reversed(parameters), command)


OF_A_RUN = together(click.argument("study"), RUNS, TASKS, STORE, DEVICE, PRECISION)
"""What every command that runs a study takes."""


def folder_of(study: str, runs: Path) -> Path:
    """The folder of a run, by the name or the file of its study.

    A folder with rows stands for itself.
    """
    if (Path(study) / "rows.csv").is_file():
        return Path(study)
    if not study.endswith((".yaml", ".yml")):
        return runs / study
    from ablations.study.study import Study  # imports torch

    return runs / Study.load(study).name
