"""The command `ablate benchmark statistics`: how often comparisons of models err."""

from pathlib import Path

import click

from ablations.system.errors import NewFile, one_line_errors
from downstream.disk.files import write_json
from tests.campaigns.statistics import DIFFERENT, EQUAL, measure, to_markdown


@click.command()
@click.option("--equal", type=click.IntRange(1), default=EQUAL, show_default=True, help="Trials with equal models.")
@click.option("--different", type=click.IntRange(1), default=DIFFERENT, show_default=True, help="Trials with others.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is drawn.")
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@one_line_errors
def statistics(equal: int, different: int, seed: int, out: Path | None) -> None:
    """Simulate comparisons of models: how often equal ones are called different, how often intervals cover."""
    found = measure(equal=equal, different=different, seed=seed)
    click.echo(to_markdown(found))
    if out:
        options = f"--equal {equal} --different {different} --seed {seed}"
        write_json(out, {"command": f"ablate benchmark statistics {options}", **found})
