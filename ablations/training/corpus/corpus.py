"""The corpus: labeled clips by number, each made alone from the seed and its number."""

import functools
import hashlib
import json
from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from ablations.training.corpus.kinds.table import KINDS, LABELS
from ablations.training.corpus.plan import Plan, alone, plan
from ablations.training.corpus.rendering import dry
from ablations.training.corpus.rooms import recorded, reverberated

FORMAT = 2
"""Counted up with every change that changes a clip; the number of the corpus in fingerprints."""
RATES = (16000, 48000)  # Hz, lowest and highest


class Corpus:
    """Made-up sounds with labels, as many as are asked for, from no recording.

    A clip is a function of seed, number, seconds and rate: no other clip, batch or call changes it, but for rounding
    where sounds of a batch are computed together. A batch is equal to the last bit whenever it is made again on the
    same device. Labels and parameters are equal on every device; samples to rounding.

    Args:
        seconds: of a clip, 1 or more.
        seed: clips of different seeds have nothing in common.
        device: where clips are made.
        sample_rate: in Hz.

    Attributes:
        labels: names of a batch's label columns.
        samples: of a clip.

    Raises:
        ValueError: for seconds, a seed or a rate that can't be.
    """

    labels: tuple[str, ...] = LABELS

    def __init__(
        self,
        seconds: float = 10.0,
        seed: int = 0,
        device: str | torch.device = "cpu",
        sample_rate: int = 32000,
    ) -> None:
        if not seconds >= 1:
            raise ValueError(f"corpus: seconds must be 1 or more, got {seconds!r}")
        if type(seed) is not int or not 0 <= seed < 1 << 63:
            raise ValueError(f"corpus: seed must be a whole number, 0 or more and less than 2^63, got {seed!r}")
        if not RATES[0] <= sample_rate <= RATES[1]:
            raise ValueError(f"corpus: sample_rate must be {RATES[0]} to {RATES[1]} Hz, got {sample_rate!r}")
        self.seconds, self.seed, self.sample_rate = float(seconds), seed, int(sample_rate)
        self.device = torch.device(device)
        self.samples = round(seconds * sample_rate)
        self._columns = {label: column for column, label in enumerate(LABELS)}

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        """Clips index * size to (index + 1) * size - 1, on the corpus' device.

        Returns:
            (size, samples), float32 in [-1, 1], and (size, labels), float32, 0 or 1.

        Raises:
            ValueError: for an index or a size that can't be.
        """
        planned = self.plan(index, size)
        return self.sound(planned), self.columns(planned.labels)

    def targets(self, index: int, size: int) -> Tensor:
        """The labels of `batch` without its sound, on the CPU: (size, labels), float32."""
        return self.columns(self.plan(index, size).labels).cpu()

    def plan(self, index: int, size: int) -> Plan:
        """What happens in the clips of a batch."""
        for name, value, least in (("index", index, 0), ("size", size, 1)):
            if type(value) is not int or value < least:
                raise ValueError(f"corpus: {name} must be a whole number, {least} or more, got {value!r}")
        return plan(self.seed, range(index * size, (index + 1) * size), self.seconds)

    @torch.no_grad()
    def sound(self, planned: Plan) -> Tensor:
        """What a plan sounds like: (clips, samples)."""
        audio = dry(planned, self.samples, self.sample_rate, self.device)
        return recorded(reverberated(audio, planned.keys, self.sample_rate), planned.keys)

    def columns(self, labels: Sequence[Collection[str]]) -> Tensor:
        """Names of each clip's labels as 0 and 1: (clips, labels), float32."""
        targets = torch.zeros(len(labels), len(LABELS))
        for row, names in enumerate(labels):
            targets[row, [self._columns[name] for name in names]] = 1
        return targets.to(self.device)

    @functools.cached_property
    def fingerprint(self) -> str:
        """16 hex digits of all that decides clips and labels: settings, format, and what happens in the first clips."""
        settings = {
            "events": [sorted(names) for names in self.plan(0, 64).labels],
            "format": FORMAT,
            "labels": LABELS,
            "rate": self.sample_rate,
            "seconds": self.seconds,
            "seed": self.seed,
        }
        text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def render(corpus: Corpus, number: int) -> tuple[Tensor, tuple[str, ...]]:
    """One clip to listen to, (samples,) on the CPU, and its labels."""
    audio, targets = corpus.batch(number, 1)
    return audio[0].cpu(), tuple(name for name, has in zip(corpus.labels, targets[0].tolist(), strict=True) if has)


def render_kind(corpus: Corpus, label: str, number: int) -> tuple[Tensor, tuple[str, ...]]:
    """One clip with nothing but an event of a kind, by the kind's last label: no room, no noise, no other sound.

    Raises:
        ValueError: for a label that no kind has as its last; names those that there are.
    """
    names = [kind.labels[-1] for kind in KINDS]
    if label not in names:
        raise ValueError(f"corpus: unknown kind {label!r}; there are {', '.join(names)}")
    planned = alone(names.index(label), corpus.seed, range(number, number + 1), corpus.seconds)
    with torch.no_grad():
        audio = dry(planned, corpus.samples, corpus.sample_rate, corpus.device)[0].cpu()
    return audio / audio.abs().max().clamp(min=1.0), tuple(name for name in LABELS if name in planned.labels[0])


def statistics(corpus: Corpus, clips: int = 2000) -> dict[str, float]:
    """Share of the first clips that have each label; no sound is made."""
    return dict(zip(corpus.labels, corpus.targets(0, clips).mean(0).tolist(), strict=True))
