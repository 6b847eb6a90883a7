"""Where a run finds its tasks, keeps its embeddings and writes its rows."""

from dataclasses import dataclass, field
from pathlib import Path

from ablations.tasks.names import default_folder
from downstream.store.store import default_root


@dataclass(frozen=True)
class Where:
    """The folders of a run.

    Attributes:
        runs: a run writes to `runs`/<study>.
        store: the embeddings that all runs share; $ABLATE_STORE or the user's cache by default.
        tasks: the folder of HEAR's task folders; $HEAR_TASKS or ./tasks by default.
    """

    runs: Path = Path("runs")
    store: Path = field(default_factory=default_root)
    tasks: Path = field(default_factory=default_folder)

    @classmethod
    def of(cls, runs: Path = Path("runs"), store: Path | None = None, tasks: Path | None = None) -> "Where":
        """The folders that a command was given; None stands for the default.

        Args:
            runs: the folder of runs.
            store: the folder of embeddings.
            tasks: the folder of HEAR's task folders.
        """
        return cls(runs, store or default_root(), tasks or default_folder())
