"""The embeddings that a study's models have of a task, and a sample of the same clips in all of them."""

import contextlib
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ablations.engines.loaded import Loaded
from ablations.study.study import Model
from ablations.tasks.names import NamedTask
from ablations.units.jobs import jobs_of, stored_parts, tap_folders, taps_of
from ablations.units.outcome import Failure
from ablations.units.parts import part_named
from ablations.units.unit import Settings, Unit, failure_of, grouped, units_of
from downstream import splits
from downstream.disk.locks import in_use
from downstream.embedder import Embedder, Tap
from downstream.extract import NotFiniteError, extract
from downstream.lookahead import looking_ahead
from downstream.progress import Track, silent
from downstream.splits import LabelledSplit, StoredTaps
from downstream.store.common import common_rows
from downstream.store.store import TapFolder
from downstream.tasks.audio import SplitAudio
from downstream.tasks.groups import groups_of
from downstream.tasks.task import Task
from results.scores.records import NotApplicable

TIMES = 4
"""Timestamps of each clip of an event task."""


@dataclass(frozen=True)
class Sample:
    """Clips of a task.

    Attributes:
        clips: (split, file) of each.
        units: (clips,) the number of the unit of each: its group, or the clip itself.
        times: (draws, clips) a place in each clip, from 0 to 1; scenes have one draw, and no use for it.
    """

    clips: tuple[tuple[str, str], ...]
    units: np.ndarray
    times: np.ndarray

    @classmethod
    def of(cls, task: Task, of_splits: Sequence[str], most: int, seed: int) -> "Sample":
        """Draw clips.

        Args:
            of_splits: where clips are drawn from, as one list.
            most: how many, at most.
            seed: of the clips, and of the places in them.
        """
        stream = np.random.default_rng(seed)
        clips = [(split, file) for split in of_splits for file in task.items[split]]
        chosen = np.sort(stream.permutation(len(clips))[:most])
        drawn = tuple(clips[place] for place in chosen)
        groups = [groups_of(task.groups, split, [file])[0] for split, file in drawn]
        names = [("", group) if group else clip for group, clip in zip(groups, drawn, strict=True)]
        numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
        times = stream.random((TIMES if task.is_event else 1, len(drawn)))
        return cls(drawn, np.array([numbers[name] for name in names]), times)


@dataclass(frozen=True)
class Representation:
    """The embedding that models of a study have of a task.

    Attributes:
        models: that share it, because they differ in what the task does not use; the first one names it.
        named: the task.
        stored: the taps of each embedder, of splits that are needed; concatenated in this order.
        audio: the sound of each split.
    """

    models: tuple[Model, ...]
    named: NamedTask
    stored: tuple[StoredTaps, ...]
    audio: Mapping[str, SplitAudio]

    def splits(self) -> dict[str, LabelledSplit]:
        """The embedding of every split, with targets."""
        with self._in_use():
            return splits.side_by_side(self.named.task, self.stored)

    def rows(self, sample: Sample) -> np.ndarray:
        """The embedding of sampled clips: (draws, clips, dim) float32.

        A clip of an event task has the timestamps that are nearest to its drawn places, so that models of other hops
        are compared at the same times.
        """
        parts = []
        with self._in_use():
            for split in dict.fromkeys(split for split, _ in sample.clips):
                places = [i for i, clip in enumerate(sample.clips) if clip[0] == split]
                indexes = [part.folders[split].index() for part in self.stored]
                files = indexes[0].files
                common = common_rows(indexes, files, [part.name for part in self.stored], self.named.task.is_event)
                own = {file: number for number, file in enumerate(files)}
                numbers = np.empty((len(sample.times), len(places)), np.int64)
                for column, place in enumerate(places):
                    file = sample.clips[place][1]
                    first, stop = common.offsets[own[file]], common.offsets[own[file] + 1]
                    numbers[:, column] = first
                    if self.named.task.is_event:
                        wanted_ms = 1000 * self.audio[split].seconds(file) * sample.times[:, place]
                        apart = np.abs(common.timestamps[first:stop] - wanted_ms[:, None])
                        numbers[:, column] += apart.argmin(axis=1)
                columns = [
                    part.folders[split].read(tap, index)[of_part[numbers]]
                    for part, index, of_part in zip(self.stored, indexes, common.numbers, strict=True)
                    for tap in part.taps
                ]
                parts.append(np.concatenate(columns, axis=2))
        return np.concatenate(parts, axis=1)  # clips are drawn split by split

    def _in_use(self) -> contextlib.AbstractContextManager[None]:
        """Keep the folders of the store."""
        return in_use(folder.path for part in self.stored for folder in part.folders.values())


