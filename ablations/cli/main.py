"""The command line: the group ablate. Its commands are in the files cli_*.py, each loaded when it is asked for."""

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

import click

from ablations.system.stopping import say, status, stoppable

COMMANDS = {
    **{name: f"cli_{name}" for name in ("run", "plan", "search", "table", "figure", "compare", "report", "models")},
    **{name: f"cli_{name}" for name in ("download", "embed", "prepare", "store", "train", "reference", "benchmark")},
    **dict.fromkeys(("export", "probe", "crosscheck"), "cli_kit"),
}
"""Every command, and the file that has it."""


class Commands(click.Group):
    """A group that imports a command when it is asked for, and that signals end in one line."""

    def list_commands(self, ctx: click.Context | None) -> list[str]:
        """The names of all commands, sorted."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name; None for one that is not there."""
        if cmd_name not in COMMANDS:
            return None
        return getattr(importlib.import_module(f"ablations.{COMMANDS[cmd_name]}"), cmd_name)

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line."""
        with stoppable() if extra.get("standalone_mode", True) else contextlib.nullcontext():
            return super().main(*args, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options; `--help` imports every command."""
        with _one_line(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        with _one_line(ctx):
            return super().invoke(ctx)


@contextlib.contextmanager
def _one_line(ctx: click.Context) -> Iterator[None]:
    """Where a signal stops what is done meanwhile, say so in one line."""
    try:
        yield
    except KeyboardInterrupt:
        say()
        ctx.exit(status())


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="embedding-ablations")
def main() -> None:
    """Compare embeddings of audio transformers: time resolution, embedding level, receptive field."""
    from ablations.system.machine import keep_freed  # imports torch

    keep_freed()
