"""A run of a study: list its units, have an engine execute them, and make rows of the jobs' files.

A run that was stopped resumes. Jobs that several specs share are run once. A job that fails does not stop
the others: the outcome lists it.
"""

import functools
import logging
from collections.abc import Sequence
from contextlib import closing

from ablations.engines import Engine, make_engine
from ablations.engines.here import check_movable
from ablations.runs.rows import StudyRows
from ablations.runs.tracking import Tell, untold
from ablations.study.declaration import write_declaration
from ablations.study.study import Model, Study
from ablations.system.compute import DEFAULT, Machine
from ablations.system.memory import keep_freed
from ablations.units.outcome import Failure, Outcome
from ablations.units.unit import Settings, Shard, failure_of, find_tasks, units_of
from ablations.units.where import Where
from downstream.disk.files import make_folder, sweep
from downstream.progress import Track, silent
from results.scores.records import NotApplicable

logger = logging.getLogger(__name__)


def run_study(
    study: Study,
    where: Where | None = None,
    machine: Machine = DEFAULT,
    *,
    shard: Shard | None = None,
    engine: Engine | None = None,
    track: Track = silent,
    tell: Tell = untold,
) -> Outcome:
    """Run what is missing of a study, and write its rows to runs/<study>/rows.csv.

    Args:
        study: what to compare, on which tasks.
        where: the folders of runs, embeddings and tasks; None are the defaults of `ablate run`.
        machine: the device and the precision, in place of the study's.
        shard: the part of the study to run; None is all of it.
        engine: what executes it (`ablations.engines`); None is this process.
        track: shows how far the work is.
        tell: is given the rows of each job as it ends (`ablations.runs.tracking`).

    Raises:
        ValueError: a device, a precision or workers that are not available.
        OSError: the folder of runs can't be written; nothing has been computed then.
    """
    where, engine = where or Where(), engine or make_engine("here")
    settings = Settings.of(study, where, machine, engine.device(machine.device))
    keep_freed()
    for folder in (settings.folder, settings.folder / "jobs"):
        sweep(folder)
    engine.check(settings)
    if shard:
        check_movable(study, "another shard")
    make_folder(settings.folder)
    write_declaration(study, settings.folder)
    failures: dict[Failure, None] = {}
    tasks = find_tasks(study, where.tasks, where.store, functools.partial(_fail, failures))
    if absent := [failure.task for failure in failures if failure.absent]:
        logger.warning("absent, and missing from the results: %s", ", ".join(absent))
    units = units_of(study, tasks)
    chosen = shard.of(units) if shard else units
    rows = StudyRows(study, settings.folder, units, chosen, precision=settings.precision, tell=tell)
    not_applicable: list[NotApplicable] = []
    with closing(rows):
        with (
            track(f"study {study.name}", sum(unit.rows for unit in chosen)) as advance,
            closing(engine.results(chosen, settings, track)) as results,
        ):
            for unit, result in results:
                for job in result.done:
                    rows.add(job)
                failures |= dict.fromkeys(result.failures)
                not_applicable += result.not_applicable
                rows.update(failures, not_applicable)
                advance(unit.rows)
        rows.write(failures, not_applicable, final=True)
    return Outcome(settings.folder, tuple(failures), tuple(not_applicable))


def _fail(failures: dict[Failure, None], models: Sequence[Model], task: str, error: Exception) -> None:
    failure = failure_of(models, task, error)
    failures[failure] = None
    if not failure.absent:  # absent tasks are logged together
        logger.error("%s", failure, exc_info=None if isinstance(error, ValueError | OSError) else error)
