"""The command `ablate benchmark search`: whether a search finds more than as many variants drawn at random."""

from pathlib import Path

import click

from ablations.cli.options import DEVICE, RUNS, STORE, TASKS
from ablations.cli.progress import bars, terminal
from ablations.system.errors import NewFile, one_line_errors
from ablations.system.machine import choose_device
from downstream.disk.files import write_json
from downstream.store.store import default_root

DEFAULT = "search_benchmark"


@click.command()
@click.argument("search", default=DEFAULT)
@click.option("--seeds", type=click.IntRange(min=1), default=5, show_default=True, help="Searches by each sampler.")
@click.option("--budget", type=click.IntRange(min=1), default=40, show_default=True, help="Variants of each.")
@RUNS
@TASKS
@STORE
@DEVICE
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@one_line_errors
def search(
    search: str,
    seeds: int,
    budget: int,
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    out: Path | None,
) -> None:
    """Compare searches with random search at an equal budget: on a space of which every variant is run once.

    SEARCH is one with a space that can be run whole; the packaged one takes minutes. What was run is not run again.
    """
    from ablations.search.declared import Search
    from ablations.search.trial import Places
    from tests.campaigns.samplers import measure, to_markdown

    declared = Search.load(search)
    with bars(terminal()) as track:
        places = Places(runs / declared.name, store or default_root(), tasks, choose_device(device), track)
        found = measure(declared, places, seeds, budget, track)
    click.echo(to_markdown(found))
    if out:
        name = "" if search == DEFAULT else " SEARCH"
        options = "".join(
            f" --{key} {n}" for key, n, usual in (("seeds", seeds, 5), ("budget", budget, 40)) if n != usual
        )
        write_json(out, {"command": f"ablate benchmark search{name}{options}", **found})
