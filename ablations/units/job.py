"""A job: the taps of one embedder, or of several side by side, on one task under one protocol and seed."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from ablations.tasks.names import NamedTask
from downstream.disk.files import fingerprint
from downstream.embedder import Embedder, Tap, optional
from downstream.events.targets import rests_on_slack
from downstream.pooling.pooling import Pooling
from downstream.tasks.audio import SplitAudio
from downstream.tasks.task import Task
from passt.catalog.spec_text import FUSED

FORMAT = 2  # part of a job's key; raised when its protocols give other numbers
ENDS = "start <= t < end + 1e-4 ms"
"""Part of a job's key if this rule labels a timestamp that the earlier rule, start <= t <= end, does not label."""


@dataclass(frozen=True)
class EmbedderFacts:
    """What a job's files say of its embedder, which may have been released when they are written.

    Attributes:
        name: for people.
        fingerprint: of everything that decides the numbers.
        own_hop_ms: the mean step of the model's own timestamps in ms; None if it is not known.
        precision: of the arithmetic.
        versions: name -> version of other software that decides the numbers.
    """

    name: str
    fingerprint: str
    own_hop_ms: float | None
    precision: str
    versions: Mapping[str, str]

    @classmethod
    def of(cls, embedder: Embedder) -> "EmbedderFacts":
        """Describe an embedder."""
        members = optional(embedder)
        facts = members.own_hop_ms, members.precision, dict(members.versions)
        return cls(embedder.name, embedder.fingerprint, *facts)


Times = tuple[int | None, int | None]
"""The distance of timestamps in ms, and how far windows reach beyond these: (None, None) for scenes."""


@dataclass(frozen=True)
class Part:
    """The taps of one embedder in a job.

    Attributes:
        embedder: has computed the taps.
        taps: are concatenated, in this order.
        hop_ms: distance of timestamps; None for scenes.
        lookahead_ms: how far windows reach beyond their timestamp; None if they are centered, and for scenes.
        audio_fp: fingerprint of the sound at the embedder's rate.
    """

    embedder: EmbedderFacts
    taps: tuple[Tap, ...]
    hop_ms: int | None
    lookahead_ms: int | None
    audio_fp: str

    @property
    def content(self) -> list[object]:
        """Everything of it that decides the numbers."""
        lookahead = [] if self.lookahead_ms is None else [{"lookahead_ms": self.lookahead_ms}]
        return [self.embedder.fingerprint, self.taps, self.hop_ms, self.audio_fp, *lookahead]


@dataclass(frozen=True)
class Job:
    """One embedding of one task under one protocol and seed; several models of a study may share it.

    Attributes:
        embedder: has computed the taps.
        taps: are concatenated, in this order.
        hop_ms: distance of timestamps; None for scenes.
        named: the task.
        task_fp: fingerprint of the task's sound, labels and metadata.
        audio_fp: fingerprint of the sound at the embedder's rate.
        protocol: how probes are trained.
        seed: of all that probes draw.
        slack: whether the targets depend on how an event's end is rounded (`needs_slack`).
        pooling: what probes do with the taps before anything else; None takes them side by side.
        lookahead_ms: how far windows reach beyond their timestamp; None if they are centered, and for scenes.
        beside: the taps of other embedders, which lie behind those of the first one.
    """

    embedder: EmbedderFacts
    taps: tuple[Tap, ...]
    hop_ms: int | None
    named: NamedTask
    task_fp: str
    audio_fp: str
    protocol: str
    seed: int
    slack: bool = False
    pooling: Pooling | None = None
    lookahead_ms: int | None = None
    beside: tuple[Part, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The taps of each of its embedders."""
        return Part(self.embedder, self.taps, self.hop_ms, self.lookahead_ms, self.audio_fp), *self.beside

    @property
    def embedder_name(self) -> str:
        """The name of its embedder, or of all of them together."""
        return FUSED.join(part.embedder.name for part in self.parts)

    @property
    def embedder_fp(self) -> str:
        """The fingerprint of its embedder, or of all of them together."""
        prints = [part.embedder.fingerprint for part in self.parts]
        return fingerprint(prints) if self.beside else self.embedder.fingerprint

    @property
    def times(self) -> tuple[Times, ...]:
        """The distance of timestamps and the look-ahead of each of its embedders."""
        return tuple((part.hop_ms, part.lookahead_ms) for part in self.parts)

    @property
    def key(self) -> str:
        """16 hex digits that name the job's files."""
        embedding = [self.embedder.fingerprint, self.taps, self.hop_ms]
        targets = [ENDS] if self.slack else []
        pooling = [[self.pooling.name, self.pooling.parts]] if self.pooling else []
        lookahead = [] if self.lookahead_ms is None else [{"lookahead_ms": self.lookahead_ms}]
        evaluation = [self.task_fp, self.audio_fp, self.protocol, self.seed]
        beside = [[part.content for part in self.beside]] if self.beside else []
        return fingerprint([FORMAT, *embedding, *evaluation, *targets, *pooling, *lookahead, *beside])


def fingerprints(task: Task, audio: Mapping[str, SplitAudio]) -> tuple[str, str]:
    """Fingerprint a task.

    Args:
        task: its labels and metadata.
        audio: its sound by split.

    Returns:
        The fingerprint of sound, labels and metadata, and that of the sound at the model's rate.
    """
    labels = {split: [[f, *map(str, items)] for f, items in task.items[split].items()] for split in task.splits}
    content = {split: sorted(clips.hashes.items()) for split, clips in audio.items()}
    resampled = {split: clips.fingerprint for split, clips in audio.items()}
    changes = [str(task.conditions)] if task.conditions else []
    return fingerprint([content, labels, task.labels, dict(task.metadata), *changes]), fingerprint(resampled)


def needs_slack(task: Task, *hops_ms: int | None) -> bool:
    """Whether labels of timestamps differ from those of earlier versions (see `ENDS`).

    Timestamps that the model chooses are taken to be whole milliseconds.

    Args:
        hops_ms: the distance of timestamps of each model that stands side by side, which have the common multiples.
    """
    if not task.is_event or None in hops_ms:
        return False
    hop_ms = math.lcm(*(hop_ms or 1 for hop_ms in hops_ms if hop_ms is not None))
    events = (event for files in task.items.values() for events in files.values() for event in events)
    return rests_on_slack(events, hop_ms)
