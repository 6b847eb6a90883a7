"""Execution of a unit: extract all its taps, train its probes, write one JSON a job; what is done already stays."""

import functools
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from ablations.study.study import Model
from ablations.units.job import Job
from ablations.units.jobs import Done, Shared, fits_of, is_done, job_file, jobs_of, tap_folders, taps_of
from ablations.units.outcome import Failure
from ablations.units.record import JobRecord, arrays_of
from ablations.units.unit import Settings, Unit, failure_of
from downstream import splits
from downstream.disk.files import fingerprint, write_atomically, write_json
from downstream.disk.locks import LOCK, held, in_use
from downstream.embedder import Embedder, Tap
from downstream.evaluate import Evaluation, evaluate_all, evaluation_of
from downstream.extract import NotFiniteError, extract
from downstream.fold_result import FoldResult
from downstream.progress import Advance, Track, silent
from downstream.solve import SolvedEvaluation
from downstream.splits import LabelledSplit
from downstream.store.store import TapFolder
from downstream.tasks.audio import SplitAudio
from results.rows.job_files import sealed
from results.scores.records import NotApplicable

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnitResult:
    """The result of a unit, which crosses processes; the scores are in the files of the jobs.

    Attributes:
        done: the jobs that have their files.
        failures: what could not be run.
        not_applicable: models that have no embedding for the task, and why.
    """

    done: tuple[Done, ...] = ()
    failures: tuple[Failure, ...] = ()
    not_applicable: tuple[NotApplicable, ...] = ()


def run_unit(
    unit: Unit,
    embedder: Embedder,
    settings: Settings,
    *,
    track: Track = silent,
) -> UnitResult:
    """Do what is missing of a unit. A job that fails does not stop the others.

    Args:
        unit: what to do.
        embedder: of the unit's models.
        settings: how, and where files go.
        track: is told how far the work is.
    """
    execution = _Execution(unit, embedder, settings, track)
    try:
        execution.run()
    except Exception as error:
        execution.fail(unit.models, error)
    return UnitResult(tuple(execution.done), tuple(execution.failures), execution.not_applicable)


class _Execution:
    """The state of a unit that is being executed."""

    def __init__(self, unit: Unit, embedder: Embedder, settings: Settings, track: Track) -> None:
        self.unit, self.embedder, self.settings, self.track = unit, embedder, settings, track
        self.done: list[Done] = []
        self.failures: list[Failure] = []
        self.not_applicable: tuple[NotApplicable, ...] = ()

    def run(self) -> None:
        """Do all jobs that are not done."""
        jobs = jobs_of(self.unit, self.embedder, self.settings.study.protocol, self.settings.store)
        self.not_applicable = jobs.not_applicable
        for hop_ms, shared in jobs.shared.items():
            self.run_jobs(jobs.audio, hop_ms, shared)

    def run_jobs(self, audio: Mapping[str, SplitAudio], hop_ms: int | None, jobs: Sequence[Shared]) -> None:
        """Do jobs that differ only in taps and seed; their missing taps are extracted together."""
        waiting = []
        for shared in jobs:
            if self.is_done(shared):
                fits_of(self.settings.folder, shared.job.key).discard()  # of a run that was killed in between
                self.add(shared)
            else:
                waiting.append(shared)
        if not waiting:
            return
        folders = tap_folders(self.settings.store, self.embedder, audio, hop_ms)
        with in_use(folder.path for folder in folders.values()):
            self.run_waiting(audio, hop_ms, folders, waiting)

    def run_waiting(
        self,
        audio: Mapping[str, SplitAudio],
        hop_ms: int | None,
        folders: Mapping[str, TapFolder],
        waiting: Sequence[Shared],
    ) -> None:
        """Do jobs that are not done, while nobody removes anything from their folders of the store."""
        extract_taps = functools.partial(self.extract_taps, audio, hop_ms, folders)
        try:
            extract_taps(taps_of(waiting))
        except NotFiniteError:
            pass  # one tap is at fault: each job below asks for its taps alone
        except Exception as error:
            self.fail([model for shared in waiting for model in shared.models], error)
            return
        sound = fingerprint({split: clips.key for split, clips in audio.items()})
        ready: list[tuple[Shared, Evaluation | SolvedEvaluation]] = []
        embeddings: dict[tuple[Tap, ...], dict[str, LabelledSplit]] = {}  # that seeds share
        for shared in waiting:
            job = shared.job
            try:
                extract_taps(job.taps)
                data = embeddings.setdefault(job.taps, splits.from_store(job.named.task, folders, job.taps))
                fits = fits_of(self.settings.folder, job.key).folder / sound
                ready.append((shared, evaluation_of(job.named.task, data, job.protocol, job.seed, fits)))
            except Exception as error:
                self.fail(shared.models, error)
        if ready:
            total = sum(evaluation.count for _, evaluation in ready)
            with self.track(f"{self.embedder.name}: probes on {self.unit.named.key}", total) as advance:
                self.evaluate(ready, advance)

    def extract_taps(
        self,
        audio: Mapping[str, SplitAudio],
        hop_ms: int | None,
        folders: Mapping[str, TapFolder],
        taps: Iterable[Tap],
    ) -> None:
        """Extract the taps that the store does not have."""
        taps = list(taps)
        for split, clips in audio.items():
            extract(self.embedder, clips, taps, hop_ms, folders[split], self.track)

    def evaluate(self, ready: Sequence[tuple[Shared, Evaluation | SolvedEvaluation]], advance: Advance) -> None:
        """Fit and test the probes of jobs together; if that fails, one job after the other."""
        start = time.perf_counter()
        try:
            evaluations = [evaluation for _, evaluation in ready]
            for number, folds in evaluate_all(evaluations, self.settings.device, advance):
                shared = ready[number][0]
                self.write_job(shared.job, folds, time.perf_counter() - start)
                fits_of(self.settings.folder, shared.job.key).discard()
                self.add(shared)
                start = time.perf_counter()
        except Exception as error:
            if len(ready) == 1:
                self.fail(ready[0][0].models, error)
                return
            for alone in ready:
                if self.is_done(alone[0]):
                    self.add(alone[0])  # another run may have made it
                else:
                    self.evaluate([alone], advance)

    def write_job(self, job: Job, folds: Sequence[FoldResult], seconds: float) -> None:
        """Write a job's files, unless another run has written them, whose JSON names its own predictions."""
        file = job_file(self.settings.folder, job.key)
        with held(self.settings.folder / LOCK):
            if is_done(self.settings.folder, job.key):
                return
            arrays: dict[str, Any] = dict(arrays_of(folds, job.named.task.groups))

            def write_arrays(out: IO[bytes]) -> None:
                np.savez_compressed(out, **arrays)

            write_atomically(file.with_suffix(".npz"), write_arrays)
            record = JobRecord.of(job, folds, self.settings.device, seconds)
            write_json(file, sealed(record.as_json(), file.with_suffix(".npz")))

    def is_done(self, shared: Shared) -> bool:
        """Whether a job has its files."""
        return is_done(self.settings.folder, shared.job.key)

    def add(self, shared: Shared) -> None:
        """Note that a job is done."""
        job = Done.of(shared)
        if job not in self.done:
            self.done.append(job)

    def fail(self, models: Sequence[Model], error: Exception) -> None:
        """Note and log that models could not be run on the task."""
        failure = failure_of(models, self.unit.named.key, error)
        self.failures.append(failure)
        logger.error("%s", failure, exc_info=None if isinstance(error, ValueError | OSError) else error)
