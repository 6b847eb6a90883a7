"""Execution of units in two phases: extract the taps that the store lacks, then train probes and write one JSON a job.

The phases are apart so that probes of several units can be trained together (`ablations.units.waiting`). What is done
already stays.
"""

import contextlib
import itertools
import logging
from collections.abc import Sequence
from typing import IO, Any

import numpy as np

from ablations.units.extraction import extracted
from ablations.units.jobs import Shared, fits_of, is_done, job_file
from ablations.units.kept import keep, keep_again, keeps_probes
from ablations.units.record import JobRecord, arrays_of
from ablations.units.unit import Settings, Unit
from ablations.units.work import ReadyJob, ReadyPart, UnitResult, UnitWork
from downstream.disk.files import write_atomically, write_json
from downstream.disk.locks import LOCK, held
from downstream.embedder import Embedder
from downstream.evaluate import evaluate_all
from downstream.fold_result import FoldResult
from downstream.progress import Advance, Track, silent
from results.rows.job_files import sealed

logger = logging.getLogger(__name__)


def run_unit(
    unit: Unit,
    embedders: Sequence[Embedder],
    settings: Settings,
    *,
    track: Track = silent,
) -> UnitResult:
    """Do what is missing of a unit. A job that fails does not stop the others.

    Args:
        unit: what to do.
        embedders: of the unit's models, one for each part of their group.
        settings: how, and where files go.
        track: is told how far the work is.
    """
    work = UnitWork(unit, settings)
    for part in extracted(work, embedders, track):
        evaluate([part], track)
    return work.result


def evaluate(parts: Sequence[ReadyPart], track: Track = silent) -> None:
    """Train and test the probes of parts together, and write their jobs; what fails is noted."""
    jobs = [job for part in parts for job in part.jobs]
    with contextlib.ExitStack() as locks:
        for part in parts:
            locks.enter_context(part.locks)
        try:
            with track(_title(parts), sum(job.evaluation.count for job in jobs)) as advance:
                _evaluate(jobs, advance)
        except Exception as error:
            for job in jobs:
                job.work.fail(job.shared.models, error)


def _title(parts: Sequence[ReadyPart]) -> str:
    """Describe parts whose probes are trained together."""
    if len(parts) == 1:
        return parts[0].title
    units = [job.work.unit for part in parts for job in part.jobs]
    models, tasks = {model for unit in units for model in unit.models}, {unit.named.task.place for unit in units}
    return f"probes of {len(models)} models on {len(tasks)} tasks"


def _evaluate(jobs: Sequence[ReadyJob], advance: Advance) -> None:
    """Fit and test the probes of jobs together; if that fails, unit by unit, then job by job."""
    settings = jobs[0].work.settings
    try:
        for number, folds in evaluate_all([job.evaluation for job in jobs], settings.device, advance):
            shared = jobs[number].shared
            problem = _write_job(shared, folds, settings)
            fits_of(settings.folder, shared.job.key).discard()
            jobs[number].work.add(shared)
            if problem:
                jobs[number].work.fail(shared.models, ValueError(problem))
    except Exception as error:
        if len(jobs) == 1:
            jobs[0].work.fail(jobs[0].shared.models, error)
            return
        groups = [list(group) for _, group in itertools.groupby(jobs, key=lambda job: id(job.work))]
        if len(groups) > 1:
            logger.warning("the probes of %d units could not be trained together: %s", len(groups), error)
        for group in groups if len(groups) > 1 else [[job] for job in jobs]:
            if remaining := [job for job in group if not job.work.is_done(job.shared)]:  # another run may have made one
                _evaluate(remaining, advance)


def _write_job(shared: Shared, folds: Sequence[FoldResult], settings: Settings) -> str:
    """Write a job's files, unless another run has written them, whose JSON names its own predictions.

    Returns:
        Why the probes of a job that was done before can't be kept; empty without such a problem.
    """
    job, folder, keeps = shared.job, settings.folder, keeps_probes(settings.study)
    file = job_file(folder, job.key)
    with held(folder / LOCK):
        if is_done(folder, job.key):
            return keep_again(shared, folds, folder) if keeps else ""
        arrays: dict[str, Any] = dict(arrays_of(folds, job.named.task.groups))

        def write_arrays(out: IO[bytes]) -> None:
            np.savez_compressed(out, **arrays)

        write_atomically(file.with_suffix(".npz"), write_arrays)
        if keeps:
            keep(shared, folds, folder)
        record = JobRecord.of(job, folds, settings.device, sum(fold.seconds for fold in folds))
        write_json(file, sealed(record.as_json(), file.with_suffix(".npz")))
    return ""
