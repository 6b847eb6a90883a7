"""The command `ablate predict`: labels of new recordings, by the kept probes of a run."""

from pathlib import Path

import click

from ablations.system.errors import one_line, one_line_errors
from ablations.terminal.names import MODEL, TASK
from ablations.terminal.options import A_RUN, DEVICE, PATH, RUNS, folder_of

MOST_SHOWN = 10
"""Files whose best label is printed."""


@click.command()
@A_RUN
@click.argument("model", type=MODEL)
@click.argument("files", nargs=-1, required=True, type=PATH)
@click.option("--task", type=TASK, required=True, help="A task of the run, as its table has it.")
@click.option("--fold", default="all", show_default=True, help="One by name or number; all: their mean.")
@click.option("--seed", type=int, help="Of the probes  [default: the run's first]")
@click.option("--top", type=click.IntRange(1), default=3, show_default=True, help="Labels of a scene.")
@click.option("--out", type=PATH, default="predictions", show_default=True, help="Folder of the label files.")
@click.option(
    "--format", "form", type=click.Choice(["csv", "audacity"]), default="csv", help="Of events  [default: csv]"
)
@click.option("--replace", is_flag=True, help="Replace label files that are there.")
@RUNS
@DEVICE
@one_line_errors
def predict(
    study: str,
    model: str,
    files: tuple[Path, ...],
    task: str,
    fold: str,
    seed: int | None,
    top: int,
    out: Path,
    form: str,
    replace: bool,
    runs: Path,
    device: str | None,
) -> None:
    """Label FILES by the probes that a run of STUDY kept of MODEL.

    FILES are audio as for `ablate embed`; folders are searched. `ablate run STUDY --keep-probes` keeps probes.

    Scenes: OUT/predictions.csv has the most probable labels of every file; of regression it has numbers. Events: a file
    of labels for each recording, with onset and offset in seconds, decoded as the scores were.

    If a file can't be read, the others are still predicted, and the exit status is 1.
    """
    folder = folder_of(study, runs)
    from ablations.prediction.chosen import chosen_probes
    from ablations.prediction.files import predicted
    from ablations.prediction.labels import SceneLabel
    from ablations.prediction.outputs import Outputs
    from ablations.terminal.progress import bars, terminal
    from results.tables.escapes import printable

    probes = chosen_probes(folder, model, task, fold=fold, seed=seed)
    outputs = Outputs(files, probes, out, form, replace=replace)
    with bars(terminal()) as track:
        written = outputs.write(predicted(outputs.sources, probes, device, track), top)
    best = [label for label in written.labels if isinstance(label, SceneLabel) and label.rank == 1]
    for label in best[:MOST_SHOWN]:
        click.echo(printable(f"{label.probability:.3f}  {label.label}  {label.file}"))
    if len(best) > MOST_SHOWN:
        click.echo(f"... and {len(best) - MOST_SHOWN} more files")
    count = len(outputs.sources) - len(written.failed)
    what = f"{written.events} events in " if probes.is_event else ""
    click.echo(f"{what}{count} of {len(outputs.sources)} files, labels in {printable(out)}, by {model} on {task}")
    click.echo(f"Probes of {len(probes.probes)} folds: {', '.join(probes.probes)}")
    if written.short:
        click.echo(f"Shorter than the model's window: {len(written.short)} files, such as {written.short[0]}", err=True)
    for error in written.failed:
        click.echo(f"Failed: {one_line(error)}", err=True)
    if written.failed:
        raise SystemExit(1)
