"""The record of a measurement: what it holds, how it is shown, and the command that makes it."""

import contextlib
import functools
import inspect
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pandas as pd
import torch
from click.core import ParameterSource

from ablations.system import machine
from ablations.system.errors import NewFile, one_line_errors
from ablations.terminal.progress import bars, terminal
from downstream.disk.files import write_json
from results.tables.escapes import markdown_table


@dataclass(frozen=True)
class Record:
    """The result of a measurement, as a command prints and writes it.

    Attributes:
        what: what was measured, in words.
        rows: one measurement each, by column; a value that does not exist is absent, None or NaN.
        columns: column -> its meaning and unit, "" where the name says it.
        facts: further keys of the JSON file.
        lines: further lines below the printed table.
        table: what is printed in place of the rows.
        failure: why the command ends with exit status 1, in one line; "" for success.
        device: cpu or cuda.
        threads: of torch on the CPU.
        versions: package -> version, of what decides the numbers.
    """

    what: str
    rows: Sequence[Mapping[str, Any]] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = ()
    table: pd.DataFrame | None = None
    failure: str = ""
    device: str = "cpu"
    threads: int = field(default_factory=torch.get_num_threads)
    versions: Mapping[str, str] = field(default_factory=machine.versions)

    def to_markdown(self) -> str:
        """Return the table, what was measured, and the further lines."""
        table = pd.DataFrame(self.rows, columns=list(self.columns)) if self.table is None else self.table
        return "\n\n".join([*([table_text(table)] if len(table) else []), "\n".join([self.what, *self.lines])])

    def to_json(self, command: str) -> dict[str, Any]:
        """Return the content of the JSON file.

        Args:
            command: that made the record, as `typed` gives it.
        """
        made_on = {"device": machine.machine(self.device), "threads": self.threads, "versions": dict(self.versions)}
        record = {"command": command, "what": " ".join(self.what.split()), **made_on, **self.facts}
        if self.columns:
            record |= {"columns": dict(self.columns), "rows": [_without_nan(row) for row in self.rows]}
        return record


def table_text(table: pd.DataFrame) -> str:
    """Return a table as Markdown: four digits, missing values empty, columns without any value left out."""
    text = markdown_table(table.dropna(axis=1, how="all"), index=False, floatfmt=".4g", missingval="")
    return NAN.sub("   ", text)  # pandas makes NaN of None where a column has numbers


NAN = re.compile(r"(?<= )nan(?= \|)")
"""A missing number in a cell of a table."""
HELP = {"help_option_names": ["-h", "--help"]}
"""Also of a command that is run by itself, below no group."""


def command_line(
    measure: Callable[..., Record], program: str, *parameters: Callable[..., Any], progress: bool = True
) -> click.Command:
    """Make a command of a function that measures; it prints the record and writes it to `--out`.

    The help text is the function's docstring as far as "Args:". Errors of users end in one line.

    Args:
        measure: takes the command's options by name.
        program: how the command is typed, such as "ablate benchmark embed".
        parameters: decorators of click, `click.option(...)` and `click.argument(...)`, in the order of the help.
        progress: whether the function takes a `track` that draws progress bars. Functions that fork do without.
    """

    @one_line_errors
    def run(out: Path | None, **options: Any) -> None:
        with contextlib.ExitStack() as stack:
            if progress:
                console = terminal()
                shown = functools.cache(lambda: stack.enter_context(bars(console)))  # not before there is work to show
                options["track"] = lambda description, total: shown()(description, total)
            record = measure(**options)
        click.echo(record.to_markdown())
        if out:
            write_json(out, record.to_json(typed(click.get_current_context(), program)))
        if record.failure:
            raise click.ClickException(record.failure)

    for parameter in (click.option("--out", type=NewFile(), help="A JSON file to write."), *reversed(parameters)):
        run = parameter(run)
    text = inspect.cleandoc(measure.__doc__ or "").split("\n\nArgs:")[0]
    return click.command(program.split()[-1], help=text, context_settings=HELP)(run)


def typed(context: click.Context, program: str) -> str:
    """Return the command as it was typed, without what only exists on the user's machine.

    Paths with a metavar (interpreters, folders) are replaced by it: `--kit PYTHON`. Other paths only say where files
    are kept, and are left out.
    """
    words = [program]
    for parameter in context.command.params:
        if context.get_parameter_source(str(parameter.name)) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params[str(parameter.name)]
        if isinstance(parameter.type, click.Path):
            values = [parameter.metavar.strip("[].")] if parameter.metavar else []
        else:
            values = [shlex.quote(str(part)) for part in (value if isinstance(value, tuple) else (value,))]
        if isinstance(parameter, click.Option) and parameter.is_flag:
            words.append(parameter.opts[0])
        elif isinstance(parameter, click.Option):
            words += [f"{parameter.opts[0]} {text}" for text in values]
        else:
            words += values
    return " ".join(words)


def _without_nan(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: None if pd.isna(value) else value for name, value in row.items()}
