"""Options that several commands share."""

from pathlib import Path

import click

from ablations.study import Study

RUNS = click.option(
    "--runs", type=click.Path(path_type=Path), default="runs", show_default=True, help="Folder of runs."
)
REFERENCE = click.option(
    "--reference", "references", multiple=True, metavar="NAME", help="Published scores beside; see ablate reference."
)


def folder_of(study: str, runs: Path) -> Path:
    """The folder of a study's run, by its name or its file; a folder with rows is itself."""
    if (Path(study) / "rows.csv").is_file():
        return Path(study)
    return runs / (Study.load(study).name if study.endswith((".yaml", ".yml")) else study)
