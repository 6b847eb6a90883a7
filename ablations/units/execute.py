"""Execution of units in two phases: extract the taps that the store lacks, then train probes and write one JSON a job.

The phases are apart so that probes of several units can be trained together (`ablations.units.waiting`). What is done
already stays.
"""

import contextlib
import itertools
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

import numpy as np

from ablations.study.study import Model
from ablations.units.jobs import Done, Shared, fits_of, is_done, job_file, jobs_of, stored_parts, tap_folders, taps_of
from ablations.units.kept import keep, keep_again, keeps_probes, lacks_probes
from ablations.units.outcome import Failure
from ablations.units.parts import part_named
from ablations.units.record import JobRecord, arrays_of
from ablations.units.unit import Settings, Unit, failure_of
from downstream import splits
from downstream.disk.files import fingerprint, write_atomically, write_json
from downstream.disk.locks import LOCK, held, in_use
from downstream.embedder import Embedder, Tap
from downstream.evaluate import AnyEvaluation, evaluate_all, evaluation_of
from downstream.extract import NotFiniteError, extract
from downstream.fold_result import FoldResult
from downstream.lookahead import looking_ahead
from downstream.progress import Advance, Track, silent
from downstream.splits import LabelledSplit
from downstream.store.store import TapFolder
from downstream.store.unfinished import tidy
from downstream.tasks.audio import SplitAudio
from passt.catalog.spec_text import FUSED
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


class UnitWork:
    """A unit that is being executed: what is done of it so far, and what failed."""

    def __init__(self, unit: Unit, settings: Settings) -> None:
        self.unit, self.settings = unit, settings
        self.not_applicable: tuple[NotApplicable, ...] = ()
        self._done: dict[Done, None] = {}
        self._failures: list[Failure] = []

    @property
    def result(self) -> UnitResult:
        """What came of it."""
        return UnitResult(tuple(self._done), tuple(self._failures), self.not_applicable)

    def is_done(self, shared: Shared) -> bool:
        """Whether nothing of a job is left to do. If it has its files, that is noted; its probes may be missing."""
        if not is_done(self.settings.folder, shared.job.key):
            return False
        self.add(shared)
        return not lacks_probes(self.settings.study, self.settings.folder, shared.job.key)

    def add(self, shared: Shared) -> None:
        """Note that a job is done."""
        self._done[Done.of(shared)] = None

    def fail(self, models: Sequence[Model], error: Exception) -> None:
        """Note and log that models could not be run on the task."""
        failure = failure_of(models, self.unit.named.key, error)
        self._failures.append(failure)
        logger.error("%s", failure, exc_info=None if isinstance(error, ValueError | OSError) else error)


@dataclass(frozen=True)
class ReadyJob:
    """A job whose taps are in the store, and its evaluation."""

    work: UnitWork
    shared: Shared
    evaluation: AnyEvaluation


@dataclass(frozen=True)
class ReadyPart:
    """Jobs of a unit that are ready and differ only in taps and seed.

    Attributes:
        title: of their progress.
        jobs: at least one.
        files: about how many are open for them.
        locks: keep their folders of the store from being removed; closed after the evaluation.
    """

    title: str
    jobs: Sequence[ReadyJob]
    files: int
    locks: contextlib.ExitStack


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


def extracted(work: UnitWork, embedders: Sequence[Embedder], track: Track = silent) -> Iterator[ReadyPart]:
    """Extract what is missing for the jobs of a unit, and yield those that are ready, hop by hop.

    What fails is noted.

    Args:
        work: the unit.
        embedders: of the unit's models, one for each part of their group.
        track: is told how far the work is.
    """
    try:
        settings = work.settings
        jobs = jobs_of(work.unit, embedders, settings.study.protocol, settings.store)
        work.not_applicable = jobs.not_applicable
        for times, shared in jobs.shared.items():
            sources = [
                _Source(looking_ahead(embedder, lookahead_ms), audio, hop_ms)
                for embedder, audio, (hop_ms, lookahead_ms) in zip(embedders, jobs.audio, times, strict=True)
            ]
            if part := _Extraction(work, sources, track).part(shared):
                yield part
    except Exception as error:
        work.fail(work.unit.models, error)


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


