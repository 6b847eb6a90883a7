"""Run one trial: a study of one model, whose value is made of validation scores alone."""

import contextlib
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ablations.runs.run import run_study
from ablations.search.declared import Search
from ablations.search.goal import Fold, Goal
from ablations.search.space import Variant
from ablations.study.study import Study
from ablations.system.compute import DEFAULT, Machine
from ablations.units.where import Where
from downstream import evaluate
from downstream.progress import Track, silent
from downstream.watching import FoldFitted, Stopped, watched
from results.rows.job_files import read_job
from results.rows.rows import read_rows, task_key

JOBS = "jobs"


@dataclass(frozen=True)
class Places:
    """Where and how a search runs.

    Attributes:
        folder: the folder of its run, runs/NAME.
        where: the folders of embeddings and tasks.
        machine: what computes its trials.
        track: shows how far it is.
    """

    folder: Path
    where: Where
    machine: Machine = DEFAULT
    track: Track = silent


def trial_folder(folder: Path, key: str) -> Path:
    """The folder of a variant's rows, below the folder of the search's run."""
    return folder / "trials" / key


def run_trial(
    search: Search, variant: Variant, places: Places, goal: Goal, prune: Callable[[int, float], bool] | None = None
) -> float:
    """Run what is missing of a variant's study in its folder, and return its score.

    Args:
        search: the search.
        variant: what to run.
        places: where and how.
        goal: what the score is made from.
        prune: (number of folds, their score) -> whether to end; called after each fold that can tell. None never ends.

    Raises:
        Stopped: it was pruned.
        ValueError: it failed, or a task has no embedding of it.
    """
    folder = trial_folder(places.folder, variant.key)
    _share_jobs(folder, places.folder)
    study = Study(
        folder.name,
        (variant.model,),
        search.tasks,
        search.seeds,
        variant.protocol,
        search.precision,
        folder=search.folder,
    )
    seen: dict[Fold, float] = {}

    def watch(fold: FoldFitted) -> None:
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
    """Run what is missing of a study without showing any test score, and return its folder.

    Raises:
        ValueError: a job failed, or a task has no embedding of a variant.
    """
    with _without_test_scores():
        outcome = run_study(study, replace(places.where, runs=runs), places.machine, track=places.track)
    if problems := list(map(str, [*outcome.failures, *outcome.not_applicable])):
        raise ValueError("; ".join(dict.fromkeys(problems)))
    return outcome.folder


def validations(folder: Path) -> dict[Fold, float]:
    """The validation scores in a folder's rows; test scores are not read."""
    if not (folder / "rows.csv").is_file():
        return {}
    return next(iter(validations_by_spec(folder).values()), {})


def validations_by_spec(folder: Path) -> dict[str, dict[Fold, float]]:
    """Spec -> its validation scores, from a folder's rows."""
    rows = read_rows(folder).query("primary")
    folders = {job: read_job(folder / JOBS / f"{job}.json")["task_folder"] for job in rows["job"].unique()}
    scores: dict[str, dict[Fold, float]] = {}
    for row in rows.itertuples():
        fold = str(row.task), int(row.seed), f"{folders[row.job]}/{row.fold}"
        scores.setdefault(row.spec, {})[fold] = float(row.validation_score)
    return scores


def _share_jobs(folder: Path, run: Path) -> None:
    """Link the jobs of a trial to those of the whole search, so that variants share them."""
    (run / JOBS).mkdir(parents=True, exist_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        (folder / JOBS).symlink_to(Path("..") / ".." / JOBS, target_is_directory=True)


@contextlib.contextmanager
def _without_test_scores() -> Iterator[None]:
    """Silence the evaluation's log, which names test scores that are not defined."""
    log = logging.getLogger(evaluate.__name__)
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)
