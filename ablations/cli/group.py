"""The group `ablate`, which imports a command from this room when it runs."""

import contextlib
import importlib
from collections.abc import Iterator, Mapping
from typing import Any

import click

from ablations.system.memory import keep_freed
from ablations.system.stopping import say, status, stoppable
from ablations.terminal.names import FETCHED, RECIPE, Commands

COMMANDS = {
    "Measure": {
        "run": ("run", "Run what is missing of a study; print its table, draw its figure."),
        "plan": ("run", "Say what a run would take: fits, time, disk and memory."),
        "curve": ("run", "Run a study along the number of training labels."),
        "protocols": ("run", "Ask which conclusions survive another probe."),
        "search": ("search", "Search for the best variant, or the best for each cost."),
        "embed": ("embed", "Write the embeddings of audio files."),
        "predict": ("predict", "Label new recordings by the kept probes of a run."),
        "field": ("field", "Measure how much sound around a timestamp decides its embedding."),
    },
    "Look at results": {
        "table": ("results.table", "Print the table of a run, in any format."),
        "figure": ("results.figure", "Draw the figure of a run."),
        "compare": ("results.compare", "Compare models on the same clips, with intervals and p values."),
        "geometry": ("results.compare", "Measure which embeddings are alike, and their dimensions."),
        "report": ("results.figure", "Write a run, or several, as one HTML page."),
        "submit": ("results.submit", "Hand results on: to HEAR's table, to mteb, as a model card."),
        "reference": ("results.table", "List or show published scores."),
    },
    "Models, tasks and the store": {
        "models": ("models", "List every model, and whether its weights are here."),
        "tasks": ("lists", "List every task, and whether it is here."),
        "studies": ("lists", "List the packaged studies and searches."),
        "check": ("models", "Check a model against the rules of the HEAR API."),
        "download": ("download", "Fetch published weights and HEAR tasks."),
        "prepare": ("prepare", "Make a HEAR task of your own files."),
        "examples": ("prepare", "Make small example tasks of public archives."),
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
"""Section of the help -> command -> its file here or in `results/`, and one line of help that fits 80 columns."""

SLOW: Mapping[str, click.ParamType[Any]] = {
    "download": FETCHED,
    "train": RECIPE,
    **dict.fromkeys(("kit", "prepare"), click.Path()),
}
"""Files of this room that import torch: what a shell completes for their commands instead."""


class Ablate(Commands):
    """The group that imports a command when it runs, and that a signal ends in one line."""

    def list_commands(self, ctx: click.Context | None) -> list[str]:
        """The names of all commands, sorted."""
        return sorted(name for section in COMMANDS.values() for name in section)

    def get_command(self, ctx: click.Context | None, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        for section in COMMANDS.values():
            if cmd_name in section:
                file, _ = section[cmd_name]
                if ctx is not None and ctx.resilient_parsing and file in SLOW:  # a shell's completion
                    return click.Command(cmd_name, params=[click.Argument(["names"], nargs=-1, type=SLOW[file])])
                command: click.Command = vars(importlib.import_module(f"ablations.cli.{file}"))[cmd_name]
                return command
        return None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands by section, without importing any of them."""
        for title, section in COMMANDS.items():
            with formatter.section(title):
                formatter.write_dl([(name, line) for name, (_, line) in section.items()])

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the command line."""
        with stoppable() if extra.get("standalone_mode", True) else contextlib.nullcontext():
            return super().main(*args, **extra)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the options; a signal ends this in one line."""
        with _one_line(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a signal ends it in one line."""
        with _one_line(ctx):
            return super().invoke(ctx)


@contextlib.contextmanager
def _one_line(ctx: click.Context) -> Iterator[None]:
    """End in one line, and with the status that shells expect, if a signal stops the block."""
    try:
        yield
    except KeyboardInterrupt:
        say()
        ctx.exit(status())


@click.group(
    cls=Ablate,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog='Names of studies, models and tasks complete with TAB after eval "$(_ABLATE_COMPLETE=bash_source ablate)", '
    "which belongs into ~/.bashrc; zsh_source and fish_source are for the other shells.",
)
@click.version_option(package_name="embedding-ablations")
def main() -> None:
    """Compare embeddings of audio transformers: time resolution, embedding level, receptive field.

    `ablate COMMAND -h` explains a command.
    """
    keep_freed()
