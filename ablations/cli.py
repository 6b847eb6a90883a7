"""The command line: ablate run, table, and the commands of the files cli_*.py."""

import time
from pathlib import Path

import click

from ablations.cli_benchmark import benchmark
from ablations.cli_download import download
from ablations.cli_embed import embed
from ablations.cli_figure import figure, write_figure
from ablations.cli_kit import crosscheck, export, probe
from ablations.cli_models import models
from ablations.cli_options import REFERENCE, RUNS, folder_of
from ablations.cli_prepare import prepare
from ablations.cli_reference import reference
from ablations.cli_search import search
from ablations.cli_train import train
from ablations.errors import one_line_errors
from ablations.progress import bars, terminal
from ablations.run import run_study
from ablations.study import Study
from downstream.store import default_root
from results import tables
from results.beside import with_published
from results.rows import read_rows


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="embedding-ablations")
def main() -> None:
    """Compare embeddings of audio transformers: time resolution, embedding level, receptive field."""


@main.command()
@click.argument("study")
@RUNS
@click.option(
    "--tasks", type=click.Path(path_type=Path), help="Folder of HEAR task folders  [default: $HEAR_TASKS or tasks]"
)
@click.option(
    "--store",
    type=click.Path(path_type=Path),
    help="Folder of embeddings  [default: $ABLATE_STORE or the user's cache]",
)
@click.option("--device", help="cpu or cuda  [default: cuda where there is one]")
@click.option("--precision", help="fp32 (the originals' numbers), tf32 or bf16  [default: the study's]")
@click.option("--compile", "compiled", is_flag=True, help="Use torch.compile; where it fails, say why and go on.")
@one_line_errors
def run(
    study: str,
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    precision: str | None,
    compiled: bool,
) -> None:
    """Run what is missing of STUDY (a packaged name or a YAML file), then print its table and draw its figure.

    A run that was stopped goes on where it was. The exit status is 1 where a job failed.
    """
    start = time.perf_counter()
    console = terminal()
    declared = Study.load(study)
    with bars(console) as track:
        outcome = run_study(
            declared,
            runs=runs,
            store=store or default_root(),
            tasks_folder=tasks,
            device=device,
            precision=precision,
            compiled=compiled,
            track=track,
        )
    rows = read_rows(outcome.folder)
    if len(rows):
        click.echo(_write_table(outcome.folder))
        click.echo(f"\nFigure: {write_figure(outcome.folder, declared)}")
        click.echo(f"Rows:   {outcome.folder / 'rows.csv'}   ({time.perf_counter() - start:.0f} s)")
    for text in outcome.not_applicable:
        click.echo(f"Not applicable: {text}", err=True)
    for failure in outcome.failures:
        click.echo(f"Failed: {failure}", err=True)
    if outcome.failures:
        raise SystemExit(1)


@main.command()
@click.argument("study")
@RUNS
@REFERENCE
@one_line_errors
def table(study: str, runs: Path, references: tuple[str, ...]) -> None:
    """Print the table of a STUDY that was run, and write it to table.md and table.csv."""
    click.echo(_write_table(folder_of(study, runs), references))


for command in (figure, models, download, embed, benchmark, export, probe, crosscheck, reference, train, prepare):
    main.add_command(command)
main.add_command(search)


def _write_table(folder: Path, references: tuple[str, ...] = ()) -> str:
    rows = with_published(folder, references)
    text = tables.to_markdown(rows)
    (folder / "table.md").write_text(text + "\n", encoding="utf-8")
    tables.table(rows).to_csv(folder / "table.csv")
    return text
