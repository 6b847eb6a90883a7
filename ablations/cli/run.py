"""The commands `ablate run`, `ablate plan`, `ablate curve` and `ablate protocols`."""

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ablations.cli.running.asked import ASKED, Asked
from ablations.system.errors import NewFile, one_line_errors
from ablations.terminal.names import RUNNABLE
from ablations.terminal.options import PATH, PLACES, folder_of, together

ENGINE_OPTIONS = (
    click.option("--shard", metavar="I/N", help="Only part I of N; all parts may use one folder at once."),
    click.option("--workers", type=int, metavar="N", help="Run by N Ray workers, which share this machine or --ray's."),
    click.option("--ray", metavar="ADDRESS", help="Run on a Ray cluster: host:port, or auto for the one that is here."),
    click.option("--gpus-per-worker", type=float, metavar="SHARE", help="GPUs of each Ray worker, such as 0.5."),
)


def engine_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that reach a command as `shard` and `engine`."""

    @functools.wraps(command)
    def with_engine(
        *args: Any,
        shard: str | None,
        workers: int | None,
        ray: str | None,
        gpus_per_worker: float | None,
        **others: Any,
    ) -> Any:
        from ablations.engines import make_engine
        from ablations.units.unit import Shard

        if gpus_per_worker is not None and workers is None and ray is None:
            raise click.UsageError("--gpus-per-worker is of Ray workers, expected --workers or --ray")
        if shard and (workers is not None or ray is not None):
            raise click.UsageError("--shard is without Ray, expected no --workers and no --ray")
        if others["dry_run"] and (shard or workers is not None or ray is not None):
            raise click.UsageError("--dry-run is of the whole study on this machine, expected no --shard and no Ray")
        part = Shard.parse(shard) if shard else None
        engine = make_engine("here")
        if workers is not None or ray is not None:
            engine = make_engine("ray", count=workers, address=ray, gpus_each=gpus_per_worker)
        return command(shard=part, engine=engine, **others)

    decorated: Callable[..., Any] = together(*ENGINE_OPTIONS)(with_engine)
    return decorated


@click.command()
@ASKED
@click.option("--dry-run", is_flag=True, help="Only say what is missing and what it takes, as `ablate plan` does.")
@PLACES
@click.option("--keep-probes", is_flag=True, help="Keep the chosen probes, which `ablate predict` needs.")
@click.option("--compile", "compiled", is_flag=True, help="Use torch.compile; where it fails, say why and go on.")
@click.option(
    "--track", "tracker", metavar="NAME", help="Send scores to trackio, mlflow or wandb, or to any that is installed."
)
@one_line_errors
@engine_options
def run(
    dry_run: bool,
    keep_probes: bool,
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    precision: str | None,
    compiled: bool,
    tracker: str | None,
    shard: Any,
    engine: Any,
    **asked: Any,
) -> None:
    """Run what is missing of STUDY, then print its table and draw its figure.

    STUDY is a packaged name, a YAML file, the folder or name of a run, or "paper": every study of the paper, one after
    the other, and a summary. Without STUDY, --model and --task make one, whose name says what it is:

    \b
      ablate run --model passt_demo --model hear:mymodel --task digits
      ablate run --model passt_demo --levels block1..block12 --task digits

    A run that was stopped goes on where it was. A part of a study (--shard) has no table and figure. Tasks that are
    absent are named at the end, with how to get each. The exit status is 1 where one was absent or a job failed.
    """
    request = Asked.of(asked)
    studies, runs = request.studies(runs)
    if keep_probes:
        studies = tuple(study.keeping_probes() for study in studies)
    from ablations.cli.running import printed
    from ablations.runs.tracking import Tracker
    from ablations.system.compute import Machine
    from ablations.units.where import Where

    where, machine = Where.of(runs, store, tasks), Machine(device, precision, compiled)
    tracking = Tracker.of(tracker) if tracker else None
    if dry_run:
        is_complete = printed.plan(studies, where, machine)
    else:
        is_complete = printed.run(
            studies, where, machine, shard, engine, with_summary=request.is_paper, tracker=tracking
        )
    if not is_complete:
        raise SystemExit(1)


@click.command()
@ASKED
@PLACES
@click.option("--no-measure", is_flag=True, help="Counts alone, no estimate of time and memory.")
@click.option("--out", type=NewFile(), help="A CSV file to write.")
@one_line_errors
def plan(
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    precision: str | None,
    no_measure: bool,
    out: Path | None,
    **asked: Any,
) -> None:
    """Say what is missing of STUDY: jobs, forward passes, fits, time, disk and memory, by a quick measurement.

    STUDY, and --model and --task in its place, are those of `ablate run`. Studies of the paper are planned one after
    the other, each as if alone, with their totals at the end.

    Embedders are loaded; weights that are not here are fetched. The exit status is 1 where something can't be run.
    """
    studies, runs = Asked.of(asked).studies(runs)
    from ablations.cli.running import printed
    from ablations.system.compute import Machine
    from ablations.units.where import Where

    where, machine = Where.of(runs, store, tasks), Machine(device, precision)
    if not printed.plan(studies, where, machine, measure=not no_measure, out=out):
        raise SystemExit(1)


@click.command()
@click.argument("study", type=RUNNABLE)
@click.option("--protocol", default="ridge", show_default=True, help="How probes are fitted: ridge, knn, hear2021, ...")
@click.option("--fewshot", metavar="N,N", help="Training clips of each label  [default: 1,2,4,8,16]")
@click.option("--fraction", metavar="X,X", help="Shares of the training clips instead, such as 0.1,0.3,1.")
@click.option(
    "--draws", type=int, default=5, show_default=True, help="How often clips are drawn; the same for all models."
)
@click.option("--reach", type=float, help="A score whose labels are looked up  [default: 90% of the way to the best]")
@PLACES
@one_line_errors
def curve(
    study: str,
    protocol: str,
    fewshot: str | None,
    fraction: str | None,
    draws: int,
    reach: float | None,
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    precision: str | None,
) -> None:
    """Run what is missing of a label curve of STUDY, then print its table and draw its figure.

    Every model's probes are trained on drawn clips: so many of each label, or a share of all. The same clips are drawn
    for all models, and larger draws contain the smaller ones. Validation and test clips stay whole.

    The table has the mean score along the curve (the area under it over the logarithm of the labels), and the labels
    that a score needs. Files go to runs/STUDY.curve: a run for each number of labels, and of the last call points.csv,
    table.csv and figure.png. The exit status is 1 where something failed.
    """
    shots, shares = _whole_numbers(fewshot), _shares(fraction)
    if not shots and not shares:
        shots = [1, 2, 4, 8, 16]
    from ablations.cli.running.printed import run_quietly
    from ablations.runs.curve import FOLDER, curve_studies, load_curve
    from ablations.runs.many import studies_of
    from ablations.system.compute import Machine
    from ablations.units.where import Where
    from results import figures
    from results.rows.files import replacing
    from results.statistics.label_curve import summary
    from results.tables.escapes import markdown_table

    (declared, *more), runs = studies_of(study, runs)
    if more:
        raise click.UsageError(f"a label curve is of one study, got {study!r}")
    folder = runs / FOLDER.format(study=declared.name)
    studies = curve_studies(declared, protocol, fewshot=shots, fraction=shares, draws=draws)
    is_complete = run_quietly(studies, Where.of(folder, store, tasks), Machine(device, precision))
    points = load_curve(studies, folder)
    table = summary(points, reach)
    for name, frame in (("points.csv", points), ("table.csv", table)):
        with replacing(folder / name) as file:
            frame.to_csv(file, index=False)
    needed = ["never" if math.isnan(labels) else f"{labels:.3g}" for labels in table["labels_needed"]]
    click.echo(markdown_table(table.assign(labels_needed=needed), index=False, floatfmt=".3f"))
    click.echo(f"\narea: mean score along the curve, ± area_std over {draws} draws; labels_needed: to reach a score.")
    click.echo(f"Figure: {figures.save(figures.label_curve(points, declared.name), folder / 'figure')}")
    if not is_complete:
        raise SystemExit(1)


@click.command()
@click.argument("studies", type=RUNNABLE, nargs=-1, required=True, metavar="STUDY | RUN RUN ...")
@click.option(
    "--protocol",
    "names",
    multiple=True,
    metavar="NAME",
    help="Of STUDY; several times for more  [default: knn, ridge, logistic, a linear probe, hear2021+grid3]",
)
@click.option("--draws", type=int, default=3, show_default=True, help="Seeds of protocols that draw training clips.")
@click.option("--confidence", type=float, default=0.95, show_default=True, help="Of intervals and tests.")
@click.option("--resamples", type=int, default=1000, show_default=True, help="Of test clips, behind intervals.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of resamples.")
@click.option("--out", type=PATH, help="Folder of tables and figures  [default: that of STUDY's runs]")
@PLACES
@one_line_errors
def protocols(
    studies: tuple[str, ...],
    names: tuple[str, ...],
    draws: int,
    confidence: float,
    resamples: int,
    seed: int,
    out: Path | None,
    runs: Path,
    tasks: Path | None,
    store: Path | None,
    device: str | None,
    precision: str | None,
) -> None:
    """Ask which conclusions survive another probe: the same models under several protocols.

    One STUDY is run under each --protocol, as far as something is missing, to runs/STUDY.protocols. Several RUNs, each
    of its own protocol, are taken as they are; with --out tables and figures are written.

    Scores under different protocols don't compare; their order does. Printed are the ranks of models under each
    protocol, Kendall's tau of each two with intervals over test clips, and which differences of the pairs that the
    study names are established under which protocols. The exit status is 1 where something failed.
    """
    from results.protocols.across import across
    from results.statistics.permutation import check_options

    check_options(confidence, resamples)
    is_complete = True
    if len(studies) > 1:
        if names:
            raise click.UsageError("--protocol is for one STUDY that is run, not for runs that are there")
        folders = [folder_of(study, runs) for study in studies]
    else:
        from ablations.cli.running.printed import run_quietly
        from ablations.runs.many import studies_of
        from ablations.runs.protocols import DEFAULT, FOLDER, protocol_studies
        from ablations.system.compute import Machine
        from ablations.units.where import Where

        (declared, *more), runs = studies_of(studies[0], runs)
        if more:
            raise click.UsageError(f"protocols are of one study, got {studies[0]!r}")
        folder = runs / FOLDER.format(study=declared.name)
        parts = protocol_studies(declared, names or DEFAULT, draws)
        is_complete = run_quietly(parts, Where.of(folder, store, tasks), Machine(device, precision))
        folders, out = [folder / part.name for part in parts], out or folder
    made = across(folders, confidence=confidence, resamples=resamples, seed=seed)
    click.echo(str(made))
    if out:
        from ablations.runs.protocols import write

        for path in write(made, out):
            click.echo(path)
    if not is_complete:
        raise SystemExit(1)


def _whole_numbers(text: str | None) -> list[int]:
    """Read numbers that commas part."""
    parts = text.split(",") if text else []
    if not all(part.strip().isdecimal() and len(part) < 10 for part in parts):
        raise click.UsageError(f"--fewshot must be whole numbers such as 1,2,4,8, got {text!r}")
    return list(map(int, parts))


def _shares(text: str | None) -> list[float]:
    """Read shares that commas part."""
    try:
        return list(map(float, text.split(","))) if text else []
    except ValueError:
        raise click.UsageError(f"--fraction must be shares such as 0.1,0.3,1, got {text!r}") from None
