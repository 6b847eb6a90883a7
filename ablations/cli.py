"""The command line: the group ablate. Its commands are in the files cli_*.py, each loaded when it is asked for."""

import contextlib
import importlib
from typing import Any

import click

from ablations.stopping import say, status, stoppable

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

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; where a signal stops it, say so in one line."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say()
            ctx.exit(status())


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="embedding-ablations")
def main() -> None:
    """Compare embeddings of audio transformers: time resolution, embedding level, receptive field."""
    from ablations.machine import keep_freed  # imports torch

    keep_freed()
