"""What is still to be done of a unit, counted as its run will count it, without doing any of it."""

import contextlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ablations.units.jobs import Shared, fits_of, is_done, jobs_of, tap_folders, taps_of
from ablations.units.unit import Settings, Unit
from downstream.embedder import OWN_HOP, Embedder, Tap, distance_ms, widths
from downstream.probes.probe import ProbeConfig
from downstream.probes.protocol import Protocol
from downstream.store.extraction import Extraction
from downstream.store.store import TapFolder
from downstream.tasks.audio import SplitAudio


@dataclass(frozen=True)
class Extracting:
    """Taps that a run will compute together on clips of one split.

    Attributes:
        rows: embeddings a tap: one a scene, or one a timestamp. passes: through the model; a scene is one for each
            window, however many pieces a model cuts it into, and so is a timestamp.
        seconds: of sound. size: of what comes to the disk, in bytes.
    """

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
        configs: of each fit that is not there yet. items: to train on in the first fold. dim: of the features.
    """

    configs: tuple[ProbeConfig, ...]
    items: int
    dim: int
    labels: int
    prediction_type: str


@dataclass(frozen=True)
class Counts:
    """A unit: its jobs and its taps, those of them that are there, and what remains."""

    jobs: int
    done: int
    taps: int
    stored: int
    extractions: tuple[Extracting, ...]
    probes: tuple[Probing, ...]

    @property
    def fits(self) -> int:
        return sum(len(probing.configs) for probing in self.probes)


def counts_of(unit: Unit, embedder: Embedder, settings: Settings) -> Counts:
    """Raise FileNotFoundError, ValueError for what a run would stop at: absent clips, settings that contradict."""
    found = jobs_of(unit, embedder, settings.study.protocol, settings.store)
    jobs, done, taps, stored = 0, 0, 0, 0
    extractions: list[Extracting] = []
    probes: list[Probing] = []
    for hop_ms, shared in found.shared.items():
        waiting = [each for each in shared if not is_done(settings.folder, each.job.key)]
        folders = tap_folders(settings.store, embedder, found.audio, hop_ms)
        every, needed = taps_of(shared), taps_of(waiting)
        absent = {tap for folder in folders.values() for tap in folder.missing(every)}
        jobs, done = jobs + len(shared), done + len(shared) - len(waiting)
        taps, stored = taps + len(every), stored + len(every) - len(absent)
        lengths = {split: _lengths(audio) for split, audio in found.audio.items()} if waiting else {}
        for split, audio in found.audio.items():
            for some, files in remaining(audio, folders[split], needed):
                seconds = {file: lengths[split][file] for file in files}
                extractions.append(_extracting(embedder, audio, some, seconds, hop_ms))
        items = {split: sum(_rows(embedder, s, hop_ms) for s in each.values()) for split, each in lengths.items()}
        probes += [_probing(each, items, embedder, settings.folder) for each in waiting]
    return Counts(jobs, done, taps, stored, tuple(extractions), tuple(probes))


def remaining(audio: SplitAudio, folder: TapFolder, taps: Sequence[Tap]) -> list[tuple[tuple[Tap, ...], list[str]]]:
    """What `downstream.extract.extract` would compute: extractions that go on, and one of what is missing then."""
    missing = folder.missing(taps)
    found = []
    for begun, files in _begun(folder):
        if set(begun) & set(missing):
            found.append((begun, files))
            missing = [tap for tap in missing if tap not in begun]
    return [*found, (tuple(missing), list(audio.files))] if missing else found


def _begun(folder: TapFolder) -> list[tuple[tuple[Tap, ...], list[str]]]:
    """Extractions that were not finished: their taps, and the files that are still to be computed."""
    found = []
    for path in sorted(folder.path.glob(".partial-*")):
        with contextlib.suppress(ValueError):  # what is faulty is begun anew
            extraction = Extraction.reopen(folder, path)
            done = len(extraction.journal())
            found.append((tuple(extraction.dims), list(itertools.chain(*extraction.batches[done:]))))
    return found


def _lengths(audio: SplitAudio) -> dict[str, float]:
    """file -> seconds."""
    return {file: audio.seconds(file) for file in audio.files}


def _rows(embedder: Embedder, seconds: float, hop_ms: int | None) -> int:
    """How many embeddings a clip has; of a model's own timestamps about how many."""
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
    size = 4 * rows * sum(widths(embedder, taps, hop_ms).values())
    return Extracting(audio, tuple(seconds), taps, hop_ms, rows, rows * windows, sum(seconds.values()), size)


def _probing(shared: Shared, items: dict[str, int], embedder: Embedder, folder: Path) -> Probing:
    job, task = shared.job, shared.job.named.task
    first, *others = task.folds()
    configs = Protocol.parse(job.protocol).configurations(task)
    configs = configs + configs[:1] * len(others)  # whichever was best
    kept = len(list(fits_of(folder, job.key).folder.rglob("*.pt")))
    dim = sum(widths(embedder, set(job.taps), job.hop_ms)[tap] for tap in job.taps)
    train = sum(items[split] for split in first.train)
    return Probing(tuple(configs[kept:]), train, dim, len(task.labels), task.prediction_type)
