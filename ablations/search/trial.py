"""One trial: a study of one model, run in a folder of its own; its value, from validation scores alone."""

import contextlib
import logging
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.runs.run import run_study
from ablations.search.declared import Search
from ablations.search.space import Variant
from ablations.study.study import Study
from ablations.tasks.names import NamedTask
from downstream import evaluate
from downstream.evaluate import selection_of
from downstream.progress import Track, silent
from downstream.watching import FoldSeen, Stopped, watched
from results.rows.job_files import read_job
from results.rows.rows import read_rows, task_key

Fold = tuple[str, int, str]
"""Task, seed, and the fold's name behind its task folder's: a HEAR key may stand for several folders."""
JOBS = "jobs"


@dataclass(frozen=True)
class Places:
    """Where a search runs: `folder` is runs/NAME; of the others see `run_study`."""

    folder: Path
    store: Path
    tasks: Path | None = None
    device: str | None = None
    track: Track = silent

    def of(self, key: str) -> Path:
        """The folder of a variant's rows, whose jobs are those of the whole search."""
        return self.folder / "trials" / key


@dataclass(frozen=True)
class Goal:
    """What the score of a trial is made from.

    Attributes:
        signs: for every task 1 where its validation score is to be high, else -1.
        folds: how many folds all tasks have, with all seeds.
    """

    signs: Mapping[str, int]
    folds: int

    @classmethod
    def of(cls, named: Sequence[NamedTask], seeds: Sequence[int]) -> "Goal":
        """Of these tasks.

        Raises:
            ValueError: for tasks whose values have no common mean: a loss or an error rate beside others.
        """
        signs = {each.key: 1 if selection_of(each.task).mode == "max" else -1 for each in named}
        if len(signs) > 1 and -1 in signs.values():
            odd = next(key for key, sign in signs.items() if sign < 0)
            raise ValueError(f"task {odd} is validated by a loss or an error rate, which has no mean with other tasks")
        return cls(signs, len(seeds) * sum(len(each.task.folds()) for each in named))

    def telling(self, found: Mapping[Fold, float]) -> bool:
        """Whether folds can tell that a trial is a bad one: some of every task, and not all."""
        return {task for task, _, _ in found} == set(self.signs) and len(found) < self.folds

    def score(self, found: Mapping[Fold, float]) -> float:
        """The mean over tasks of the means over folds and seeds; of what is to be low, less than 0: higher is better.

        A score that was not defined (nothing was predicted) counts as 0, a loss or an error rate as infinite.
        """
        by_task: dict[str, list[float]] = {}
        for (task, _, _), value in found.items():
            by_task.setdefault(task, []).append(_oriented(value, self.signs[task]))
        means = [sum(values) / len(values) for values in by_task.values()]
        return sum(means) / len(means)


def run_trial(
    search: Search, variant: Variant, places: Places, goal: Goal, prune: Callable[[int, float], bool] | None = None
) -> float:
    """Run what is missing of a variant's study, in its folder; its score.

    Args:
        prune: told after each fold, as soon as every task has some, how many there are and their score; whether to end.

    Raises:
        Stopped: it was pruned. ValueError: it failed, or a task has no embedding of it.
    """
    folder = places.of(variant.key)
    _share_jobs(folder, places.folder)
    model, base = (variant.model,), search.folder
    study = Study(folder.name, model, search.tasks, search.seeds, variant.protocol, search.precision, folder=base)
    seen: dict[Fold, float] = {}

    def watch(fold: FoldSeen) -> None:
        seen[task_key(fold.task.name), fold.seed, f"{fold.task.name}/{fold.fold}"] = fold.score
        known = validations(folder) | seen
        if prune and goal.telling(known) and prune(len(known), goal.score(known)):
            if fold.finished:
                fold.finished.discard()
            raise Stopped

    with watched(watch):
        run_blind(study, folder.parent, places)
    return goal.score(validations(folder))


def run_blind(study: Study, runs: Path, places: Places) -> Path:
    """Run what is missing of a study with no word of test scores; its folder.

    Raises:
        ValueError: something of it failed, or a task has no embedding of a variant.
    """
    with _no_word_of_tests():
        outcome = run_study(
            study,
            runs=runs,
            store=places.store,
            tasks_folder=places.tasks,
            device=places.device,
            track=places.track,
        )
    if problems := list(map(str, [*outcome.failures, *outcome.not_applicable])):
        raise ValueError("; ".join(dict.fromkeys(problems)))
    return outcome.folder


def validations(folder: Path) -> dict[Fold, float]:
    """The validation scores in a folder's rows; of test scores nothing is read."""
    if not (folder / "rows.csv").is_file():
        return {}
    return next(iter(validations_by_spec(folder).values()), {})


def validations_by_spec(folder: Path) -> dict[str, dict[Fold, float]]:
    """The same of every spec in a folder's rows."""
    rows = read_rows(folder).query("primary")
    folders = {job: read_job(folder / JOBS / f"{job}.json")["task_folder"] for job in rows["job"].unique()}
    found: dict[str, dict[Fold, float]] = {}
    for row in rows.itertuples():
        fold = str(row.task), int(row.seed), f"{folders[row.job]}/{row.fold}"
        found.setdefault(row.spec, {})[fold] = float(row.validation_score)
    return found


def _share_jobs(folder: Path, whole: Path) -> None:
    """The jobs of a trial are those of the whole search: variants that share some have them once."""
    (whole / JOBS).mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (folder / JOBS).symlink_to(Path("..") / ".." / JOBS, target_is_directory=True)


@contextlib.contextmanager
def _no_word_of_tests() -> Iterator[None]:
    """The evaluation's log says of test scores that are not defined, which a search is not to tell."""
    log = logging.getLogger(evaluate.__name__)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _oriented(value: float, sign: int) -> float:
    if math.isnan(value) or value == -sign * math.inf:
        return 0.0 if sign > 0 else -math.inf
    return sign * value
