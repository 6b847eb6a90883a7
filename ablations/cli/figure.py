"""The commands `ablate figure` and `ablate report`."""

from pathlib import Path

import click
from matplotlib.figure import Figure

from ablations.report.draw import draw
from ablations.report.page import write_page
from ablations.study.study import Study
from ablations.system.errors import NewFile, one_line_errors
from ablations.terminal.options import PATH, REFERENCE, RUNS, folder_of
from downstream.disk.files import check_place
from results import figures, load
from results.scores.records import read_record

SUFFIXES = (".png", ".pdf")


@click.command()
@click.argument("study")
@RUNS
@REFERENCE
@click.option("--kind", type=click.Choice(list(figures.FIGURES)), help="What to draw  [default: the study's]")
@click.option("--out", type=PATH, help="What to write, as OUT.png and OUT.pdf  [default: figure in the run's folder]")
@click.option("--published", "alone", is_flag=True, help="Draw a figure of the paper from published scores alone.")
@one_line_errors
def figure(
    study: str, runs: Path, references: tuple[str, ...], kind: str | None, out: Path | None, alone: bool
) -> None:
    """Draw the figure of a STUDY that was run, as figure.png and figure.pdf.

    STUDY is a packaged name, a YAML file, or the folder of a run.
    """
    folder = folder_of(study, runs)
    kind = kind or _kind_of(study, folder)
    if alone:
        if kind not in figures.PAPER:
            raise ValueError(f"--published is for figures of the paper, {', '.join(figures.PAPER)}; {study} has {kind}")
        click.echo(_save(figures.PAPER[kind](), out or folder / "published"))
        return
    click.echo(_save(draw(load(folder, references), kind, folder.name), out or folder / "figure"))


def _save(figure: Figure, place: Path) -> Path:
    """Write the figure; the error of a place that can't be written names --out."""
    stem = place.with_suffix("") if place.suffix in SUFFIXES else place
    try:
        stem.parent.mkdir(parents=True, exist_ok=True)
        return figures.save(figure, stem)
    except OSError as error:
        raise OSError(f"{error}; --out names another place") from None


def _kind_of(study: str, folder: Path) -> str:
    """Name the figure of a study's file, or of its run's record; bars where there is neither."""
    record = None if study.endswith((".yaml", ".yml")) else read_record(folder)
    if record and record.figure in figures.FIGURES:
        return record.figure
    try:
        return Study.load(folder.name if Path(study) == folder else study).figure
    except FileNotFoundError:
        return "bars"


@click.command()
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--out", type=NewFile(), help="The file to write  [default: DIR/report.html]")
@one_line_errors
def report(folder: Path, out: Path | None) -> None:
    """Write a page of a run: tables that sort, figures, statistics, settings, versions and failures.

    DIR is the folder of a run (runs/NAME), or a folder of several (runs). The page is one HTML file that needs no
    network.
    """
    out = out or folder / "report.html"
    try:
        check_place(out)
        click.echo(write_page(folder, out))
    except PermissionError as error:
        raise OSError(f"{error}; --out names another place") from None
