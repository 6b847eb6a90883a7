"""The command `ablate report`: a run, or several, as one HTML page."""

from pathlib import Path

import click

from ablations.cli.options import PATH
from ablations.report.page import write_page
from ablations.system.errors import NewFile, one_line_errors
from downstream.disk.files import check_place


@click.command()
@click.argument("folder", type=PATH, metavar="DIR")
@click.option("--out", type=NewFile(), help="The file to write  [default: DIR/report.html]")
@one_line_errors
def report(folder: Path, out: Path | None) -> None:
    """Write a page of a run: tables that sort, figures, statistics, what was run with what, and what failed.

    DIR is the folder of a run (runs/NAME), or a folder of several (runs). The page is one HTML file that needs no
    network.
    """
    out = out or folder / "report.html"
    try:
        check_place(out)
        click.echo(write_page(folder, out))
    except PermissionError as error:
        raise OSError(f"{error}; --out names another place") from None
