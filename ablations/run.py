"""Running a study: extraction, probes, one JSON a job, rows; resumed where it was left.

Jobs that several specs share are run once, and all taps of a model on a task are extracted in one go. One bad job does
not stop the others: what failed is listed in the outcome.
"""

import functools
import itertools
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from ablations import models, tasks
from ablations.job import Job, fingerprints, record, test_arrays
from ablations.machine import choose_device
from ablations.outcome import Failure, Outcome
from ablations.study import Model, Study
from ablations.study_rows import StudyRows
from ablations.tasks import NamedTask
from downstream import splits
from downstream.audio import SplitAudio
from downstream.embedder import Embedder, Tap, released
from downstream.evaluate import Evaluation, FoldResult, evaluate_all
from downstream.extract import NotFiniteError, extract
from downstream.files import write_atomically, write_json
from downstream.finished import FinishedFits
from downstream.locks import LOCK, held, in_use
from downstream.progress import Advance, Track, silent
from downstream.splits import LabelledSplit
from downstream.store import TapFolder, tap_folder
from passt.precision import precision_for

logger = logging.getLogger(__name__)

Shared = tuple[Job, list[Model]]
"""A job, and the models of the study that point at it."""


def run_study(
    study: Study,
    *,
    runs: str | Path = "runs",
    store: Path,
    tasks_folder: Path | None = None,
    device: str | None = None,
    precision: str | None = None,
    compiled: bool = False,
    track: Track = silent,
) -> Outcome:
    """Run what is missing of a study and write its rows to `runs`/<study>/rows.csv.

    Args:
        store: the tap store's folder. tasks_folder: where HEAR's task folders lie.
        device: "cpu" or "cuda"; None chooses. precision: in place of the study's. compiled: whether by torch.compile.

    Raises:
        ValueError: for a device or a precision that is not here.
    """
    device = choose_device(device)
    precision = precision or study.precision
    if any(models.card(model.spec.checkpoint).precisions for model in study.models):
        precision_for(precision, torch.device(device))
    build = functools.partial(models.build, device=device, precision=precision, compiled=compiled, track=track)
    run = _Run(study, Path(runs) / study.name, store, device, build, track)
    found = run.find_tasks(tasks_folder or tasks.default_folder())
    with track(f"study {study.name}", len(study.models) * len(found) * len(study.seeds)) as advance:
        for _, group in itertools.groupby(sorted(study.models, key=_weights_of), key=_weights_of):
            run.run_models(list(group), found, advance)
    run.rows.write(run.failures, final=True)
    return Outcome(run.folder, tuple(run.failures), tuple(run.not_applicable))


