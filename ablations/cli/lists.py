"""The commands `ablate tasks` and `ablate studies`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ablations.system.errors import NewFile, one_line, one_line_errors
from ablations.terminal.names import TASK, Name, studies_and_searches
from ablations.terminal.names import tasks as known_tasks
from ablations.terminal.options import STORE, TASKS

if TYPE_CHECKING:
    import pandas as pd

OUT = click.option("--csv", "csv_path", type=NewFile(), help="A CSV file to write, with every column.")


@click.command()
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...", type=Name(known_tasks))
@click.option("--installed", is_flag=True, help="Only tasks that are on this machine.")
@click.option("--kind", type=click.Choice(["scene", "event"]), help="Only tasks of this kind.")
@click.option("--category", type=click.Choice(["speech", "music", "general"]), help="Only tasks of this category.")
@TASKS
@STORE
@OUT
@one_line_errors
def tasks(
    patterns: tuple[str, ...],
    installed: bool,
    kind: str | None,
    category: str | None,
    tasks: Path | None,
    store: Path | None,
    csv_path: Path | None,
) -> None:
    """List tasks: packaged ones, HEAR's 19, and the folders in the folder of tasks.

    The columns are kind, category, primary metric, labels, clips, hours, and whether the task is here. PATTERN is a
    part of a name, or has * for any letters.

    With +snr10, +reverb0.5, +gain-20 or +band8000 behind its name, the sound of the clips that a task tests is changed;
    the numbers are yours. Several are applied in their order.
    """
    from ablations.tasks import listing
    from ablations.units.where import Where

    where = Where.of(store=store, tasks=tasks)
    table = listing.tasks_table(where.tasks, where.store)
    chosen = listing.selected(table, patterns, kind=kind, category=category, installed=installed)
    if csv_path:
        _write(chosen, csv_path)
    heads = ["task", "kind", "category", "metric", "labels", "clips", "hours", "here"]
    _print(listing.to_lines(chosen), heads, numbers=("labels", "clips", "hours"))
    for problem in chosen["problem"].dropna():
        click.echo(f"\nBroken: {one_line(problem)}")
    click.echo(f"\n{len(chosen)} of {len(table)} tasks. Folder of tasks: {where.tasks} (--tasks or $HEAR_TASKS).")
    click.echo("`ablate download TASK` fetches one of HEAR's, `ablate prepare` makes one of your files.")


@click.command()
@click.argument("patterns", nargs=-1, metavar="[PATTERN]...", type=Name(studies_and_searches))
@click.option("--kind", type=click.Choice(["study", "paper", "search"]), help="Only files of this kind.")
@click.option("--task", type=TASK, metavar="NAME", help="Only those of this task.")
@OUT
@one_line_errors
def studies(patterns: tuple[str, ...], kind: str | None, task: str | None, csv_path: Path | None) -> None:
    """List the packaged studies, those of the paper, and searches.

    The columns are kind, models x tasks (of a search trials x tasks), the figure, and what it is about. `ablate run`
    runs a study, `ablate search` a search. PATTERN is a part of the name or of the description. If only one fits, all
    that its file says is shown.
    """
    from ablations.study import listing

    table = listing.studies_table()
    chosen = listing.selected(table, patterns, kind=kind, task=task)
    if csv_path:
        _write(chosen.assign(task_names=chosen["task_names"].map(" ".join)), csv_path)
    _print(listing.to_lines(chosen), ["name", "kind", "models x tasks", "figure", "about"])
    if len(chosen) == 1:
        (row,) = chosen.itertuples()
        click.echo(f"\n{row.description}\nTasks: {', '.join(row.task_names)}")
    click.echo(f"\n{len(chosen)} of {len(table)} studies and searches")


def _write(table: "pd.DataFrame", path: Path) -> None:
    """Write a table as CSV."""
    from results.rows.files import write_text

    write_text(path, table.to_csv(index=False))


def _print(lines: Iterable[list[str]], heads: list[str], numbers: tuple[str, ...] = ()) -> None:
    """Print a table, if it has a row; its last column is shortened to the terminal's width."""
    import shutil
    import textwrap

    from tabulate import tabulate

    from results.tables.escapes import printable

    rows = [list(map(printable, line)) for line in lines]
    if not rows:
        return
    left = sum(max(len(row[place]) for row in [heads, *rows]) + 2 for place in range(len(heads) - 1))
    width = max(40, shutil.get_terminal_size().columns - left)
    rows = [[*row[:-1], textwrap.shorten(row[-1], width, placeholder=" ...")] for row in rows]
    align = ["right" if head in numbers else "left" for head in heads]
    click.echo(tabulate(rows, headers=heads, disable_numparse=True, colalign=align))
