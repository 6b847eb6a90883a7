"""Run a search, by any number of processes, until enough variants were run."""

import logging
from dataclasses import replace
from pathlib import Path

import optuna
import pandas as pd
from optuna.trial import Trial, TrialState

from ablations.search import report
from ablations.search.cost import cost_of
from ablations.search.declared import Search
from ablations.search.goal import Goal
from ablations.search.samplers import pruner_of
from ablations.search.sampling import ask
from ablations.search.space import Variant
from ablations.search.storage import REASON, counted, one_line_errors, open_study, take_up_again
from ablations.search.trial import Places, run_trial
from ablations.search.workers import at_work
from ablations.system.compute import DEFAULT, Machine
from ablations.system.errors import one_line
from ablations.system.machine import choose_device
from ablations.tasks import names
from ablations.tasks.names import NamedTask
from ablations.units.where import Where
from downstream.disk.files import make_folder
from downstream.disk.locks import held
from downstream.progress import Track, silent
from downstream.watching import Stopped

logger = logging.getLogger(__name__)

FAILURES = 3  # if so many trials fail and no other has ended, the search ends
OF_SCENES, OF_EVENTS = ("scene_window_ms",), ("windows_ms", "timestamp_hop_ms", "lookahead_ms")


def search(
    declared: Search | str | Path,
    where: Where | None = None,
    machine: Machine = DEFAULT,
    *,
    trials: int | None = None,
    storage: str | None = None,
    track: Track = silent,
) -> pd.DataFrame:
    """Run what is missing of a search, and return its trials without any test score.

    Files are written to runs/NAME (see `report.write`). Once no trial is left to run, the winner's test scores are
    looked at (see `ablations.search.winner`).

    Args:
        declared: a search, the name of a packaged one, or a YAML file.
        where: the folders of runs, embeddings and tasks; None are the defaults of `ablate run`.
        machine: the device and the precision, in place of the search's.
        trials: number of variants to run; None for the search's.
        storage: a URL that Optuna knows; None for a journal in the run's folder.
        track: shows how far it is.

    Returns:
        The table of `report.trials_table`.

    Raises:
        ValueError, FileNotFoundError: names what can't be used.
    """
    declared = declared if isinstance(declared, Search) else Search.load(declared)
    where = where or Where()
    places = Places(where.runs / declared.name, where, replace(machine, device=choose_device(machine.device)), track)
    make_folder(places.folder)
    goal = Goal.of(tasks_of(declared, places), declared.seeds)
    budget = trials or declared.trials
    study = open_study(declared, places.folder, storage)
    study.pruner = pruner_of(declared.pruning)
    with (
        one_line_errors(places.folder, storage),
        at_work(places.folder) as worker,
        track(f"search {declared.name}", budget) as advance,
    ):
        shown = 0
        while (started := _next(study, declared, places.folder, worker, budget)) is not None:
            _run(study, declared, *started, places, goal)
            report.write_rows(places.folder, study, declared)
            _check_failures(study)
            ended = sum(trial.state != TrialState.RUNNING for trial in counted(study))
            advance(ended - shown)
            shown = ended
    with one_line_errors(places.folder, storage):
        return report.write(places.folder, study, declared)


def _next(study: optuna.Study, search: Search, folder: Path, worker: str, budget: int) -> tuple[Trial, Variant] | None:
    """Start the next trial, first those whose process died.

    The result is None if there are enough, or no variant is left.
    """
    with held(folder / ".lock"):
        take_up_again(study, folder, worker)
        if len(counted(study)) >= budget:
            return None
        return ask(study, search.space, search.sampler, search.sampler_seed, worker)


def _run(
    study: optuna.Study,
    search: Search,
    trial: Trial,
    variant: Variant,
    places: Places,
    goal: Goal,
) -> None:
    """Run one trial, and tell the search how it ended."""

    def prune(folds: int, score: float) -> bool:
        trial.report(score, folds)
        return bool(trial.should_prune())

    try:
        costs = [cost_of(name, variant.model, goal.events) for name in search.objectives[1:]]
        score = run_trial(search, variant, places, goal, prune if len(search.objectives) == 1 else None)
    except Stopped:
        logger.info("trial %d, %s: pruned", trial.number, variant.model.label)
        study.tell(trial, state=TrialState.PRUNED)
    except Exception as error:
        reason = one_line(error) or type(error).__name__
        trial.set_user_attr(REASON, reason)
        study.tell(trial, state=TrialState.FAIL)
        expected = isinstance(error, ValueError | OSError)
        logger.error("trial %d failed: %s", trial.number, reason, exc_info=None if expected else error)
    else:
        logger.info("trial %d, %s: %.4g", trial.number, variant.model.label, score)
        study.tell(trial, [score, *costs])


def tasks_of(search: Search, places: Places) -> list[NamedTask]:
    """The tasks of a search.

    Raises:
        FileNotFoundError: a task is not installed.
        ValueError: a dimension of the space changes nothing on these tasks.
    """
    tasks: dict[Path, NamedTask] = {}
    for name in search.tasks:
        for place in names.places(name, places.where.tasks, places.where.store, search.folder):
            named = names.read(place, tasks.values())
            tasks.setdefault(named.task.place, named)
    kinds = {named.task.is_event for named in tasks.values()}
    for event, kind, idle in ((True, "event", OF_EVENTS), (False, "scene", OF_SCENES)):
        varied = [key for key in idle if search.space.varying(key)]
        if event not in kinds and varied:
            raise ValueError(f"space: {varied[0]} changes nothing, it is of {kind} tasks and there are none")
    return list(tasks.values())


def _check_failures(study: optuna.Study) -> None:
    """Raise ValueError if the first trials all failed."""
    trials = counted(study)
    reasons = [trial.user_attrs[REASON] for trial in trials if REASON in trial.user_attrs]
    if len(reasons) == len(trials) >= FAILURES:
        raise ValueError(f"the first {len(reasons)} trials failed, the last because of: {reasons[-1]}")
