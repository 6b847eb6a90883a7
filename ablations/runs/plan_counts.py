"""Counts of what remains to be done of a unit, without doing any of it."""

import contextlib
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.units.jobs import Shared, fits_of, is_done, jobs_of, tap_folders, taps_of
from ablations.units.kept import lacks_probes
from ablations.units.unit import Settings, Unit
from downstream.embedder import OWN_HOP, Embedder, Tap, distance_ms, widths
from downstream.lookahead import looking_ahead
from downstream.pooling.fixed import POOLS
from downstream.pooling.pooling import Pooling
from downstream.probes.probe import ProbeConfig
from downstream.probes.protocol import Protocol
from downstream.store.extraction import Extraction
from downstream.store.number_format import format_of
from downstream.store.store import TapFolder
from downstream.tasks.audio import SplitAudio
from results.scores.records import NotApplicable


@dataclass(frozen=True)
class Extracting:
    """Taps that a run will compute together on clips of one split.

    Attributes:
        embedder: computes them.
        audio: the split.
        files: the clips.
        taps: what is computed.
        hop_ms: distance of timestamps; None for scenes.
        rows: embeddings of each tap: one a scene, or one a timestamp.
        passes: through the model: one for each window of a scene or a timestamp. A model may cut a scene into pieces,
            which count as one.
        seconds: of sound.
        size: bytes that are added to the store.
    """

    embedder: Embedder
    audio: SplitAudio
    files: tuple[str, ...]
    taps: tuple[Tap, ...]
    hop_ms: int | None
    rows: int
    passes: int
    seconds: float
    size: int


@dataclass(frozen=True)
class Probing:
    """The fits of one job.

    Attributes:
        configs: the probe configuration of each fit that has not ended yet; of a protocol with epochs.
        solver: the protocol that solves for a probe in each fold, without epochs; "" for one with epochs.
        folds: of the task.
        items: to train on in the first fold.
        dim: width of the features, which a pooling that learns nothing has made.
        labels: number of the task's labels.
        prediction_type: of the task.
        pooling: of levels or tokens that is trained with each probe; None for none.
    """

    configs: tuple[ProbeConfig, ...]
    solver: str
    folds: int
    items: int
    dim: int
    labels: int
    prediction_type: str
    pooling: Pooling | None = None


@dataclass(frozen=True)
class Counts:
    """What a unit consists of, and what remains of it.

    Attributes:
        jobs: of the unit.
        done: jobs that have their files.
        taps: of the unit.
        stored: taps that are in the store.
        extractions: to be done.
        probes: to be trained.
        not_applicable: models that have nothing to give on the task, and why.
    """

    jobs: int
    done: int
    taps: int
    stored: int
    extractions: tuple[Extracting, ...]
    probes: tuple[Probing, ...]
    not_applicable: tuple[NotApplicable, ...] = ()

    @property
    def fits(self) -> int:
        """The number of fits; a solved fold counts as one."""
        return sum(probing.folds if probing.solver else len(probing.configs) for probing in self.probes)


def counts_of(
    unit: Unit, embedders: Sequence[Embedder], settings: Settings, planned: set[tuple[Path, Tap]] | None = None
) -> Counts:
    """Count what remains of a unit, as its run will.

    Args:
        unit: models of one embedder group on one task.
        embedders: those of the models, one for each part of the group.
        settings: how the unit would be run.
        planned: folders and taps that earlier units extract, which are not counted again; those of this unit are added.

    Raises:
        FileNotFoundError, ValueError: what the run would stop at, such as an absent clip.
    """
    unit_jobs = jobs_of(unit, embedders, settings.study.protocol, settings.store)
    jobs, done, taps, stored = 0, 0, 0, 0
    planned = set() if planned is None else planned
    extractions: list[Extracting] = []
    probes: list[Probing] = []
    study, folder = settings.study, settings.folder
    for times, shared in unit_jobs.shared.items():
        waiting = [
            one for one in shared if not is_done(folder, one.job.key) or lacks_probes(study, folder, one.job.key)
        ]
        jobs, done = jobs + len(shared), done + len(shared) - len(waiting)
        for place, (embedder, audio, (hop_ms, lookahead_ms)) in enumerate(
            zip(embedders, unit_jobs.audio, times, strict=True)
        ):
            folders = tap_folders(settings.store, looking_ahead(embedder, lookahead_ms), audio, hop_ms)
            all_taps, needed = taps_of(shared, place), taps_of(waiting, place)
            absent = {tap for folder in folders.values() for tap in folder.missing(all_taps)}
            taps, stored = taps + len(all_taps), stored + len(all_taps) - len(absent)
            for split, clips in audio.items() if waiting else ():
                path = folders[split].path
                own = [tap for tap in needed if (path, tap) not in planned]
                planned |= {(path, tap) for tap in own}
                for missing, files in remaining(clips, folders[split], own):
                    seconds = {file: clips.seconds(file) for file in files}
                    extractions.append(_extracting(embedder, clips, missing, seconds, hop_ms))
        items = {
            split: sum(_items(embedders, clips.seconds(file), [hop_ms for hop_ms, _ in times]) for file in clips.files)
            for split, clips in (unit_jobs.audio[0].items() if waiting else ())
        }
        probes += [_probing(one, items, embedders, settings.folder) for one in waiting]
    return Counts(jobs, done, taps, stored, tuple(extractions), tuple(probes), unit_jobs.not_applicable)


