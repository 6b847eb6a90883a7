"""The jobs of a unit, known as soon as its embedder is: what is done of them, and where their files are."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ablations.study.study import Model
from ablations.units.job import Job, fingerprints, needs_slack
from ablations.units.unit import Unit
from downstream.embedder import Embedder, Tap
from downstream.notices import say_once
from downstream.probes.finished import SUFFIX, FinishedFits
from downstream.store.store import TapFolder, tap_folder
from downstream.tasks.audio import SplitAudio
from results.rows.job_files import PREDICTIONS, parse_job
from results.scores.records import NotApplicable


@dataclass(frozen=True)
class Shared:
    """A job, and the models of the study that point at it."""

    job: Job
    models: tuple[Model, ...]


@dataclass(frozen=True)
class UnitJobs:
    """The jobs of a unit.

    Attributes:
        audio: per split, its sound at the embedder's rate.
        shared: by distance of timestamps in ms (None for scenes), the jobs that differ only in taps and seed.
        not_applicable: models that have nothing to give on this task, and why.
    """

    audio: Mapping[str, SplitAudio]
    shared: Mapping[int | None, list[Shared]]
    not_applicable: tuple[NotApplicable, ...]


@dataclass(frozen=True)
class Done:
    """A job that has its files, as rows need it; crosses processes."""

    key: str
    models: tuple[Model, ...]
    task: str
    task_folder: Path
    seed: int

    @classmethod
    def of(cls, shared: Shared) -> "Done":
        job = shared.job
        return cls(job.key, shared.models, job.named.key, job.named.task.folder, job.seed)


def jobs_of(unit: Unit, embedder: Embedder, protocol: str, store: Path) -> UnitJobs:
    """What a unit is made of; models that ask for the same share a job.

    Raises:
        FileNotFoundError: names a clip that is absent.
    """
    task = unit.named.task
    audio = {split: SplitAudio.of(task, split, embedder.sample_rate, store) for split in task.splits}
    prints = fingerprints(task, audio)
    jobs: dict[str, tuple[Job, list[Model]]] = {}
    not_applicable = []
    slack: dict[int | None, bool] = {}
    for model in unit.models:
        taps = model.spec.timestamp_taps() if task.is_event else model.spec.scene_taps()
        if not taps:
            reason = "its only level mel is no scene level"
            not_applicable.append(NotApplicable(model.label, unit.named.key, reason))
            continue
        if absent := next((level for level, _ in taps if level not in embedder.dims), None):
            reason = f"its weights have no level {absent}"
            not_applicable.append(NotApplicable(model.label, unit.named.key, reason))
            continue
        hop_ms = model.spec.timestamp_hop_ms if task.is_event else None
        if hop_ms not in slack:
            slack[hop_ms] = needs_slack(task, hop_ms)
        for seed in unit.seeds:
            job = Job(embedder, tuple(taps), hop_ms, unit.named, *prints, protocol, seed, slack[hop_ms])
            jobs.setdefault(job.key, (job, []))[1].append(model)
    shared: dict[int | None, list[Shared]] = {}
    for job, models in jobs.values():
        shared.setdefault(job.hop_ms, []).append(Shared(job, tuple(models)))
    return UnitJobs(audio, shared, tuple(not_applicable))


def tap_folders(
    store: Path, embedder: Embedder, audio: Mapping[str, SplitAudio], hop_ms: int | None
) -> dict[str, TapFolder]:
    """split -> where its taps are or will be."""
    if any((store / embedder.fingerprint / clips.fingerprint).is_dir() for clips in audio.values()):
        say_once(
            f"{store}: embeddings by {embedder.name} were made by an earlier version, which did not record what "
            "decoded and resampled the clips; they are made anew (`ablate store prune --earlier` removes the old ones)"
        )
    return {split: tap_folder(store, embedder.fingerprint, clips.key, split, hop_ms) for split, clips in audio.items()}


def taps_of(jobs: Iterable[Shared]) -> list[Tap]:
    """Every tap that some of the jobs need, once."""
    return list(dict.fromkeys(tap for shared in jobs for tap in shared.job.taps))


def job_file(folder: Path, key: str) -> Path:
    """A job's JSON in the folder of a run; the job is done where it exists."""
    return folder / "jobs" / f"{key}.json"


def is_done(folder: Path, key: str) -> bool:
    """Whether a job has its files in the folder of a run; one that is not what was written is to be done again."""
    try:
        job = parse_job(job_file(folder, key))
    except FileNotFoundError:
        return False
    except ValueError as error:
        say_once(f"{error}; it is made anew")
        return False
    if PREDICTIONS not in job:
        say_once(f"{folder}: jobs of an earlier version carry no sums and are taken as they are")
    return True


def fits_of(folder: Path, key: str) -> FinishedFits:
    """The fits that have ended of a job that has not."""
    return FinishedFits(job_file(folder, key).with_suffix(SUFFIX))
