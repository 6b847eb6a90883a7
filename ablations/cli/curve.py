"""The command `ablate curve`: scores along the number of training labels."""

from pathlib import Path

import click

from ablations.system.errors import one_line_errors
from ablations.terminal.names import RUNNABLE
from ablations.terminal.options import PLACES


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
    click.echo(markdown_table(table.astype(object).where(table.notna(), None), index=False, floatfmt=".3f"))
    click.echo(f"\narea: mean score along the curve, ± area_std over {draws} draws; labels_needed: to reach a score.")
    click.echo(f"Figure: {figures.save(figures.label_curve(points, declared.name), folder / 'figure')}")
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
