"""The group `ablate benchmark`: a table of the benchmarks, each imported when it is run."""

import importlib

import click

from ablations.terminal.names import Commands

BENCHMARKS = {
    "complexity": ("complexity", "Training and inference speed at each time resolution, with and without patchout."),
    "embed": ("embeddings", "Speed of PaSST embeddings, against hear21passt and the machine's matrix products."),
    "encoders": ("encoders", "Encoders of transformers at full size, against the library's own loop: numbers, speed."),
    "gpu": ("gpu.command", "All that a GPU is asked for, in parts with time limits, and the page of it."),
    "events": ("events", "Speed of validating an event task, against hear-eval-kit."),
    "latency": ("latency", "How late embeddings are in a stream of sound, and whether their computation keeps up."),
    "models": ("models", "Clips a second, parameters and multiply-adds of PaSST and the baselines."),
    "probes": ("probes", "Speed of training probes, by the size of a pack, against hear-eval-kit."),
}
"""Command -> its file in `ablations/benchmarks/`, and one line of help."""


class Benchmarks(Commands):
    """A group that imports a benchmark when it is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all benchmarks."""
        return list(BENCHMARKS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the benchmark of a name, None if there is none."""
        if cmd_name not in BENCHMARKS:
            return None
        if ctx.resilient_parsing:  # a shell's completion, which does not wait for torch
            return click.Command(cmd_name)
        command: click.Command = importlib.import_module(f"ablations.benchmarks.{BENCHMARKS[cmd_name][0]}").main
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the benchmarks without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in BENCHMARKS.items()])


@click.group(cls=Benchmarks, context_settings={"help_option_names": ["-h", "--help"]})  # also when it is run by itself
def benchmark() -> None:
    """Measure the speed of this machine, one thing at a time."""
