"""The options that ask for a study: by its name, or by models and tasks."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ablations.terminal.names import MODEL, PAPER, RUNNABLE, TASK
from ablations.terminal.options import together

if TYPE_CHECKING:
    from ablations.study.study import Study

ASKED = together(
    click.argument("study", type=RUNNABLE, required=False),
    click.option(
        "--model", "models", type=MODEL, multiple=True, metavar="MODEL",
        help="Without STUDY: a name, a spec, or hear:MODULE; several times for more.",
    ),
    click.option(
        "--task", "task_names", type=TASK, multiple=True, metavar="TASK",
        help="Without STUDY: a name, a HEAR key, a folder or a glob; several times for more.",
    ),
    click.option(
        "--levels", multiple=True, metavar="LEVELS",
        help="Of every --model: block6, block6+features, block1..block12 or '*', all pooled block1..block12@weighted; "
        "with commas for several variants.",
    ),
    click.option(
        "--windows", multiple=True, metavar="MS",
        help="Of every --model: 160, or 160+640 for both; with commas for several variants.",
    ),
    click.option(
        "--lookaheads", multiple=True, metavar="MS",
        help="Of every --model, how far windows reach beyond their timestamp: centered,0,80 for three variants.",
    ),
    click.option("--seeds", metavar="SEEDS", help="Such as 0,1,2 or 0..4  [default: the study's, or 0]"),
    click.option("--protocol", metavar="NAME", help="How probes are trained  [default: the study's, or hear2021]"),
    click.option("--limit", type=int, metavar="N", help="N clips of each split; scores stay apart from whole tasks'."),
    click.option(
        "--set", "overrides", multiple=True, metavar="PATH=VALUE",
        help="Change the study: models.0.windows_ms='[[320]]'; it is run in a folder of its own.",
    ),
)  # fmt: skip
"""What `Asked.of` takes out of a command's parameters."""
OF_MODELS = {"task_names": "--task", "levels": "--levels", "windows": "--windows", "lookaheads": "--lookaheads"}


@dataclass(frozen=True)
class Asked:
    """What a command line asks for: the parameters that `ASKED` adds."""

    study: str | None = None
    models: tuple[str, ...] = ()
    task_names: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    lookaheads: tuple[str, ...] = ()
    seeds: str | None = None
    protocol: str | None = None
    limit: int | None = None
    overrides: tuple[str, ...] = ()

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> "Asked":
        """Take the parameters that are these out of those of a command."""
        return cls(**{field.name: parameters.pop(field.name) for field in fields(cls)})

    @property
    def is_paper(self) -> bool:
        """Whether every study of the paper is asked for."""
        return self.study == PAPER

    def studies(self, runs: Path) -> tuple[tuple["Study", ...], Path]:
        """The studies, and the folder that their runs' folders go to.

        Args:
            runs: that folder, unless a run's folder is asked for.

        Raises:
            click.UsageError: options that do not go together.
            FileNotFoundError, ValueError: names the study, the key or the override, and what was expected.
        """
        if self.limit is not None and self.limit < 1:
            raise click.UsageError(f"--limit must be a whole number of at least 1, got {self.limit}")
        if self.models:
            return (self._of_models(),), runs
        for name, option in OF_MODELS.items():
            if getattr(self, name):
                way = "--set changes a study" if self.study else "name one"
                raise click.UsageError(f"{option} goes with --model; {way}")
        if not self.study:
            raise click.UsageError("name a STUDY (`ablate studies` lists them), or --model and --task")
        from ablations.runs.many import studies_of

        return studies_of(self.study, runs, self._overrides())

    def _of_models(self) -> "Study":
        if self.study:
            raise click.UsageError(f"--model makes a study of its own, got STUDY {self.study!r} too")
        if not self.task_names:
            raise click.UsageError("--model needs --task; `ablate tasks` lists them")
        from ablations.study.adhoc import adhoc_study

        options: dict[str, Any] = {"seeds": _seeds(self.seeds)} if self.seeds else {}
        options |= {"protocol": self.protocol} if self.protocol else {}
        return adhoc_study(
            self.models,
            self.task_names,
            levels=_variants(self.levels) or None,
            windows_ms=_variants(self.windows) or None,
            lookahead_ms=_variants(self.lookaheads) or None,
            limit=self.limit,
            overrides=self.overrides,
            **options,
        )

    def _overrides(self) -> tuple[str, ...]:
        """The overrides of a study, with those that other options stand for."""
        seeds = [f"seeds={_seeds(self.seeds)}"] if self.seeds else []
        protocol = [f"protocol={self.protocol}"] if self.protocol else []
        limit = [f"limit={self.limit}"] if self.limit else []
        return (*self.overrides, *seeds, *protocol, *limit)


def _variants(texts: Sequence[str]) -> list[str]:
    """Split variants at commas."""
    return [variant.strip() for text in texts for variant in text.split(",")]


def _seeds(text: str) -> list[int]:
    """Read seeds: 0,1,2 or 0..2."""
    first, dots, last = text.partition("..")
    parts = [first, last] if dots else text.split(",")
    if not all(part.strip().isdecimal() and len(part) < 11 for part in parts):
        raise click.UsageError(f"--seeds must be whole numbers such as 0,1,2 or 0..4, got {text!r}")
    seeds = list(map(int, parts))
    if not dots:
        return seeds
    if seeds[0] > seeds[1]:
        raise click.UsageError(f"--seeds {text} is empty; write {last}..{first}")
    if seeds[1] - seeds[0] >= MOST_SEEDS:
        raise click.UsageError(f"--seeds must be at most {MOST_SEEDS}, got {text}")
    return list(range(seeds[0], seeds[1] + 1))


MOST_SEEDS = 1000
