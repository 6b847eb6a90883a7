"""The record of a study in its run's folder, `study.json`: what it asked for, what failed, what does not apply.

The file is written by whoever runs a study, with its rows; figures, tables and reports need no YAML then. Folders of an
earlier version have none.
"""

import functools
import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from results.rows.files import replacing

NAME = "study.json"
EVERY = ""
"""In the place of a model or a task: all of them."""


@dataclass(frozen=True)
class RecordedModel:
    """A model of the study: what its rows say of it."""

    label: str
    family: str
    spec: str
    weights: str


@dataclass(frozen=True)
class RecordedFailure:
    """A part of the study that could not be run.

    Attributes:
        models: labels; none for every model.
        task: as rows call it; empty for every task.
        absent: whether the task is not installed; the reason then says how to get it.
    """

    models: tuple[str, ...]
    task: str
    reason: str
    absent: bool = False

    def __str__(self) -> str:
        subject = " on ".join(name for name in (" and ".join(self.models), self.task) if name)
        complete = self.absent or not subject or self.reason.startswith(f"{subject}:")
        return self.reason if complete else f"{subject}: {self.reason}"


@dataclass(frozen=True)
class NotApplicable:
    """A model that has nothing to give on a task, and why."""

    model: str
    task: str
    reason: str

    def __str__(self) -> str:
        return f"{self.model} on {self.task}: {self.reason}"

    @classmethod
    def parse(cls, text: str) -> "NotApplicable":
        """Read the sentence that records of earlier versions have."""
        subject, _, reason = text.partition(": ")
        model, _, task = subject.rpartition(" on ")
        return cls(model, task, reason)


@dataclass(frozen=True)
class RecordedCall:
    """A call that computed jobs of the run.

    Attributes:
        started: when, in UTC, as ISO 8601 has it.
        command: the command line; empty where Python called.
        version: of the package.
        commit: of the checkout, with "+changes" where files differed from it; empty where it is not known.
        jobs: how many it computed; those of earlier calls are not computed again.
    """

    started: str
    command: str
    version: str
    commit: str
    jobs: int


@dataclass(frozen=True)
class RunRecord:
    """A study as it was run.

    Attributes:
        figure: a name of `results.figures.FIGURES`.
        reference: names of published scores.
        tasks: as rows call them, in the study's order, with absent ones.
        finished: whether the run reached its end, with failures or without.
        comparisons: pairs of labels of models, whose differences the study asks for.
        calls: what computed the jobs, in the order of time; earlier versions recorded none.
    """

    study: str
    figure: str = "bars"
    reference: tuple[str, ...] = ()
    protocol: str = "hear2021"
    precision: str = "fp32"
    seeds: tuple[int, ...] = (0,)
    models: tuple[RecordedModel, ...] = ()
    tasks: tuple[str, ...] = ()
    failures: tuple[RecordedFailure, ...] = ()
    not_applicable: tuple[NotApplicable, ...] = ()
    finished: bool = False
    comparisons: tuple[tuple[str, str], ...] = ()
    calls: tuple[RecordedCall, ...] = ()

    def why_missing(self, model: str, task: str) -> str:
        """Say why a model has no score on a task; empty where it does not apply."""
        if (model, task) in self._not_applicable:
            return ""
        keys = itertools.product((model, EVERY), (task, EVERY))
        if (first := min((self._failed[key] for key in keys if key in self._failed), default=None)) is None:
            return "has not been run"
        failure = self.failures[first]
        return "the task is absent" if failure.absent else failure.reason

    @functools.cached_property
    def _not_applicable(self) -> set[tuple[str, str]]:
        return {(cell.model, cell.task) for cell in self.not_applicable}

    @functools.cached_property
    def _failed(self) -> dict[tuple[str, str], int]:
        """Model and task, each `EVERY` for all, to the place of the first failure that names them."""
        places: dict[tuple[str, str], int] = {}
        for place, failure in enumerate(self.failures):
            for model in failure.models or (EVERY,):
                places.setdefault((model, failure.task), place)
        return places


def write_record(record: RunRecord, folder: str | Path) -> None:
    """Write `study.json` into a run's folder, beside its place first, then renamed into it."""
    with replacing(Path(folder) / NAME) as file:
        file.write(json.dumps(asdict(record), indent=1, ensure_ascii=False) + "\n")


def read_record(folder: str | Path) -> RunRecord | None:
    """Read the record of a run's folder; None where it has none.

    Raises:
        ValueError: names a file that is no record.
    """
    path = Path(folder) / NAME
    if not path.is_file():
        return None
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        lists = {key: tuple(value) for key, value in content.items() if isinstance(value, list)}
        parsed = {
            "models": tuple(RecordedModel(**model) for model in content.get("models", ())),
            "failures": tuple(
                RecordedFailure(**{**failure, "models": tuple(failure["models"])})
                for failure in content.get("failures", ())
            ),
            "not_applicable": tuple(
                NotApplicable.parse(cell) if isinstance(cell, str) else NotApplicable(**cell)
                for cell in content.get("not_applicable", ())
            ),
            "calls": tuple(RecordedCall(**call) for call in content.get("calls", ())),
            "comparisons": tuple(_pair(pair) for pair in content.get("comparisons", ())),
        }
        return RunRecord(**{**content, **lists, **parsed})
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: not the record of a run: {error}; `ablate run` writes it anew") from None


def _pair(pair: Any) -> tuple[str, str]:
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(label, str) for label in pair):
        raise ValueError(f"comparisons must be pairs of labels, got {pair!r}")
    return pair[0], pair[1]
