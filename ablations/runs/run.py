"""Running a study: its units are listed, an engine executes them, rows are made of the jobs' files; resumed where left.

Jobs that several specs share are run once. One bad job does not stop the others: what failed is listed in the outcome.
"""

import functools
import logging
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from ablations.engines.here import Results, check, run_here
from ablations.engines.ray.workers import RayWorkers
from ablations.runs.rows import StudyRows
from ablations.study.study import Model, Study
from ablations.system.machine import choose_device
from ablations.system.memory import keep_freed
from ablations.tasks import names
from ablations.units.outcome import Failure, Outcome
from ablations.units.unit import Settings, Shard, Unit, failure_of, find_tasks, units_of
from downstream.disk.files import make_folder, sweep
from downstream.progress import Track, silent

logger = logging.getLogger(__name__)


def run_study(
    study: Study,
    *,
    runs: str | Path = "runs",
    store: Path,
    tasks_folder: Path | None = None,
    device: str | None = None,
    precision: str | None = None,
    compiled: bool = False,
    shard: Shard | None = None,
    workers: RayWorkers | None = None,
    track: Track = silent,
) -> Outcome:
    """Run what is missing of a study and write its rows to `runs`/<study>/rows.csv.

    Args:
        store: the tap store's folder. tasks_folder: where HEAR's task folders lie.
        device: "cpu" or "cuda"; None chooses. precision: in place of the study's. compiled: whether by torch.compile.
        shard: the part of it to run; None is all. workers: who executes it; None is this process.

    Raises:
        ValueError: for a device or a precision that is not here, for workers that can't be had.
        OSError: for a folder of runs that can't be written, before anything is computed.
    """
    device = workers.device(device) if workers else choose_device(device)
    keep_freed()
    for folder in (Path(runs) / study.name, Path(runs) / study.name / "jobs"):
        sweep(folder)
    settings = Settings(study, Path(runs) / study.name, store, device, precision or study.precision, compiled)
    if not (workers and workers.address):
        check(settings)
    make_folder(settings.folder)
    failures: list[Failure] = []
    found = find_tasks(study, tasks_folder or names.default_folder(), store, functools.partial(_fail, failures))
    if absent := [failure.task for failure in failures if failure.absent]:
        logger.warning("absent, and missing from the results: %s", ", ".join(absent))
    units = units_of(study, found)
    chosen = shard.of(units) if shard else units
    rows = StudyRows(study, settings.folder, units, chosen, precision=settings.precision)
    not_applicable = []
    with (
        track(f"study {study.name}", sum(unit.rows for unit in chosen)) as advance,
        closing(_results(chosen, settings, workers, track)) as results,
    ):
        for unit, result in results:
            for job in result.done:
                rows.add(job)
            failures += [failure for failure in result.failures if failure not in failures]
            not_applicable += result.not_applicable
            rows.write(failures, not_applicable)
            advance(unit.rows)
    rows.write(failures, not_applicable, final=True)
    return Outcome(settings.folder, tuple(failures), tuple(not_applicable))


def _results(units: Sequence[Unit], settings: Settings, workers: RayWorkers | None, track: Track) -> Results:
    if workers is None:
        return run_here(units, settings, track)
    from ablations.engines.ray.engine import run_on_ray  # Ray is an extra

    return run_on_ray(units, settings, workers)


def _fail(failures: list[Failure], variants: Sequence[Model], task: str, error: Exception) -> None:
    failures.append(failure_of(variants, task, error))
    if not failures[-1].absent:  # those are told together
        logger.error("%s", failures[-1], exc_info=None if isinstance(error, ValueError | OSError) else error)
