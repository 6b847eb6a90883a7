"""The jobs of a unit, which are known once its embedders are loaded: which are done, and where their files are."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.study.study import Model
from ablations.units.job import EmbedderFacts, Job, Part, Times, fingerprints, needs_slack
from ablations.units.pooled import pooling_of, reason_against_pooling
from ablations.units.unit import Unit
from downstream.checks import reason_against
from downstream.embedder import Embedder, Tap, dims_of, optional
from downstream.lookahead import reason_against_lookahead
from downstream.notices import warn_once
from downstream.probes.finished import SUFFIX, FinishedFits
from downstream.probes.protocol import Protocol
from downstream.splits import StoredTaps
from downstream.store.store import TapFolder, tap_folder
from downstream.tasks.audio import SplitAudio
from downstream.tasks.task import Task
from passt import EmbeddingSpec
from passt.tokens import keeps_tokens
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
        audio: for each embedder the sound of each split, at its rate.
        shared: by the times of each embedder, the jobs that differ only in taps and seed.
        not_applicable: models that have no embedding for the task, or no score under the protocol, and why.
    """

    audio: tuple[Mapping[str, SplitAudio], ...]
    shared: Mapping[tuple[Times, ...], list[Shared]]
    not_applicable: tuple[NotApplicable, ...]


@dataclass(frozen=True)
class Done:
    """A job that has its files, as rows need it; it crosses processes."""

    key: str
    models: tuple[Model, ...]
    task: str
    task_folder: Path
    seed: int

    @classmethod
    def of(cls, shared: Shared) -> "Done":
        """Describe a job that has its files."""
        job = shared.job
        return cls(job.key, shared.models, job.named.key, job.named.task.place, job.seed)


def jobs_of(unit: Unit, embedders: Sequence[Embedder], protocol: str, store: Path) -> UnitJobs:
    """List the jobs of a unit; models that need the same embedding share a job.

    Args:
        unit: models of one embedder group on one task.
        embedders: those of the models, one for each part of the group.
        protocol: how probes are trained.
        store: where resampled clips are cached.

    Raises:
        FileNotFoundError: names a clip that is absent.
    """
    task = unit.named.task
    if reason := reason_against(task, Protocol.parse(protocol)):
        return UnitJobs((), {}, tuple(NotApplicable(model.label, unit.named.key, reason) for model in unit.models))
    audio = tuple(
        {split: SplitAudio.of(task, split, embedder.sample_rate, store) for split in task.splits}
        for embedder in embedders
    )
    prints = [fingerprints(task, sound) for sound in audio]
    facts = [EmbedderFacts.of(embedder) for embedder in embedders]
    jobs: dict[str, tuple[Job, list[Model]]] = {}
    not_applicable = []
    slack: dict[tuple[int | None, ...], bool] = {}
    for model in unit.models:
        if reason := _reason_against(model, embedders, task, protocol):
            not_applicable.append(NotApplicable(model.label, unit.named.key, reason))
            continue
        first, *beside = (
            Part(fact, tuple(taps_on(task, part.spec)), *times_on(task, part.spec), audio_fp)
            for part, fact, (_, audio_fp) in zip(model.parts, facts, prints, strict=True)
        )
        hops_ms = first.hop_ms, *(part.hop_ms for part in beside)
        if hops_ms not in slack:
            slack[hops_ms] = needs_slack(task, *hops_ms)
        pooling = pooling_of(model.spec, first.taps, embedders[0])
        for seed in unit.seeds:
            job = Job(
                *(first.embedder, first.taps, first.hop_ms, unit.named, *prints[0], protocol, seed),
                slack=slack[hops_ms],
                pooling=pooling,
                lookahead_ms=first.lookahead_ms,
                beside=tuple(beside),
            )
            jobs.setdefault(job.key, (job, []))[1].append(model)
    shared: dict[tuple[Times, ...], list[Shared]] = {}
    for job, models in jobs.values():
        shared.setdefault(job.times, []).append(Shared(job, tuple(models)))
    return UnitJobs(audio, shared, tuple(not_applicable))


def taps_on(task: Task, spec: EmbeddingSpec) -> list[Tap]:
    """The taps that the embedding of a spec of one model has on a task."""
    return spec.timestamp_taps() if task.is_event else spec.scene_taps()