def remaining(audio: SplitAudio, folder: TapFolder, taps: Sequence[Tap]) -> list[tuple[tuple[Tap, ...], list[str]]]:
    """What `downstream.extract.extract` would compute.

    Returns:
        (taps, files) of each extraction that would go on, and of one that would begin with the taps still missing.
    """
    missing = folder.missing(taps)
    extractions = []
    for begun, files in _begun(folder):
        if set(begun) & set(missing):
            extractions.append((begun, files))
            missing = [tap for tap in missing if tap not in begun]
    return [*extractions, (tuple(missing), list(audio.files))] if missing else extractions


def _begun(folder: TapFolder) -> list[tuple[tuple[Tap, ...], list[str]]]:
    """Unfinished extractions: their taps, and the files that remain."""
    begun = []
    for path in sorted(folder.path.glob(".partial-*")):
        with contextlib.suppress(ValueError):  # a faulty one is begun anew
            extraction = Extraction.reopen(folder, path)
            begun.append((tuple(extraction.dims), list(itertools.chain(*extraction.remaining()))))
    return begun


def _items(embedders: Sequence[Embedder], seconds: float, hops_ms: Sequence[int | None]) -> int:
    """How many embeddings of a clip embedders have in common; an estimate if one chooses its timestamps."""
    known = [hop_ms for hop_ms in hops_ms if hop_ms is not None and hop_ms != OWN_HOP]
    if len(embedders) > 1 and len(known) == len(embedders):
        return int(1000 * seconds / math.lcm(*known)) + 1
    return min(_rows(embedder, seconds, hop_ms) for embedder, hop_ms in zip(embedders, hops_ms, strict=True))


def _rows(embedder: Embedder, seconds: float, hop_ms: int | None) -> int:
    """How many embeddings a clip has; an estimate if the model chooses its timestamps."""
    if hop_ms is None:
        return 1
    if hop_ms == OWN_HOP:
        return int(1000 * seconds / distance_ms(embedder, hop_ms)) + 1
    return round(seconds * embedder.sample_rate) // (embedder.sample_rate * hop_ms // 1000) + 1


def _extracting(
    embedder: Embedder, audio: SplitAudio, taps: tuple[Tap, ...], seconds: dict[str, float], hop_ms: int | None
) -> Extracting:
    rows = sum(_rows(embedder, length, hop_ms) for length in seconds.values())
    windows = len({window for level, window in taps if level != "mel"})
    size = rows * sum(format_of(embedder, tap).bytes * width for tap, width in widths(embedder, taps, hop_ms).items())
    return Extracting(embedder, audio, tuple(seconds), taps, hop_ms, rows, rows * windows, sum(seconds.values()), size)


def _probing(shared: Shared, items: dict[str, int], embedders: Sequence[Embedder], folder: Path) -> Probing:
    job, task = shared.job, shared.job.named.task
    first, *others = task.folds()
    protocol = Protocol.parse(job.protocol)
    configs = [] if protocol.is_solved else protocol.configurations(task)
    configs = configs + configs[:1] * len(others)  # the best one, whichever that will be
    ended = len(list(fits_of(folder, job.key).folder.rglob("*.pt")))
    dim = 0
    for part, embedder in zip(job.parts, embedders, strict=True):
        by_tap = widths(embedder, set(part.taps), part.hop_ms)
        dim += sum(by_tap[tap] for tap in part.taps)
    pooling = job.pooling
    if pooling and not pooling.learns:
        dim, pooling = dim // pooling.parts * POOLS[pooling.name][1], None
    train = sum(items[split] for split in first.train)
    solver = protocol.base if protocol.is_solved else ""
    return Probing(
        tuple(configs[ended:]), solver, len(task.folds()), train, dim, len(task.labels), task.prediction_type, pooling
    )
