"""The command `ablate search`."""

from pathlib import Path

import click

from ablations.system.errors import one_line, one_line_errors
from ablations.terminal.names import SEARCH
from ablations.terminal.options import DEVICE, RUNS, STORE, TASKS


@click.command()
@click.argument("search", metavar="SEARCH", type=SEARCH)
@click.option("--trials", type=click.IntRange(min=1), help="Variants to run, in all  [default: the search's]")
@click.option(
    "--storage", metavar="URL", help="Of Optuna, for several machines  [default: a journal in the run's folder]"
)
@RUNS
@TASKS
@STORE
@DEVICE
@one_line_errors
def search(
    search: str,
    trials: int | None,
    storage: str | None,
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
) -> None:
    """Search a space of variants for the best validation score, or the best for each cost (Optuna).

    SEARCH is a packaged name, a YAML file, or the folder of a packaged search's run. A search that was stopped goes
    on where it was; several processes share its trials. Test scores decide nothing: only those of the winner are
    shown, at the end.
    """
    from ablations.search.declared import Search
    from ablations.search.report import best_trials
    from ablations.search.run import search as run_search
    from ablations.search.winner import text
    from ablations.system.compute import Machine
    from ablations.terminal.progress import bars, terminal
    from ablations.units.where import Where

    place = Path(search)
    if (place / "trials").is_dir():
        search, runs = place.resolve().name, place.resolve().parent
    declared = Search.load(search)
    with bars(terminal()) as track:
        where, machine = Where.of(runs, store, tasks), Machine(device)
        ended = run_search(declared, where, machine, trials=trials, storage=storage, track=track)
    folder = runs / declared.name
    best = best_trials(ended, declared)
    states = ", ".join(f"{count} {state}" for state, count in ended["state"].value_counts().items())
    summary = f"{states or 'no trials'}; score is validation. Trials, rows and figures: {folder}"
    click.echo("\n".join(filter(None, [best, f"\n{summary}", text(folder)])))
    for row in ended[ended["state"] == "failed"].itertuples():
        click.echo(one_line(f"Failed: {row.label}: {row.reason}"), err=True)
    if not best:
        raise SystemExit(1)