def times_on(task: Task, spec: EmbeddingSpec) -> Times:
    """The distance of timestamps of a spec of one model on a task and its look-ahead; scenes have neither."""
    return (spec.timestamp_hop_ms, spec.lookahead_ms) if task.is_event else (None, None)


def _reason_against(model: Model, embedders: Sequence[Embedder], task: Task, protocol: str) -> str:
    """Say why a model has no embedding for a task, or no score under a protocol; empty if it has."""
    for part, embedder in zip(model.parts, embedders, strict=True):

        def named(reason: str, spec: EmbeddingSpec = part.spec) -> str:
            return f"{spec}: {reason}" if len(embedders) > 1 else reason

        taps, known = taps_on(task, part.spec), dims_of(embedder, timed=task.is_event)
        if reason := _reason_against_taps(taps, known):
            return named(reason)
        pooling = pooling_of(part.spec, taps, embedder)
        if reason := reason_against_pooling(pooling, taps, known, protocol):
            return reason
        if reason := reason_against_lookahead(embedder, times_on(task, part.spec)[1]):
            return named(reason)
    return ""


def _reason_against_taps(taps: Sequence[Tap], known: Mapping[str, int]) -> str:
    """Say why an embedder has no embedding of these taps; empty if it has.

    Args:
        known: level -> width.
    """
    if not taps:
        return "its only level mel is no scene level"
    absent = next((level for level, _ in taps if level not in known), None)
    if absent is None:
        return ""
    if not known:
        return "it has no timestamp embeddings"
    return f"it has no tokens {absent}" if keeps_tokens(absent) else f"its weights have no level {absent}"


def tap_folders(
    store: Path, embedder: Embedder, audio: Mapping[str, SplitAudio], hop_ms: int | None
) -> dict[str, TapFolder]:
    """Where the store has, or will have, the taps of each split.

    Args:
        store: the folder of embeddings.
        embedder: computes the taps; one with a look-ahead (`downstream.lookahead`) has folders of its own.
        audio: the sound of each split.
        hop_ms: distance of timestamps; None for scenes.
    """
    if any((store / embedder.fingerprint / clips.fingerprint).is_dir() for clips in audio.values()):
        warn_once(
            f"{store}: embeddings by {embedder.name} were made by an earlier version, which did not record what "
            "decoded and resampled the clips; they are made anew (`ablate store prune --earlier` removes the old ones)"
        )
    lookahead_ms = optional(embedder).lookahead_ms
    return {
        split: tap_folder(store, embedder.fingerprint, clips.key, clips.split, hop_ms, lookahead_ms)
        for split, clips in audio.items()
    }


def stored_parts(job: Job, folders: Sequence[Mapping[str, TapFolder]]) -> list[StoredTaps]:
    """Where the store has the taps of each embedder of a job.

    Args:
        folders: of each embedder, by split.
    """
    return [
        StoredTaps(part.embedder.name, of_part, part.taps) for part, of_part in zip(job.parts, folders, strict=True)
    ]


def taps_of(jobs: Iterable[Shared], place: int = 0) -> list[Tap]:
    """Every tap that the jobs need of one of their embedders, once.

    Args:
        place: of the embedder among the parts of each job.
    """
    return list(dict.fromkeys(tap for shared in jobs for tap in shared.job.parts[place].taps))


def job_file(folder: Path, key: str) -> Path:
    """The path of a job's JSON in the folder of a run; the job is done if the file exists."""
    return folder / "jobs" / f"{key}.json"


def is_done(folder: Path, key: str) -> bool:
    """Whether a job has its files in the folder of a run; a job whose file was changed has to be done again."""
    try:
        job = parse_job(job_file(folder, key))
    except FileNotFoundError:
        return False
    except ValueError as error:
        warn_once(f"{error}; it is made anew")
        return False
    if PREDICTIONS not in job:
        warn_once(f"{folder}: jobs of an earlier version carry no sums and are taken as they are")
    return True


def fits_of(folder: Path, key: str) -> FinishedFits:
    """Where the finished fits of an unfinished job are kept."""
    return FinishedFits(job_file(folder, key).with_suffix(SUFFIX))