@dataclass
class Representations:
    """The embeddings of a study, and what is not there.

    Attributes:
        found: in the order of the study's models.
        failures: what could not be embedded.
        not_applicable: models that have no embedding for a task, and why.
    """

    found: list[Representation] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    not_applicable: list[NotApplicable] = field(default_factory=list)

    @classmethod
    def of(
        cls,
        settings: Settings,
        tasks: Sequence[NamedTask],
        splits_of: Callable[[Task], Sequence[str]],
        track: Track = silent,
    ) -> "Representations":
        """List the embeddings of a study, after extracting what the store lacks of them.

        Args:
            settings: the study, the store and the device.
            tasks: of the study.
            splits_of: which splits of a task are needed.
        """
        embeddings = cls()
        with Loaded(settings, track) as loaded:
            for group in grouped(units_of(settings.study, tasks)):
                try:
                    embedders = loaded.of(group[0].models)
                except Exception as error:
                    embeddings.failures.append(failure_of(group[0].models, "", error))
                    continue
                for unit in group:
                    try:
                        embeddings._add(unit, embedders, settings, splits_of(unit.named.task), track)
                    except Exception as error:
                        embeddings.failures.append(failure_of(unit.models, unit.named.key, error))
        order = {str(model.spec): place for place, model in enumerate(settings.study.models)}
        embeddings.found.sort(key=lambda embedding: order[str(embedding.models[0].spec)])
        return embeddings

    def _add(
        self, unit: Unit, embedders: Sequence[Embedder], settings: Settings, needed: Sequence[str], track: Track
    ) -> None:
        """Add the embeddings of a unit."""
        once = replace(unit, seeds=unit.seeds[:1])  # seeds share the embedding
        jobs = jobs_of(once, embedders, settings.study.protocol, settings.store)
        self.not_applicable += jobs.not_applicable
        for times, of_hops in jobs.shared.items():
            sources = []
            for embedder, audio, (hop_ms, lookahead_ms) in zip(embedders, jobs.audio, times, strict=True):
                seeing = looking_ahead(embedder, lookahead_ms)
                every = tap_folders(settings.store, seeing, audio, hop_ms)
                sources.append(_Source(seeing, audio, hop_ms, {split: every[split] for split in needed}))
            extract_taps = functools.partial(_extract, sources, track)
            with in_use(dict.fromkeys(folder.path for source in sources for folder in source.folders.values())):
                with contextlib.suppress(NotFiniteError):  # one tap is at fault: each job below asks for its taps
                    extract_taps([taps_of(of_hops, place) for place in range(len(sources))])
                for shared in of_hops:
                    try:
                        extract_taps([part.taps for part in shared.job.parts])
                        stored = stored_parts(shared.job, [source.folders for source in sources])
                        self.found.append(Representation(shared.models, unit.named, tuple(stored), jobs.audio[0]))
                    except Exception as error:
                        self.failures.append(failure_of(shared.models, unit.named.key, error))


@dataclass(frozen=True)
class _Source:
    """One of the embedders of a unit: its sound, its distance of timestamps in ms, its folders of the store."""

    embedder: Embedder
    audio: Mapping[str, SplitAudio]
    hop_ms: int | None
    folders: Mapping[str, TapFolder]


def _extract(sources: Sequence[_Source], track: Track, taps: Sequence[Sequence[Tap]]) -> None:
    """Extract the taps of each embedder that its folders lack."""
    for source, wanted in zip(sources, taps, strict=True):
        with part_named(source.embedder.name if len(sources) > 1 else ""):
            for split, folder in source.folders.items():
                extract(source.embedder, source.audio[split], wanted, source.hop_ms, folder, track)
