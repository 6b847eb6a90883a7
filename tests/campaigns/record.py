"""The commands of campaigns of many attempts, and the records of how the attempts ended."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd

from ablations.benchmarks.record import Record, command_line


def _empty_folder(context: click.Context, parameter: click.Parameter, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder.absolute()


WORK = click.option(
    "--work", type=click.Path(path_type=Path), required=True, callback=_empty_folder, help="An empty folder."
)


def campaign_command(
    campaign: Callable[..., Record], name: str, count: int, *options: Callable[..., Any]
) -> click.Command:
    """Make the command of a campaign that takes an empty folder `work`, a `count` of attempts and a `seed`.

    Args:
        campaign: forks or starts processes, and therefore has no progress bars.
        name: of its module.
        count: the default.
        options: decorators of click.
    """
    attempts = click.option("--count", default=count, show_default=True, help="How many attempts.")
    seed = click.option("--seed", default=0, show_default=True, help="Of all random choices.")
    return command_line(campaign, f"python -m tests.campaigns.{name}", *options, attempts, seed, WORK, progress=False)


def endings_record(
    what: str,
    group: str,
    endings: Mapping[str, Counter[str]],
    facts: Mapping[str, Any],
    wrong: Sequence[Mapping[str, Any]],
) -> Record:
    """Make the record of attempts; it fails if one of them ended wrongly.

    Args:
        what: was attempted.
        group: what the keys of `endings` are, such as "door".
        endings: group -> ending -> attempts.
        facts: further keys of the JSON file.
        wrong: the attempts that ended wrongly.
    """
    table = pd.DataFrame([{group: name, **counts} for name, counts in endings.items()]).fillna(0)
    failure = f"{len(wrong)} wrong endings, the first is {dict(wrong[0])}" if wrong else ""
    return Record(what, facts={**facts, "wrong": list(wrong)}, table=table, failure=failure)
