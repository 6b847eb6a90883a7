"""The outcome of a run: where its rows are, and what failed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ablations.study.study import Model
from results.rows.rows import task_key
from results.scores.records import NotApplicable, RecordedFailure


@dataclass(frozen=True)
class Failure:
    """Models that could not be run on a task.

    Attributes:
        models: empty for all models.
        task: a key, a folder or a glob; empty for all tasks.
        reason: why, in one line; for an absent task, how to get it.
        absent: whether the task is absent.
    """

    models: tuple[Model, ...]
    task: str
    reason: str
    absent: bool = False

    def __str__(self) -> str:
        return str(RecordedFailure(tuple(model.label for model in self.models), self.task, self.reason, self.absent))

    def recorded(self) -> RecordedFailure:
        """The record that the run's folder keeps, which names the task as rows do."""
        task = self.task if self.absent or not self.task else task_key(Path(self.task).name)
        return RecordedFailure(tuple(model.label for model in self.models), task, self.reason, self.absent)

    def concerns(self, row: Mapping[str, Any]) -> bool:
        """Whether a row of an earlier run has a model and a task that failed now."""
        specs = {str(model.spec) for model in self.models}
        return self.has_task(row["task"]) and (not specs or row["spec"] in specs)

    def has_task(self, task: str) -> bool:
        """Whether it is of a task, as rows call that."""
        name = Path(self.task).name
        return not self.task or task in (name, task_key(name)) or fnmatchcase(task, name)


class Concerned:
    """The rows that failures concern, found without asking each failure of each row."""

    def __init__(self, failures: Iterable[Failure]) -> None:
        self._of_all: list[Failure] = []
        self._of_spec = defaultdict[str, list[Failure]](list)
        self._known: dict[tuple[str, str], bool] = {}
        for failure in failures:
            if not failure.models:
                self._of_all.append(failure)
            for model in failure.models:
                self._of_spec[str(model.spec)].append(failure)

    def holds(self, row: Mapping[str, Any]) -> bool:
        """Whether a failure concerns a row."""
        cell = row["spec"], row["task"]
        if cell not in self._known:
            failures = (*self._of_spec.get(row["spec"], ()), *self._of_all)
            self._known[cell] = any(failure.has_task(row["task"]) for failure in failures)
        return self._known[cell]


@dataclass(frozen=True)
class Outcome:
    """What a run left behind.

    Attributes:
        folder: where rows.csv is.
        failures: what could not be run.
        not_applicable: models that have no embedding for a task, and why.
    """

    folder: Path
    failures: tuple[Failure, ...]
    not_applicable: tuple[NotApplicable, ...]
