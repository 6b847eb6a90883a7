"""What a run of a study left behind, and what of it failed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ablations.study import Model


@dataclass(frozen=True)
class Failure:
    """What could not be run: some models (none named: all) on a task (none named: all)."""

    models: tuple[Model, ...]
    task: str
    reason: str

    def __str__(self) -> str:
        names = " and ".join(model.label for model in self.models)
        what = " on ".join(name for name in (names, self.task) if name)
        return self.reason if self.reason.startswith(f"{what}:") else f"{what}: {self.reason}"

    def concerns(self, row: dict[str, Any]) -> bool:
        """Whether a row of an earlier run is of what failed now."""
        specs = {str(model.spec) for model in self.models}
        return (not specs or row["spec"] in specs) and (not self.task or row["task"] == Path(self.task).name)


@dataclass(frozen=True)
class Outcome:
    """What a run left behind: the folder with rows.csv, what failed, and what does not apply."""

    folder: Path
    failures: tuple[Failure, ...]
    not_applicable: tuple[str, ...]
