"""Excerpts of sound around timestamps: of the clips of a task, or of noise."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ablations.tasks import names
from downstream.tasks.audio import SplitAudio
from downstream.tasks.task import Task

NOISE_RMS = 0.1
NOISE = "noise"


@dataclass(frozen=True)
class Sounds:
    """Excerpts of different clips, with a timestamp at the same place of each.

    Attributes:
        samples: (excerpts, before + behind).
        before: samples before the timestamp.
        source: where they come from, for people.
        short: clips that were passed over because they are shorter.
    """

    samples: Tensor
    before: int
    source: str
    short: int = 0

    def __len__(self) -> int:
        return len(self.samples)

    def around(self, before: int, behind: int) -> Tensor:
        """Cut so many samples before and behind the timestamps: (excerpts, before + behind)."""
        return self.samples[:, self.before - before : self.before + behind]


def noise(sample_rate: int, before_ms: int, behind_ms: int, count: int, seed: int) -> Sounds:
    """Draw white Gaussian noise, whose effective value is `NOISE_RMS`."""
    before, behind = (sample_rate * ms // 1000 + 1 for ms in (before_ms, behind_ms))
    stream = torch.Generator().manual_seed(seed)
    samples = torch.randn(count, before + behind, generator=stream, dtype=torch.float32) * NOISE_RMS
    return Sounds(samples, before, NOISE)


def of_task(
    name: str, folder: Path, store: Path, sample_rate: int, before_ms: int, behind_ms: int, count: int, seed: int
) -> Sounds:
    """Draw clips of a task, and a timestamp in each, at random.

    Args:
        name: as in a study.
        folder: of HEAR's task folders.
        store: where packaged tasks are unpacked and resampled clips are kept.
        sample_rate: in Hz.
        before_ms, behind_ms: the sound that is needed around a timestamp. Shorter clips are passed over.
        count: clips, at most.
        seed: of clips and timestamps.

    Raises:
        FileNotFoundError, ValueError: there is no such task, or fewer than two of its clips are long enough.
    """
    place = names.places(name, folder, store, Path())[0]
    task = names.read(place, ()).task
    before, behind = (sample_rate * ms // 1000 + 1 for ms in (before_ms, behind_ms))
    stream = torch.Generator().manual_seed(seed)
    drawn: list[Tensor] = []
    longest, short = 0.0, 0
    for audio, file in _clips(task, sample_rate, store, stream):
        where = float(torch.rand((), generator=stream))
        longest = max(longest, seconds := audio.seconds(file))
        if seconds * sample_rate < before + behind:
            short += 1
            continue
        clip = audio.load(file)
        begin = int(where * (len(clip) - before - behind + 1))
        if len(clip) >= before + behind:
            drawn.append(clip[begin : begin + before + behind].clone())
        if len(drawn) == count:
            break
    if len(drawn) < 2:
        needed = f"{(before_ms + behind_ms) / 1000:g} s, a window with its margins"
        raise ValueError(
            f"task {name!r}: {len(drawn)} of its clips are as long as {needed}, expected two or more; the longest has "
            f"{longest:.3g} s; take a shorter window or reach, another task, or noise"
        )
    return Sounds(torch.stack(drawn), before, name, short)


def _clips(task: Task, sample_rate: int, store: Path, stream: torch.Generator) -> Iterator[tuple[SplitAudio, str]]:
    """All clips of a task in a random order."""
    audio = [SplitAudio.of(task, split, sample_rate, store) for split in task.splits]
    clips = [(of_split, file) for of_split in audio for file in of_split.files]
    for place in torch.randperm(len(clips), generator=stream).tolist():
        yield clips[place]
