"""The command `ablate figure`, and the figure of a study."""

import logging
from pathlib import Path

import click
import pandas as pd
from matplotlib.figure import Figure

from ablations.catalog import models_table
from ablations.cli_options import REFERENCE, RUNS, folder_of
from ablations.errors import one_line_errors
from ablations.study import Study
from results import figures
from results.beside import with_published
from results.reference import is_published

logger = logging.getLogger(__name__)


@click.command()
@click.argument("study")
@RUNS
@REFERENCE
@click.option("--kind", type=click.Choice(list(figures.FIGURES)), help="What to draw  [default: the study's]")
@click.option("--published", "alone", is_flag=True, help="What is published alone, of a figure of the paper: no run.")
@one_line_errors
def figure(study: str, runs: Path, references: tuple[str, ...], kind: str | None, alone: bool) -> None:
    """Draw the figure of a STUDY that was run, as figure.png and figure.pdf."""
    folder = folder_of(study, runs)
    kind = kind or _kind_of(study)
    if alone:
        if kind not in figures.PAPER:
            raise ValueError(f"--published is for figures of the paper, {', '.join(figures.PAPER)}; {study} has {kind}")
        folder.mkdir(parents=True, exist_ok=True)
        click.echo(figures.save(figures.PAPER[kind](), folder / "published"))
        return
    click.echo(figures.save(draw(with_published(folder, references), kind, folder.name), folder / "figure"))


def write_figure(folder: Path, study: Study) -> Path:
    """The figure that a study names, of its run; bars, and a warning, where its rows can't be drawn so."""
    rows = with_published(folder)
    try:
        drawn = draw(rows, study.figure, study.name)
    except ValueError as error:
        logger.warning("figure %s: %s; bars are drawn instead", study.figure, error)
        drawn = draw(rows, "bars", study.name)
    return figures.save(drawn, folder / "figure")


def draw(rows: pd.DataFrame, kind: str, title: str) -> Figure:
    """A figure by its name; those of the paper have titles of their own.

    Raises:
        ValueError: where the rows can't be drawn so.
    """
    return figures.FIGURES[kind](rows, None if kind in figures.PAPER else title, known_models(rows))


def known_models(rows: pd.DataFrame) -> pd.DataFrame:
    """What is known of the checkpoints of measured rows: `ablations.catalog.models_table` of those that are here."""
    specs = rows.loc[~is_published(rows), "spec"].dropna().astype(str)
    found = []
    for checkpoint in specs.str.split("@").str[0].unique():
        try:
            found.append(models_table([checkpoint]))
        except ValueError:  # rows of another version, or made by hand
            logger.debug("checkpoint %s is not known here", checkpoint)
    return pd.concat(found, ignore_index=True) if found else models_table().iloc[:0]


def _kind_of(study: str) -> str:
    """The figure that a study names; bars where there is only a folder of its run."""
    try:
        return Study.load(study).figure
    except FileNotFoundError:
        return "bars"
