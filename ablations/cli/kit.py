"""The commands `ablate export`, `probe` and `crosscheck`: hear-eval-kit's folders, and the kit itself."""

import tempfile
from pathlib import Path
from typing import Any

import click

from ablations.kit import process
from ablations.kit.crosscheck import crosscheck as run_crosscheck
from ablations.kit.embeddings import SPEC, compare_embeddings
from ablations.kit.export import export as export_task
from ablations.kit.probe import places, scores_table
from ablations.kit.probe import probe as probe_folder
from ablations.system.compute import Machine
from ablations.system.errors import NewFile, one_line, one_line_errors
from ablations.system.machine import choose_device
from ablations.terminal.options import DEVICE, PATH, STORE, TASKS
from ablations.terminal.progress import bars, terminal
from ablations.units.where import Where
from downstream.disk.files import write_json
from downstream.probes.protocol import BASE, GRID_POINTS, Protocol
from downstream.progress import Track
from results.tables.escapes import markdown_table, printable


@click.command()
@click.argument("spec")
@click.argument("task")
@click.option("--out", type=PATH, default="embeddings", show_default=True, help="Folder for <task>/.")
@TASKS
@click.option("--weights", type=PATH, help="A weight file, for a spec that names no weights.")
@STORE
@DEVICE
@click.option("--precision", default="fp32", show_default=True, help="The network's numbers.")
@click.option("--python", help="The interpreter that has a HEAR module (hear:...)  [default: this one]")
@one_line_errors
def export(
    spec: str,
    task: str,
    out: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    precision: str,
    **options: Any,
) -> None:
    """Write the embedding of TASK (a packaged task, HEAR key or folder) by SPEC as a folder of hear-eval-kit."""
    with bars(terminal()) as track:
        where, machine = Where.of(store=store, tasks=tasks), Machine(device, precision)
        written = export_task(spec, task, out, where=where, machine=machine, **options, track=track)
    for folder in written:
        click.echo(f"Written: {folder}")


@click.command()
@click.argument("folders", nargs=-1, required=True, type=PATH)
@click.option("--out", type=PATH, help="Folder for <folder's name>/test.predicted-scores.json  [default: the folders]")
@click.option("--seed", default=0, show_default=True, help="Seed of initial weights and dropout.")
@click.option("--protocol", default=BASE, show_default=True, help="Such as hear2021+grid16+standardized.")
@DEVICE
@one_line_errors
def probe(folders: tuple[Path, ...], out: Path | None, seed: int, protocol: str, device: str | None) -> None:
    """Evaluate embedding FOLDERS that hear-eval-kit or `ablate export` made; write scores in the kit's format.

    Scores are written to test.predicted-scores.json in each folder. If a folder fails, the exit status is 1.
    """
    protocol = str(Protocol.parse(protocol))
    files, failed = places(folders, out), []
    device = choose_device(device)
    with bars(terminal()) as track:
        for folder, file in files.items():
            try:
                results = probe_folder(folder, file, protocol=protocol, seed=seed, device=device, track=track)
            except (ValueError, OSError) as error:
                failed.append(one_line(error))
                continue
            table = markdown_table(scores_table(results), index=False, disable_numparse=True)
            click.echo(f"{printable(folder)}\n\n{table}\n")
            click.echo(f"Scores: {printable(file)}\n")
    for message in failed:
        click.echo(f"Failed: {message}", err=True)
    if failed:
        raise SystemExit(1)


@click.command()
@click.argument("folders", nargs=-1, type=PATH)
@click.option("--kit", type=PATH, help=f"Python that has hear-eval-kit  [default: {process.DEFAULT}]")
@click.option("--seeds", default=3, show_default=True, help="Evaluations by each side.")
@click.option("--grid-points", default=GRID_POINTS, show_default=True, help="Probe configurations that are tried.")
@click.option("--embeddings", is_flag=True, help="Compare embeddings by passt.hear instead, on the packaged tasks.")
@click.option("--spec", default=SPEC, show_default=True, help="With --embeddings: the model.")
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@STORE
@one_line_errors
def crosscheck(
    folders: tuple[Path, ...],
    kit: Path | None,
    seeds: int,
    grid_points: int,
    embeddings: bool,
    spec: str,
    out: Path | None,
    store: Path | None,
) -> None:
    """Run hear-eval-kit itself beside our probes, on copies of embedding FOLDERS or on log-mel statistics."""
    kit = process.interpreter(kit)
    with bars(terminal()) as track, tempfile.TemporaryDirectory() as temporary:
        if embeddings:
            if folders:
                raise ValueError(f"--embeddings compares packaged tasks, got the folder {folders[0]}")
            splits = compare_embeddings(kit, spec, store=store, track=track)
            record, tables = {"spec": spec, "splits": splits.to_dict("records")}, [splits]
        else:
            named = {str(folder): folder for folder in folders} or _log_mel_folder(Path(temporary), store, track)
            checked = run_crosscheck(named, kit, seeds=seeds, grid_points=grid_points, track=track)
            record, tables = checked.to_json(), [checked.summary(), checked.costs()]
    for table in tables:
        click.echo(markdown_table(table, index=False, floatfmt=".4g") + "\n")
    if out:
        write_json(out, record)


def _log_mel_folder(place: Path, store: Path | None, track: Track) -> dict[str, Path]:
    """Export log-mel statistics of a packaged task, which takes seconds."""
    (folder,) = export_task("logmel", "digits", place, where=Where.of(store=store), machine=Machine("cpu"), track=track)
    return {"logmel on digits": folder}
