"""The options that several commands share, and the values that they stand for."""

from pathlib import Path

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
