"""The first phase of a unit: extract the taps that the store lacks, and give the jobs that are ready."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ablations.units.jobs import Shared, fits_of, jobs_of, stored_parts, tap_folders, taps_of
from ablations.units.parts import part_named
from ablations.units.work import ReadyJob, ReadyPart, UnitWork
from downstream import splits
from downstream.disk.files import fingerprint
from downstream.disk.locks import in_use
from downstream.embedder import Embedder, Tap
from downstream.evaluate import evaluation_of
from downstream.extract import NotFiniteError, extract
from downstream.lookahead import looking_ahead
from downstream.progress import Track, silent
from downstream.splits import LabelledSplit
from downstream.store.store import TapFolder
from downstream.store.unfinished import tidy
from downstream.tasks.audio import SplitAudio
from passt.catalog.spec_text import FUSED


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