@dataclass(frozen=True)
class _Source:
    """One of the embedders of a unit.

    Attributes:
        embedder: computes taps.
        audio: the sound of each split, at its rate.
        hop_ms: distance of its timestamps; None for scenes.
    """

    embedder: Embedder
    audio: Mapping[str, SplitAudio]
    hop_ms: int | None


Folders = Sequence[Mapping[str, TapFolder]]
"""For each embedder of a unit the folder of each split."""


class _Extraction:
    """The extraction of jobs of a unit that differ only in taps and seed."""

    def __init__(self, work: UnitWork, sources: Sequence[_Source], track: Track) -> None:
        self.work, self.sources, self.track = work, sources, track

    def part(self, jobs: Sequence[Shared]) -> ReadyPart | None:
        """Extract the taps of the jobs that are not done together; None if no job is left to evaluate."""
        waiting = []
        for shared in jobs:
            if self.work.is_done(shared):
                fits_of(self.work.settings.folder, shared.job.key).discard()  # of a run that was killed in between
            else:
                waiting.append(shared)
        store = self.work.settings.store
        if not waiting:
            for source in self.sources:  # what a run left that was killed while another one did its jobs
                for folder in tap_folders(store, source.embedder, source.audio, source.hop_ms, warn=False).values():
                    tidy(folder)
            return None
        folders = [tap_folders(store, source.embedder, source.audio, source.hop_ms) for source in self.sources]
        with contextlib.ExitStack() as locks:
            paths = dict.fromkeys(folder.path for of_part in folders for folder in of_part.values())
            locks.enter_context(in_use(paths))
            ready = self._ready(folders, waiting)
            taps = {tuple(part.taps for part in job.shared.job.parts) for job in ready}
            files = len(folders[0]) * (len(folders) + sum(len(of_part) for of_job in taps for of_part in of_job))
            names = FUSED.join(source.embedder.name for source in self.sources)
            title = f"{names}: probes on {self.work.unit.named.key}"
            return ReadyPart(title, ready, files, locks.pop_all()) if ready else None

    def _ready(self, folders: Folders, waiting: Sequence[Shared]) -> list[ReadyJob]:
        """Extract the taps of jobs, and read them; a job that can't have its taps fails alone."""
        try:
            self._extract(folders, [taps_of(waiting, place) for place in range(len(self.sources))])
        except NotFiniteError:
            pass  # one tap is at fault: each job below asks for its taps alone
        except Exception as error:
            self.work.fail([model for shared in waiting for model in shared.models], error)
            return []
        first, *others = ({split: clips.key for split, clips in source.audio.items()} for source in self.sources)
        sound = fingerprint([first, *others] if others else first)
        ready = []
        embeddings: dict[tuple[tuple[Tap, ...], ...], dict[str, LabelledSplit]] = {}  # that seeds share
        for shared in waiting:
            job = shared.job
            taps = tuple(part.taps for part in job.parts)
            try:
                self._extract(folders, taps)
                if taps not in embeddings:
                    embeddings[taps] = splits.side_by_side(job.named.task, stored_parts(job, folders))
                fits = fits_of(self.work.settings.folder, job.key).folder / sound
                task, features = job.named.task, embeddings[taps]
                evaluation = evaluation_of(task, features, job.protocol, job.seed, fits, job.pooling)
                ready.append(ReadyJob(self.work, shared, evaluation))
            except Exception as error:
                self.work.fail(shared.models, error)
        return ready

    def _extract(self, folders: Folders, taps: Sequence[Sequence[Tap]]) -> None:
        """Extract the taps of each embedder that the store does not have."""
        for source, of_part, wanted in zip(self.sources, folders, taps, strict=True):
            with part_named(source.embedder.name if len(self.sources) > 1 else ""):
                for split, clips in source.audio.items():
                    extract(source.embedder, clips, list(wanted), source.hop_ms, of_part[split], self.track)


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
