"""The command line: the group ablate; its commands are in the files cli_*.py."""

import click

from ablations.cli_benchmark import benchmark
from ablations.cli_compare import compare
from ablations.cli_download import download
from ablations.cli_embed import embed
from ablations.cli_figure import figure
from ablations.cli_kit import crosscheck, export, probe
from ablations.cli_models import models
from ablations.cli_plan import plan
from ablations.cli_prepare import prepare
from ablations.cli_reference import reference
from ablations.cli_report import report
from ablations.cli_run import run
from ablations.cli_search import search
from ablations.cli_store import store
from ablations.cli_table import table
from ablations.cli_train import train
from ablations.machine import keep_freed


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="embedding-ablations")
def main() -> None:
    """Compare embeddings of audio transformers: time resolution, embedding level, receptive field."""
    keep_freed()


COMMANDS = (
    *(run, plan, search, table, figure, compare, report),
    *(models, download, embed, prepare, store, train, reference),
    *(benchmark, export, probe, crosscheck),
)

for command in COMMANDS:
    main.add_command(command)
