"""Send the settings, scores and progress of runs to an experiment tracker: trackio, MLflow or Weights & Biases.

None of them is required: one that is installed is imported when a command names it. A tracker that fails never stops a
run: the log says so once, and the run goes on without it.
"""

import importlib
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from ablations.system.errors import one_line
from downstream.disk.choices import choices

logger = logging.getLogger(__name__)

Tell = Callable[[Sequence[Mapping[str, Any]], float], None]
"""Called with the rows of a model on a task under a seed, and the share of the run that is done, 0 to 1."""
TRACKERS = {"trackio": "init", "mlflow": "start_run", "wandb": "init"}
"""Each tracker by its package, in the order in which they are looked for, and the function that begins a run."""
ANY = "any"
PROJECT = "embedding-ablations"
"""What runs are filed under, unless the tracker's own variable (MLFLOW_EXPERIMENT_NAME, WANDB_PROJECT) says other."""
LONGEST_VALUE = 500
"""Letters of a setting; trackers refuse longer ones."""


def untold(rows: Sequence[Mapping[str, Any]], share: float) -> None:
    """The `Tell` that sends nothing."""


@dataclass(frozen=True)
class Tracker:
    """An experiment tracker.

    Attributes:
        module: its package.
    """

    module: ModuleType

    @classmethod
    def of(cls, name: str) -> "Tracker":
        """Import a tracker.

        Args:
            name: its package, or `ANY` for the first one that is installed.

        Raises:
            ValueError: the name is unknown, or no such package is installed.
        """
        if name not in (ANY, *TRACKERS):
            raise ValueError(f"unknown tracker {name!r}{choices(name, [ANY, *TRACKERS])}")
        for package in TRACKERS if name == ANY else [name]:
            try:
                module = importlib.import_module(package)
            except ImportError:
                continue
            if hasattr(module, TRACKERS[package]):  # a folder of that name, where a tracker wrote, is no tracker
                return cls(module)
        expected = f"pip install one of {', '.join(TRACKERS)}" if name == ANY else f"pip install {name}"
        raise ValueError(f"--track {name}: not installed; {expected}")

    @contextmanager
    def run(self, name: str, settings: Mapping[str, object]) -> Iterator[Tell]:
        """Begin a run of the tracker; it ends with the block.

        Args:
            name: of the run.
            settings: what it was asked for.
        """
        guarded = _Guarded(self.module.__name__)
        texts = {key: str(value) for key, value in settings.items()}
        guarded(self._begin, name, {key: text[:LONGEST_VALUE] for key, text in texts.items()})
        told = 0

        def tell(rows: Sequence[Mapping[str, Any]], share: float) -> None:
            nonlocal told
            told += 1
            guarded(self._log, {**means(rows), "progress": share}, told)

        try:
            yield tell
        except BaseException:
            guarded(self._end, False)
            raise
        guarded(self._end, True)

    @property
    def _is_mlflow(self) -> bool:
        return self.module.__name__ == "mlflow"

    def _begin(self, name: str, settings: Mapping[str, str]) -> None:
        if self._is_mlflow:
            self.module.set_experiment(os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT))
            self.module.start_run(run_name=name)
            self.module.log_params(settings)
        else:
            self.module.init(project=os.environ.get("WANDB_PROJECT", PROJECT), name=name, config=settings)

    def _log(self, values: Mapping[str, float], step: int) -> None:
        if self._is_mlflow:
            self.module.log_metrics(values, step=step)
        else:
            self.module.log(values)

    def _end(self, complete: bool) -> None:
        if self._is_mlflow:
            self.module.end_run("FINISHED" if complete else "FAILED")
        elif complete or self.module.__name__ == "trackio":  # which knows no status
            self.module.finish()
        else:
            self.module.finish(exit_code=1)


class _Guarded:
    """Calls that are made until one fails, which is logged.

    Args:
        name: of the tracker.
    """

    def __init__(self, name: str) -> None:
        self.name, self.works = name, True

    def __call__(self, call: Callable[..., None], *args: Any) -> None:
        """Make a call, unless an earlier one failed."""
        if not self.works:
            return
        try:
            call(*args)
        except Exception as error:
            self.works = False
            logger.warning("--track %s failed, the run goes on without it: %s", self.name, one_line(error))


def means(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Average the scores of rows over folds, by names such as ``digits/passt_demo block6/seed0/top1_acc``.

    A score that is not defined is left out.
    """
    scores: dict[str, list[float]] = {}
    for row in rows:
        parts = (row["task"], row["model"], f"seed{row['seed']}", row["metric"])
        if row["score"] is not None and row["score"] == row["score"]:
            name = "/".join(re.sub(r"[^\w. -]", "_", str(part)) for part in parts)  # what MLflow takes
            scores.setdefault(name, []).append(float(row["score"]))
    return {name: sum(values) / len(values) for name, values in scores.items()}
