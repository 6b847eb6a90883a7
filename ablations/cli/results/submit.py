"""The command `ablate submit`: results in the forms in which others take them."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ablations.system.errors import one_line, one_line_errors
from ablations.terminal.options import A_RUN, PATH, PLACES, folder_of

if TYPE_CHECKING:
    from ablations.submit.chosen import Chosen


@click.command()
@A_RUN
@click.option("--to", "target", type=click.Choice(["hear", "mteb", "card"]), required=True, help="Who takes it.")
@click.option(
    "--model", "models", multiple=True, metavar="LABEL", help="As the table names it; repeatable  [default: all]"
)
@click.option("--name", default="", help="What the others call the model; mteb wants ORGANIZATION/MODEL.")
@click.option("--url", default="", help="Where the model is.")
@click.option(
    "--out", type=PATH, help="The file to write instead; of mteb a folder  [default: mteb in the run's folder]"
)
@PLACES
@one_line_errors
def submit(
    study: str,
    target: str,
    models: tuple[str, ...],
    name: str,
    url: str,
    out: Path | None,
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    precision: str | None,
) -> None:
    """Hand on the results of a STUDY that was run, and say what they lack.

    \b
    hear  a row of the HEAR leaderboard's CSV for each model: whole tasks by
          the protocol hear2021 alone; empty cells are named, with the reason
    mteb  result files as the package mteb reads them, of HEAR tasks that it
          has with the same clips: embeddings are evaluated anew by its
          protocol, extracted where the store lacks them
    card  a section of a model card in Markdown, with metadata for hubs

    Models with untrained weights are labelled in a card, and are not handed on otherwise. STUDY is the name of a study
    or a run, a YAML file, or a run's folder. The exit status is 1 where nothing could be written.
    """
    folder = folder_of(study, runs)
    from ablations.submit.chosen import Chosen

    chosen = Chosen.of(folder, models, untrained=target == "card")
    if name and len(chosen.models) > 1:
        raise click.UsageError(f"--name is of one model, got {len(chosen.models)}; choose one by --model")
    if target == "mteb":
        _mteb(chosen, out or folder / "mteb", (runs, store, tasks), (device, precision), name, url)
        return
    from results.rows.files import write_text

    if target == "card":
        from ablations.submit.card import SEVERAL, subject, to_card

        text, lines = to_card(chosen, name, url), [] if subject(chosen) else [SEVERAL]
    else:
        from ablations.submit import hear

        rows = hear.entries(chosen)
        lines = [*hear.lines(rows), *chosen.left_out, *_unnamed(url)]
        text = hear.to_csv(rows, name, url).rstrip("\n") if any(row.scores for row in rows) else ""
    if text and out:
        write_text(out, f"{text}\n")
    if text:
        click.echo(out or text)
    _say(lines)
    if not text:
        raise ValueError(f"{study}: no score that the leaderboard's protocol has, so no row")


def _mteb(
    chosen: "Chosen",
    out: Path,
    places: tuple[Path, Path | None, Path | None],
    machine: tuple[str | None, str | None],
    name: str,
    url: str,
) -> None:
    """Write mteb's files, and print their names."""
    from ablations.submit import mteb_results
    from ablations.system.compute import Machine
    from ablations.terminal.progress import bars, terminal
    from ablations.units.where import Where
    from downstream.disk.files import check_place

    mteb_results.check_name(name)
    check_place(out / "results" / "model_meta.json")
    with bars(terminal()) as track:
        written = mteb_results.write(chosen, out, Where.of(*places), Machine(*machine), name=name, url=url, track=track)
    for file in written.files:
        click.echo(file)
    _say([*written.lines, *chosen.left_out])
    if not written.files:
        raise ValueError(f"{chosen.folder}: no task that mteb has with the same clips, so no file")


def _unnamed(url: str) -> list[str]:
    return [] if url else ["URL: empty; --url says where the model is."]


def _say(lines: list[str]) -> None:
    for line in lines:
        click.echo(one_line(line), err=True)