class _Run:
    """The state of one run of a study."""

    def __init__(
        self, study: Study, folder: Path, store: Path, device: str, build: Callable[..., Embedder], track: Track
    ) -> None:
        self.study, self.folder, self.store, self.device, self.track = study, folder, store, device, track
        self.build = build
        self.told = False
        self.failures: list[Failure] = []
        self.not_applicable: list[str] = []
        self.rows = StudyRows(study, folder)

    def find_tasks(self, tasks_folder: Path) -> list[NamedTask]:
        """The study's tasks; what is absent, broken or called like another one fails."""
        found: dict[Path, NamedTask] = {}
        for name in self.study.tasks:
            try:
                folders = tasks.folders(name, tasks_folder, self.store, self.study.folder)
            except Exception as error:
                self.fail((), name, error)
                continue
            for folder in folders:
                try:
                    found.setdefault(folder.resolve(), tasks.read(folder, found.values()))
                except Exception as error:
                    self.fail((), folder.name, error)
        return list(found.values())

    def run_models(self, variants: Sequence[Model], found: Sequence[NamedTask], advance: Advance) -> None:
        """All variants of one checkpoint and its weights on all tasks; the embedder is loaded once."""
        first = variants[0]
        try:
            embedder = self.build(first.spec, weights=first.weights_file, python=first.python)
        except Exception as error:
            self.fail(variants, "", error)
            return
        with released(embedder):
            for named in found:
                try:
                    self.run_task(embedder, variants, named)
                except Exception as error:
                    self.fail(variants, named.key, error)
                self.rows.write(self.failures)
                advance(len(variants) * len(self.study.seeds))

    def run_task(self, embedder: Embedder, variants: Sequence[Model], named: NamedTask) -> None:
        task = named.task
        audio = {split: SplitAudio.of(task, split, embedder.sample_rate, self.store) for split in task.splits}
        prints = fingerprints(task, audio)
        jobs: dict[str, Shared] = {}
        for model in variants:
            taps = model.spec.timestamp_taps() if task.is_event else model.spec.scene_taps()
            if not taps:
                self.not_applicable.append(f"{model.label} on {named.key}: its only level mel is no scene level")
                continue
            hop_ms = model.spec.timestamp_hop_ms if task.is_event else None
            for seed in self.study.seeds:
                job = Job(embedder, tuple(taps), hop_ms, named, *prints, self.study.protocol, seed)
                jobs.setdefault(job.key, (job, []))[1].append(model)
        for hop_ms in dict.fromkeys(job.hop_ms for job, _ in jobs.values()):
            self.run_jobs(embedder, audio, hop_ms, [shared for shared in jobs.values() if shared[0].hop_ms == hop_ms])

    def run_jobs(
        self, embedder: Embedder, audio: dict[str, SplitAudio], hop_ms: int | None, jobs: Sequence[Shared]
    ) -> None:
        """Jobs that differ only in taps and seed: what is missing of their taps is extracted together."""
        waiting = []
        for shared in jobs:
            if self.file(shared[0]).is_file():
                self.fits(shared[0]).discard()  # of a run that was killed in between
                self.rows.add(self.file(shared[0]), *shared)
            else:
                waiting.append(shared)
        if not waiting:
            return
        folders = {
            split: tap_folder(self.store, embedder.fingerprint, clips.fingerprint, split, hop_ms)
            for split, clips in audio.items()
        }
        with in_use(folder.path for folder in folders.values()):
            extract_taps = functools.partial(self.extract_taps, embedder, audio, hop_ms, folders)
            self.run_waiting(embedder.name, extract_taps, folders, waiting)

    def run_waiting(
        self, name: str, extract_taps: Callable, folders: Mapping[str, TapFolder], waiting: Sequence[Shared]
    ) -> None:
        """The jobs that are still to be done, while nothing of their folders of the store is removed."""
        try:
            extract_taps(tap for job, _ in waiting for tap in job.taps)
        except NotFiniteError:
            pass  # some tap's fault: each job below asks for its own
        except Exception as error:
            self.fail([model for _, variants in waiting for model in variants], waiting[0][0].named.key, error)
            return
        ready: list[tuple[Shared, Evaluation]] = []
        embeddings: dict[tuple[Tap, ...], dict[str, LabelledSplit]] = {}  # that seeds share
        for job, variants in waiting:
            try:
                extract_taps(job.taps)
                data = embeddings.setdefault(job.taps, splits.from_store(job.named.task, folders, job.taps))
                evaluation = Evaluation(job.named.task, data, job.protocol, job.seed, self.fits(job).folder)
                ready.append(((job, variants), evaluation))
            except Exception as error:
                self.fail(variants, job.named.key, error)
        if ready:
            total = sum(evaluation.count for _, evaluation in ready)
            with self.track(f"{name}: probes on {waiting[0][0].named.key}", total) as advance:
                self.evaluate(ready, advance)

    def extract_taps(
        self,
        embedder: Embedder,
        audio: Mapping[str, SplitAudio],
        hop_ms: int | None,
        folders: Mapping[str, TapFolder],
        taps: Iterable[Tap],
    ) -> None:
        """What is missing of some taps, into the store."""
        wanted = list(dict.fromkeys(taps))
        if not self.told and any(folder.missing(wanted) for folder in folders.values()):
            self.told = True
            if text := models.faster_choices(embedder):
                logger.info(text)
        for split, clips in audio.items():
            extract(embedder, clips, wanted, hop_ms, folders[split], self.track)

    def evaluate(self, ready: Sequence[tuple[Shared, Evaluation]], advance: Advance) -> None:
        """Fit and test the probes of jobs together; where that fails, of one after the other."""
        start = time.perf_counter()
        try:
            for number, folds in evaluate_all([evaluation for _, evaluation in ready], self.device, advance):
                job, variants = ready[number][0]
                self.write_job(job, folds, time.perf_counter() - start)
                self.fits(job).discard()
                self.rows.add(self.file(job), job, variants)
                start = time.perf_counter()
        except Exception as error:
            if len(ready) == 1:
                ((job, variants), _) = ready[0]
                self.fail(variants, job.named.key, error)
                return
            for alone in ready:
                job, variants = alone[0]
                if self.file(job).is_file():
                    self.rows.add(self.file(job), job, variants)  # another run may have made it
                else:
                    self.evaluate([alone], advance)

    def write_job(self, job: Job, folds: Sequence[FoldResult], seconds: float) -> None:
        arrays = self.file(job).with_suffix(".npz")
        with held(self.folder / LOCK):
            if not self.file(job).is_file():  # else another run has made it, with predictions that belong to it
                write_atomically(arrays, lambda file: np.savez_compressed(file, **test_arrays(folds)))
                write_json(self.file(job), record(job, folds, self.device, seconds))

    def file(self, job: Job) -> Path:
        return self.folder / "jobs" / f"{job.key}.json"

    def fits(self, job: Job) -> FinishedFits:
        return FinishedFits(self.file(job).with_suffix(".fits"))

    def fail(self, variants: Sequence[Model], task: str, error: Exception) -> None:
        reason = " ".join(str(error).split()) or type(error).__name__
        expected = isinstance(error, ValueError | OSError)
        failure = Failure(
            tuple(dict.fromkeys(variants)), task, reason if expected else f"{type(error).__name__}: {reason}"
        )
        self.failures.append(failure)
        logger.error("%s", failure, exc_info=None if expected else error)


def _weights_of(model: Model) -> tuple[str, str, str]:
    return model.spec.checkpoint, model.spec.weights, str(model.python or "")
