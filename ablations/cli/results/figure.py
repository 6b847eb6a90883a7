"""The commands `ablate figure` and `ablate report`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ablations.system.errors import NewFile, one_line_errors
from ablations.terminal.names import FIGURE, STUDY, Listed
from ablations.terminal.options import A_RUN, PATH, REFERENCE, ROWS, RUNS, folder_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SUFFIXES = (".png", ".pdf", ".svg")


@click.command()
@A_RUN
@RUNS
@REFERENCE
@click.option("--kind", cls=Listed, type=FIGURE, help="What to draw  [default: the study's]")
@click.option(
    "--out",
    type=PATH,
    help="The file to write, .png, .pdf or .svg; without a suffix .png and .pdf  [default: figure, or the kind where "
    "it is not the study's, in the run's folder]",
)
@click.option("--published", "alone", is_flag=True, help="Draw a figure of the paper from published scores alone.")
@one_line_errors
def figure(
    study: str, runs: Path, references: tuple[str, ...], kind: str | None, out: Path | None, alone: bool
) -> None:
    """Draw the figure of a STUDY that was run, as figure.png and figure.pdf.

    STUDY is the name of a study or a run, a YAML file, or a run's folder. A figure of another kind than the study's
    is called after the kind.
    """
    if out and out.suffix not in SUFFIXES and out.suffix[1:].isalpha():
        raise ValueError(f"--out must end in {', '.join(SUFFIXES)} or have no suffix, got {out}")
    folder = folder_of(study, runs)
    from results import figures, load

    own_kind = _kind_of(study, folder)
    kind = kind or own_kind
    if alone:
        if kind not in figures.PAPER:
            paper = ", ".join(figures.PAPER)
            raise ValueError(f"--published is for figures of the paper, {paper}; {study} has {kind}")
        click.echo(_save(figures.PAPER[kind], out or folder / "published"))
        return
    from ablations.report.draw import draw
    from ablations.report.statement import run_statement

    rows = load(folder, references)
    default = folder / ("figure" if kind == own_kind else kind)
    statement = run_statement(folder) if kind == own_kind else ""
    click.echo(_save(lambda: draw(rows, kind, folder.resolve().name, statement=statement), out or default))


def _save(make: "Callable[[], Figure]", place: Path) -> Path:
    """Make and write a figure, as PNG and PDF unless the place has a suffix; return the file, or the PNG.

    The error of a place that can't be written names --out.
    """
    from results import figures

    figure = make()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        if place.suffix not in SUFFIXES:
            return figures.save(figure, place)
        return figures.save(figure, place.with_suffix(""), [place.suffix.removeprefix(".")])
    except OSError as error:
        raise OSError(f"{error}; --out names another place") from None


def _kind_of(study: str, folder: Path) -> str:
    """Name the figure of a study's file, or of its run's record; bars where there is neither."""
    from results import figures
    from results.scores.records import read_record

    record = None if study.endswith((".yaml", ".yml")) else read_record(folder)
    if record and record.figure in figures.FIGURES:
        return record.figure
    from ablations.study.study import Study  # imports torch

    try:
        return Study.load(folder.resolve().name if Path(study) == folder else study).figure
    except FileNotFoundError:
        return "bars"


@click.command()
@click.argument("study", type=STUDY)
@RUNS
@click.option("--out", type=NewFile(), help="The file to write  [default: report.html in the run's folder]")
@one_line_errors
def report(study: str, runs: Path, out: Path | None) -> None:
    """Write a page of a run: tables that sort, figures, statistics, settings, versions and failures.

    STUDY is the name of a study or a run, a YAML file, a run's folder, or a folder of several runs. The page is one
    HTML file that needs no network.
    """
    several = Path(study)
    folder = several if any(several.glob(f"*/{ROWS}")) else folder_of(study, runs)
    out = out or folder / "report.html"
    from ablations.report.page import write_page
    from downstream.disk.files import check_place

    try:
        check_place(out)
        click.echo(write_page(folder, out))
    except PermissionError as error:
        raise OSError(f"{error}; --out names another place") from None
