"""The command `ablate field`: effective receptive fields of a model."""

import shlex
from pathlib import Path
from typing import Any

import click

from ablations.system.errors import one_line_errors
from ablations.terminal.names import MODEL, TASK
from ablations.terminal.options import DEVICE, PATH, STORE, TASKS

METHODS = ("occlusion", "gradients")
REPLACEMENTS = ("sound", "silence")


@click.command()
@click.argument("model", type=MODEL)
@click.option("--levels", multiple=True, metavar="LEVELS", help="block6, block1..block12 or '*'; repeatable.")
@click.option("--windows", multiple=True, metavar="MS", help="In ms, or own (whole clips); repeatable.")
@click.option("--task", type=TASK, help="Whose clips are heard  [default: digit_events]")
@click.option("--noise", is_flag=True, help="Hear white noise in place of a task's clips.")
@click.option("--clips", type=int, default=16, show_default=True, help="Of the task, at most; a timestamp in each.")
@click.option("--stretch", type=int, metavar="MS", help="Replaced at once  [default: about a 32nd of the window]")
@click.option("--reach", type=int, metavar="MS", help="Measured on each side, at least  [default: the window]")
@click.option("--method", type=click.Choice(METHODS), help="Only this one  [default: both, where there are gradients]")
@click.option(
    "--replace",
    type=click.Choice(REPLACEMENTS),
    default=REPLACEMENTS[0],
    show_default=True,
    help="A stretch by that of another clip, or by zeros.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of clips, timestamps and gradients.")
@click.option("--out", type=PATH, default="field", show_default=True, help="The folder of table, curves and figure.")
@click.option("--weights", type=PATH, help="A weight file, for a spec that names no weights.")
@click.option("--python", help="The interpreter of a HEAR module (hear:...)  [default: this one]")
@TASKS
@STORE
@DEVICE
@one_line_errors
def field(
    model: str,
    levels: tuple[str, ...],
    windows: tuple[str, ...],
    task: str | None,
    noise: bool,
    stretch: int | None,
    reach: int | None,
    method: str | None,
    replace: str,
    out: Path,
    tasks: Path | None,
    store: Path | None,
    **chosen: Any,
) -> None:
    """Measure the effective receptive field of MODEL: how much the sound around a timestamp decides its embedding.

    Of each level and window, short stretches of the sound are replaced one by one, at every offset from a timestamp,
    and the change of the embedding is measured. Where torch follows the samples, squared gradients are measured, too.
    The table has the shortest intervals that hold 50 and 95 % of the effect, and its share behind the timestamp,
    beside the nominal window. Files are field.csv (curves), field.json, field.md and field.png.

    MODEL is a name or a spec, whose levels and windows are measured unless others are named.
    """
    from ablations.receptive_field import outputs
    from ablations.receptive_field.model import TASK as DEFAULT
    from ablations.receptive_field.model import field_of
    from ablations.terminal.progress import bars, terminal
    from ablations.units.where import Where
    from downstream.disk.files import check_place

    if noise and task:
        raise click.UsageError(f"--noise is in place of a task, expected no --task, got {task!r}")
    check_place(out / "field.csv")
    words = click.get_current_context().params
    with bars(terminal()) as track:
        measured = field_of(
            model,
            levels=levels or None,
            windows_ms=windows or None,
            task=None if noise else task or DEFAULT,
            where=Where.of(store=store, tasks=tasks),
            methods=(method,) if method else METHODS,
            stretch_ms=stretch,
            reach_ms=reach,
            replacement=replace,
            track=track,
            **chosen,
        )
    click.echo(outputs.to_text(measured))
    for path in outputs.write(measured, out, _command(words)):
        click.echo(path)


def _command(values: dict[str, Any]) -> str:
    """Write the command that measures the same again, whatever the folders and the device."""
    context = click.get_current_context()
    words = ["ablate", "field", shlex.quote(values["model"])]
    for option in context.command.params:
        name = option.name or ""
        default = context.get_parameter_source(name) == click.core.ParameterSource.DEFAULT
        if default or not isinstance(option, click.Option) or name in ("out", "tasks", "store", "device"):
            continue
        for value in values[name] if option.multiple else [values[name]]:
            words += [option.opts[0]] if option.is_flag else [option.opts[0], shlex.quote(str(value))]
    return " ".join(words)
