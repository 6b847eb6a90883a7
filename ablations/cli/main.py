"""The group ablate. Its commands are in the other files of this room, each imported when it is run."""

import contextlib
import importlib
from collections.abc import Iterator
from typing import Any

import click

from ablations.system.memory import keep_freed
from ablations.system.stopping import say, status, stoppable

COMMANDS = {
    "Measure": {
        "run": ("run", "Run what is missing of a study; print its table, draw its figure."),
        "plan": ("run", "Say what a run would take: fits, time, disk and memory."),
        "search": ("search", "Search a space of variants for the best score, or the best for each cost."),
        "embed": ("embed", "Write the embeddings of audio files."),
    },
    "Look at results": {
        "table": ("table", "Print the table of a run, in any format."),
        "figure": ("figure", "Draw the figure of a run."),
        "compare": ("compare", "Compare models on the same test clips, with intervals and p values."),
        "report": ("figure", "Write a run, or several, as one HTML page."),
        "reference": ("table", "List or show published scores."),
    },
    "Models, tasks and the store": {
        "models": ("models", "List every model, and whether its weights are here."),
        "download": ("models", "Fetch published weights and HEAR tasks."),
        "prepare": ("prepare", "Make a HEAR task of your own files."),
        "examples": ("examples", "Make small example tasks of public archives."),
        "store": ("store", "List, verify or prune the store of embeddings."),
        "train": ("train", "Train a small network by a recipe."),
    },
    "Check and time": {
        "benchmark": ("benchmark", "Measure the speed of this machine."),
        "export": ("kit", "Write embeddings of a task as a folder of hear-eval-kit."),
        "probe": ("kit", "Evaluate folders of hear-eval-kit with our probes."),
        "crosscheck": ("kit", "Run hear-eval-kit itself beside our probes."),
    },
}
"""Section of the help -> command -> the file of this room that has it, and one line about it."""


class Commands(click.Group):
    """A group that imports a command when it is run, and that signals end in one line."""

    def list_commands(self, ctx: click.Context | None) -> list[str]:
        """The names of all commands, sorted."""
        return sorted(name for section in COMMANDS.values() for name in section)

    def get_command(self, ctx: click.Context | None, cmd_name: str) -> click.Command | None:
        """A command by its name; None for one that is not there."""
        for section in COMMANDS.values():
            if cmd_name in section:
                return getattr(importlib.import_module(f"ablations.cli.{section[cmd_name][0]}"), cmd_name)
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The commands by section, without importing any of them."""
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, about) for name, (_, about) in section.items()])

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line."""
        with stoppable() if extra.get("standalone_mode", True) else contextlib.nullcontext():
            return super().main(*args, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options."""
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
    keep_freed()
