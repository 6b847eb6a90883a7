"""Arguments that name something: a shell completes their names without importing torch or pandas."""

import csv
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from downstream.disk.choices import choices

ROOT = Path(__file__).parents[2]
STUDIES = tuple(ROOT / "ablations" / "study" / name for name in ("studies", "paper"))
SEARCHES = (ROOT / "ablations" / "search" / "searches",)
RECIPES = (ROOT / "ablations" / "training" / "recipes",)
MODEL_TABLES = (
    *(ROOT / "passt" / "catalog" / f"{name}.csv" for name in ("checkpoints", "named_specs")),
    *(ROOT / "ablations" / "models" / "baselines" / f"{name}.csv" for name in ("checkpoints", "named_specs")),
)
MODELS_OF_CODE = ("chance", "crepe_full", "crepe_tiny", "logmel", "melproj")
"""Models that are in no table."""
PACKAGED_TASKS = ("digits", "digit_events")
PAPER = "paper"
"""The word that stands for every study of the paper."""
LONGEST_METAVAR = 40

Names = Callable[[click.Context], Iterable[str]]
"""Lists names; options that were read before are in the context's `params`."""


class Name(click.ParamType[str]):
    """A text that may be a known name.

    Args:
        kinds: list the names that a shell offers.
        is_file: whether a shell offers files where no name fits.
    """

    name = "text"

    def __init__(self, *kinds: Names, is_file: bool = False) -> None:
        self.kinds, self.is_file = kinds, is_file

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the names that begin with a text, each once."""
        names = dict.fromkeys(name for kind in self.kinds for name in kind(ctx) if name.startswith(incomplete))
        if not names and self.is_file:
            return [CompletionItem(incomplete, type="file")]
        return [CompletionItem(name) for name in names]


class SideBySide(Name):
    """Names of models, between which ++ may stand."""

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the names that begin with what stands behind the last ++."""
        last = incomplete.rpartition("++")[2].lstrip()
        before = incomplete[: len(incomplete) - len(last)]
        return [CompletionItem(before + item.value) for item in super().shell_complete(ctx, param, last)]


class Known(Name):
    """A name that must be known; the names are asked for when they are needed.

    Args:
        noun: what it names, for messages.
        names: list the known ones.
    """

    def __init__(self, noun: str, names: Callable[[], Iterable[str]]) -> None:
        super().__init__(lambda ctx: names())
        self.noun, self.names = noun, names

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str | None:
        """Write the names in the help, as `click.Choice` does, unless they are too many for a line."""
        names = "|".join(self.names())
        return f"[{names}]" if len(names) <= LONGEST_METAVAR else "NAME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the name; the command ends if it is not known."""
        if ctx is not None and ctx.resilient_parsing:  # a shell's completion
            return value
        known = list(self.names())
        if value not in known:
            command = f"`{ctx.command_path} -h`" if ctx else ""
            self.fail(f"unknown {self.noun} {value!r}{choices(str(value), known, command)}", param, ctx)
        return value


class Commands(click.Group):
    """A group that answers an unknown command with the closest ones."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names."""
        if not args[0].startswith("-") and args[0] not in (known := self.list_commands(ctx)):
            ctx.fail(f"no command {args[0]!r}{choices(args[0], known, f'`{ctx.command_path} -h`')}")
        return super().resolve_command(ctx, args)


class Listed(click.Option):
    """An option of the type `Known` whose help lists the names."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Write the option and its help."""
        record = super().get_help_record(ctx)
        if record is None or not isinstance(self.type, Known):
            return record
        return record[0], f"{record[1]}  {', '.join(self.type.names())}."


def _files(*folders: Path) -> Names:
    return lambda ctx: (path.stem for folder in folders for path in sorted(folder.glob("*.yaml")))


def runs(ctx: click.Context) -> list[str]:
    """The names of the runs in the folder of runs."""
    return _folders(Path(ctx.params.get("runs") or "runs"), "rows.csv")


def models(ctx: click.Context) -> list[str]:
    """The names and aliases of models, and named specs."""
    names: list[str] = []
    for table in MODEL_TABLES:
        with table.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                names += [row["name"], *filter(None, [row.get("alias")])]
    return [*names, *MODELS_OF_CODE]


def tasks(ctx: click.Context) -> list[str]:
    """Packaged tasks, HEAR's keys, and the folders in the folder of tasks."""
    place = Path(ctx.params.get("tasks") or os.environ.get("HEAR_TASKS") or "tasks")
    with (ROOT / "results" / "reference" / "tasks.csv").open(newline="", encoding="utf-8") as file:
        keys = [row["key"] for row in csv.DictReader(file)]
    return [*PACKAGED_TASKS, *keys, *_folders(place, "task_metadata.json")]


def references(ctx: click.Context) -> list[str]:
    """The sets of published scores."""
    with (ROOT / "results" / "reference" / "sets.csv").open(newline="", encoding="utf-8") as file:
        return [next(iter(row.values())) for row in csv.DictReader(file)]


def figures() -> list[str]:
    """The kinds of figures."""
    from results.figures import FIGURES  # imports matplotlib

    return list(FIGURES)


def _folders(place: Path, content: str) -> list[str]:
    """The folders below another one that have a file of a name."""
    return sorted(path.parent.name for path in place.glob(f"*/{content}"))


studies = _files(*STUDIES)
studies_and_searches = _files(*STUDIES, *SEARCHES)
STUDY = Name(studies, runs, is_file=True)
RUNNABLE = Name(studies, lambda ctx: (PAPER,), runs, is_file=True)
SEARCH = Name(_files(*SEARCHES), is_file=True)
RECIPE = Name(_files(*RECIPES), is_file=True)
MODEL = SideBySide(models)
TASK = Name(tasks, is_file=True)
FETCHED = Name(models, tasks)
REFERENCE_SET = Name(references)
FIGURE = Known("figure", figures)
