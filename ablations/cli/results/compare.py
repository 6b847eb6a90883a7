"""The commands `ablate compare` and `ablate geometry`: how models of a study differ, in scores and in embeddings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ablations.system.errors import NewFile, one_line, one_line_errors
from ablations.terminal.names import MODEL, RUNNABLE, TASK
from ablations.terminal.options import A_RUN, PATH, PLACES, RUNS, folder_of

Pair = tuple[str, str]
MOST_PAIRS = 2_000
"""Without models, the largest number of pairs that are tested over tasks: those of 63 models."""


@click.command()
@A_RUN
@click.argument("models", nargs=-1, metavar="[A B ...]")
@RUNS
@click.option("--pair", "pairs", multiple=True, metavar="A=B", help="Two models to compare; several times for more.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of the intervals of differences.")
@click.option("--resamples", type=int, help="Swaps drawn where units are many  [default: 9999]")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the swaps that are drawn.")
@click.option("--all-metrics", is_flag=True, help="On clips also mAP and AUC, which take long on large tasks.")
@click.option("--out", type=NewFile(), help="A Markdown file to write, with the same text.")
@one_line_errors
def compare(
    study: str,
    models: tuple[str, ...],
    runs: Path,
    pairs: tuple[str, ...],
    confidence: float,
    resamples: int | None,
    seed: int,
    all_metrics: bool,
    out: Path | None,
) -> None:
    """Compare model A of a STUDY that was run with B and each further model, on the same test clips and over its tasks.

    On clips: the difference of their scores with its interval and p, by swapping the two models' outputs within
    independent units: groups such as speakers where a task has them, else clips. Where both models have several seeds,
    training's randomness is part of the interval. All comparisons of a call are corrected together (Holm) before one is
    called different; each that can't be established has a reason. Over tasks: Wilcoxon's test of the pairs, and
    Friedman's of all models. Then the variance of scores over folds, seeds and grid points. Without models, the
    pairs that the study names under `comparisons` are compared; if it names none, all are compared over tasks, in
    pairs, up to 63 models.

    Name models as the table does, without marks. STUDY is the name of a study or a run, a YAML
    file, or a run's folder.
    """
    if len(models) == 1:
        raise click.UsageError(f"expected two models or more, or none, got 1: {models[0]}")
    folder = folder_of(study, runs)
    from ablations.report.compare import compared
    from ablations.report.compare_text import to_text
    from ablations.report.statement import pairs_of
    from results.rows.files import replacing
    from results.rows.rows import read_rows
    from results.statistics import edges
    from results.statistics.permutation import RESAMPLES

    resamples = RESAMPLES if resamples is None else resamples
    rows = read_rows(folder)
    chosen = [(models[0], other) for other in models[1:]] + [_pair(text, set(rows["model"])) for text in pairs]
    chosen = list(dict.fromkeys(chosen or pairs_of(folder)))
    comparison = compared(
        folder,
        chosen,
        rows=rows,
        all_metrics=all_metrics,
        most_pairs=MOST_PAIRS,
        confidence=confidence,
        resamples=resamples,
        seed=seed,
    )
    named = {model for pair in chosen for model in pair}
    warnings = edges.edge_warnings(rows[rows["model"].isin(named)] if chosen else rows)
    click.echo(to_text(comparison, confidence, more=warnings))
    if out:
        default = {"confidence": 0.95, "resamples": RESAMPLES, "seed": 0}
        chosen_options = {"confidence": confidence, "resamples": resamples, "seed": seed}
        options = {name: value for name, value in chosen_options.items() if value != default[name]}
        heading = f"# {folder.resolve().name}: models compared\n\n`{_command(study, chosen, options, all_metrics)}`"
        with replacing(out) as file:
            file.write(f"{heading}\n\n{to_text(comparison, confidence, markdown=True, more=warnings)}\n")


def _pair(text: str, known: set[str]) -> Pair:
    """Parse two models with = between them, which their names may contain, too."""
    places = [place for place, letter in enumerate(text) if letter == "="]
    for place in places:
        if {text[:place], text[place + 1 :]} <= known:
            return text[:place], text[place + 1 :]
    if not places:
        raise click.UsageError(f"--pair must be two models with = between them, got {text!r}")
    return text[: places[0]], text[places[0] + 1 :]


def _command(study: str, pairs: Sequence[Pair], options: dict[str, float], all_metrics: bool) -> str:
    """Write the command that makes the same comparison again.

    Args:
        options: those that are not the default's.
    """
    parts = [f"ablate compare {Path(study).name}", *(f'--pair "{a}={b}"' for a, b in pairs)]
    parts += [f"--{name} {value:g}" for name, value in options.items()]
    return " ".join(parts + ["--all-metrics"] * all_metrics)


@click.command()
@click.argument("study", type=RUNNABLE)
@click.option("--task", "chosen_tasks", type=TASK, multiple=True, metavar="TASK", help="Of the study's; repeatable.")
@click.option(
    "--model",
    "models",
    type=MODEL,
    multiple=True,
    metavar="MODEL",
    help="A label or checkpoint of the study, * for any letters; repeatable.",
)
@click.option("--levels", multiple=True, metavar="LEVELS", help="Of these models: block6 or 'block*'; repeatable.")
@click.option("--split", help="Where clips are drawn from  [default: all splits]")
@click.option("--clips", type=int, default=500, show_default=True, help="Of a task, at most.")
@click.option(
    "--permutations", type=int, default=199, show_default=True, help="Shuffles of clips behind p; 0 for none."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of clips, shuffles and probes.")
@click.option("--compress", is_flag=True, help="Also train probes of truncated and quantized embeddings.")
@click.option("--dims", default="8,32,128", show_default=True, help="Components of truncated embeddings.")
@click.option("--protocol", metavar="NAME", help="Of these probes  [default: linear, 3 configurations, standardized]")
@click.option("--out", type=PATH, help="The folder of tables and figures  [default: geometry in the run's folder]")
@PLACES
@click.pass_context
@one_line_errors
def geometry(
    ctx: click.Context,
    study: str,
    chosen_tasks: tuple[str, ...],
    dims: str,
    protocol: str | None,
    out: Path | None,
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    precision: str | None,
    **chosen: Any,
) -> None:
    """Measure the embeddings of a STUDY without labels: which are alike, and how many dimensions they use.

    All models of a task are compared on the same clips, by linear CKA (debiased) with its value for shuffled clips.
    Tables are geometry.csv and similarity.csv, and compression.csv with --compress, which takes labels; figures are
    a map of CKA for each task, the effective rank by level, and the scores by bytes. Embeddings that the store lacks
    are extracted; the study need not have been run.

    If an option changes what is measured, nothing is written without --out, so that the files in the run's folder are
    those of the whole study.

    STUDY is a packaged name, a YAML file, or the name or folder of a run.
    """
    from ablations.representation import measure, outputs
    from ablations.runs.many import studies_of
    from ablations.system.compute import Machine
    from ablations.terminal.progress import bars, terminal
    from ablations.units.where import Where
    from downstream.disk.files import check_place

    (declared, *others), runs = studies_of(study, runs)
    if others:
        raise ValueError(f"{study} stands for {len(others) + 1} studies; name one of them")
    if out is None and _is_whole(ctx):
        out = runs / declared.name / "geometry"
    if out:
        check_place(out / "geometry.csv")
    chosen |= {"protocol": protocol} if protocol else {}
    with bars(terminal()) as track:
        where, machine = Where.of(runs, store, tasks), Machine(device, precision)
        measured = measure.geometry(
            declared, where, machine, track=track, tasks=chosen_tasks, dims=_numbers(dims), **chosen
        )
    click.echo(outputs.to_text(measured))
    for path in outputs.write(measured, out, declared.name) if out else ():
        click.echo(path)
    if not out:
        click.echo("\nNothing was written: --out names a folder for tables and figures of this choice.", err=True)
    for failure in measured.failures:
        click.echo(one_line(f"Failed: {failure}"), err=True)
    if measured.failures:
        raise SystemExit(1)


def _is_whole(ctx: click.Context) -> bool:
    """Whether every option that changes what is measured has its default."""
    free = ("study", "compress", "out", "runs", "tasks", "store", "device", "precision")
    default = click.core.ParameterSource.DEFAULT
    return all(ctx.get_parameter_source(name) == default for name in ctx.params if name not in free)


def _numbers(text: str) -> tuple[int, ...]:
    """Read whole numbers with commas between them."""
    if not all(part.strip().isdecimal() and len(part) < 8 for part in text.split(",")):
        raise click.UsageError(f"--dims must be whole numbers such as 8,32,128, got {text!r}")
    return tuple(map(int, text.split(",")))
