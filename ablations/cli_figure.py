"""The command `ablate figure`."""

from pathlib import Path

import click

from ablations.cli_options import REFERENCE, RUNS, folder_of
from ablations.errors import one_line_errors
from ablations.shown import draw
from ablations.study import Study
from results import figures
from results.beside import with_published
from results.records import read_record


@click.command()
@click.argument("study")
@RUNS
@REFERENCE
@click.option("--kind", type=click.Choice(list(figures.FIGURES)), help="What to draw  [default: the study's]")
@click.option("--published", "alone", is_flag=True, help="What is published alone, of a figure of the paper: no run.")
@one_line_errors
def figure(study: str, runs: Path, references: tuple[str, ...], kind: str | None, alone: bool) -> None:
    """Draw the figure of a STUDY that was run, as figure.png and figure.pdf.

    STUDY is a packaged name, a YAML file, or the folder of a run.
    """
    folder = folder_of(study, runs)
    kind = kind or _kind_of(study, folder)
    if alone:
        if kind not in figures.PAPER:
            raise ValueError(f"--published is for figures of the paper, {', '.join(figures.PAPER)}; {study} has {kind}")
        folder.mkdir(parents=True, exist_ok=True)
        click.echo(figures.save(figures.PAPER[kind](), folder / "published"))
        return
    click.echo(figures.save(draw(with_published(folder, references), kind, folder.name), folder / "figure"))


def _kind_of(study: str, folder: Path) -> str:
    """The figure that a study's file names, or its run's record; bars where neither is there."""
    record = None if study.endswith((".yaml", ".yml")) else read_record(folder)
    if record and record.figure in figures.FIGURES:
        return record.figure
    try:
        return Study.load(folder.name if Path(study) == folder else study).figure
    except FileNotFoundError:
        return "bars"
