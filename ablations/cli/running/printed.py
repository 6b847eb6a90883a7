"""What `ablate run` and `ablate plan` do and print."""

import textwrap
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click
import pandas as pd
from tabulate import tabulate

from ablations.engines import Engine
from ablations.report.draw import write_figure
from ablations.report.statement import run_statement
from ablations.report.table import compose_run, render, write_table
from ablations.runs.many import Ended, run_studies, summary
from ablations.runs.plan import plan_study, to_text, totals
from ablations.runs.tracking import Tracker
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.system.errors import one_line
from ablations.terminal.progress import bars, terminal
from ablations.units.unit import Shard
from ablations.units.where import Where
from results import load
from results.rows.files import replacing
from results.scores.kinds import MEASURED

WIDTH = 100
"""Letters a line of what a run establishes."""


def run(
    studies: Sequence[Study],
    where: Where,
    machine: Machine,
    shard: Shard | None,
    engine: Engine,
    *,
    with_summary: bool = False,
    tracker: Tracker | None = None,
) -> bool:
    """Run studies one after the other and show each; return whether nothing was absent and nothing failed.

    Args:
        studies: what to run.
        where, machine, shard, engine: as for `ablations.runs.run.run_study`.
        with_summary: whether to print what came of each at the end.
        tracker: is sent settings and scores.
    """
    all_ended: list[Ended] = []
    with bars(terminal()) as track:
        start = time.perf_counter()
        for ended in run_studies(studies, where, machine, shard=shard, engine=engine, track=track, tracker=tracker):
            if len(studies) > 1:
                click.echo(f"\n{ended.study.name} ({len(all_ended) + 1} of {len(studies)})\n")
            if ended.outcome:
                ended = replace(ended, error=_shown(ended, time.perf_counter() - start, whole=shard is None))
            all_ended.append(ended)
            start = time.perf_counter()
    if with_summary:
        click.echo(f"\n{summary_text(all_ended)}")
    return not _failures(all_ended)


def run_quietly(studies: Sequence[Study], where: Where, machine: Machine) -> bool:
    """Run studies one after the other without showing any; return whether nothing was absent and nothing failed."""
    with bars(terminal()) as track:
        return not _failures(list(run_studies(studies, where, machine, track=track)))


def plan(
    studies: Sequence[Study], where: Where, machine: Machine, *, measure: bool = True, out: Path | None = None
) -> bool:
    """Plan studies, print the plans and their totals; return whether everything can be run.

    Args:
        studies: what to plan.
        where, machine, measure: as for `ablations.runs.plan.plan_study`.
        out: a CSV file for the rows of all plans, with a column study where there are several.
    """
    plans = []
    console = terminal()
    for number, study in enumerate(studies, 1):
        with bars(console) as track:
            planned = plan_study(study, where, machine, measure=measure, track=track)
        if len(studies) > 1:
            click.echo(f"\n{study.name} ({number} of {len(studies)})\n")
            planned.insert(0, "study", study.name)
        click.echo(to_text(planned.drop(columns="study", errors="ignore"), where.store))
        plans.append(planned)
    filled = [planned for planned in plans if len(planned)]
    whole = pd.concat(filled, ignore_index=True) if filled else plans[0]
    if len(studies) > 1:
        click.echo(f"\n{len(studies)} studies, each as if alone (what they share is done once):")
        click.echo("\n".join(totals(whole[whole["problem"].isna()], where.store)))
    if out:
        with replacing(out) as file:
            whole.to_csv(file, index=False)
    return not whole["problem"].notna().any()


def summary_text(ended: Sequence[Ended]) -> str:
    """Show `summary` on a terminal."""
    shown = summary(ended).astype(object)
    text = tabulate(shown.where(shown.notna(), "–"), headers="keys", showindex=False)
    return f"{text}\n\nmeasured, of cells: models x tasks; absent: tasks."


def _shown(ended: Ended, seconds: float, *, whole: bool) -> str:
    """Show the table and the figure; return why that failed, or "", so that failures of the study are named, too."""
    try:
        _show(ended, seconds, whole=whole)
    except (ValueError, OSError) as error:
        return f"its rows are there, but not its table and figure: {one_line(error)}"
    return ""


def _show(ended: Ended, seconds: float, *, whole: bool) -> None:
    """Print the table and write the figure; of a part of a study only say where its rows are."""
    assert ended.outcome  # a study that ended without one has no rows to show
    folder = ended.outcome.folder
    rows = load(folder)
    if not (rows["kind"] == MEASURED).any():
        click.echo(f"{ended.study.name}: nothing was measured, so there is no table and no figure")
        return
    if whole:
        table = compose_run(rows)
        click.echo(render(table, "terminal"))
        write_table(folder, table)
        if established := run_statement(folder):
            click.echo(f"\n{textwrap.fill(established, WIDTH)}")
        click.echo(f"\nFigure: {write_figure(folder, ended.study, table.scored)}")
    click.echo(f"Rows:   {folder / 'rows.csv'}   ({seconds:.0f} s)")


def _failures(all_ended: Sequence[Ended]) -> bool:
    """Print what is absent and what failed, a line each; return whether there was anything."""
    outcomes = [ended.outcome for ended in all_ended if ended.outcome]
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    absent = dict.fromkeys(failure.reason for failure in failures if failure.absent)
    errors = [f"{ended.study.name}: {ended.error}" for ended in all_ended if ended.error]
    failed = dict.fromkeys([*errors, *(str(failure) for failure in failures if not failure.absent)])
    for cell in dict.fromkeys(cell for outcome in outcomes for cell in outcome.not_applicable):
        click.echo(f"Not applicable: {one_line(str(cell))}", err=True)
    for text in failed:
        click.echo(f"Failed: {one_line(text)}", err=True)
    for text in absent:
        click.echo(one_line(f"{text[0].upper()}{text[1:]}"), err=True)
    return bool(absent or failed)
