"""The command `ablate search`."""

from pathlib import Path

import click

from ablations.cli.options import DEVICE, RUNS, STORE, TASKS
from ablations.cli.progress import bars, terminal
from ablations.system.errors import one_line, one_line_errors
from results.tables.escapes import markdown_table

SHOWN = 10  # trials


@click.command()
@click.argument("search", metavar="SEARCH")
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

    SEARCH is a packaged name or a YAML file. A search that was stopped goes on where it was, several at once share its
    trials. Test scores decide nothing: those of the winner alone are shown, in the end.
    """
    from ablations.search.declared import Search
    from ablations.search.run import search as run_search
    from ablations.search.winner import text
    from results.figures.search import marked

    declared = Search.load(search)
    with bars(terminal()) as track:
        found = run_search(
            declared,
            trials=trials,
            runs=runs,
            tasks_folder=tasks,
            store=store,
            storage=storage,
            device=device,
            track=track,
        )
    folder = runs / declared.name
    complete = found[found["state"] == "complete"].sort_values("score", ascending=False, kind="stable")
    columns = ["trial", *declared.objectives, *(["front"] if len(declared.objectives) > 1 else []), "label", "protocol"]
    if len(declared.objectives) > 1:
        complete = complete.sort_values("front", ascending=False, kind="stable")
    if len(complete):
        complete = complete.assign(label=marked(complete))
        click.echo(markdown_table(complete[columns].head(SHOWN), index=False, floatfmt=".4g"))
    states = ", ".join(f"{count} {state}" for state, count in found["state"].value_counts().items())
    click.echo(f"\n{states or 'no trials'}; score is validation. Trials, rows and figures: {folder}")
    if said := text(folder):
        click.echo(said)
    for row in found[found["state"] == "failed"].itertuples():
        click.echo(one_line(f"Failed: {row.label}: {row.reason}"), err=True)
    if not len(complete):
        raise SystemExit(1)
