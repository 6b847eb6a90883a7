"""What a run of a study left behind, and what of it failed."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ablations.study.study import Model
from results.rows.rows import task_key
from results.scores.records import NotApplicable, RecordedFailure


@dataclass(frozen=True)
class Failure:
    """What could not be run: some models (none named: all) on a task (none named: all).

    `absent`: the task is not there, and the reason says how to get it.
    """

    models: tuple[Model, ...]
    task: str
    reason: str
    absent: bool = False

    def __str__(self) -> str:
        return str(RecordedFailure(tuple(model.label for model in self.models), self.task, self.reason, self.absent))

    def recorded(self) -> RecordedFailure:
        """As it is kept in the run's folder; the task is called as rows call it."""
        task = self.task if self.absent or not self.task else task_key(Path(self.task).name)
        return RecordedFailure(tuple(model.label for model in self.models), task, self.reason, self.absent)

    def concerns(self, row: dict[str, Any]) -> bool:
        """Whether a row of an earlier run is of what failed now.

        The task of a failure may be a key, a folder or a glob.
        """
        specs = {str(model.spec) for model in self.models}
        name = Path(self.task).name
        named = not self.task or row["task"] in (name, task_key(name)) or fnmatchcase(row["task"], name)
        return named and (not specs or row["spec"] in specs)


@dataclass(frozen=True)
class Outcome:
    """What a run left behind: the folder with rows.csv, what failed, and what does not apply."""

    folder: Path
    failures: tuple[Failure, ...]
    not_applicable: tuple[NotApplicable, ...]
