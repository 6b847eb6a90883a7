"""The corpus: labeled clips, each made from the seed and its number alone."""

import functools
import hashlib
import json
from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from ablations.training.corpus.plan import Plan, alone, plan
from ablations.training.corpus.rendering import dry
from ablations.training.corpus.rooms import recorded, reverberated
from ablations.training.corpus.vocabulary import KINDS, LABELS
from passt.catalog.choices import choices
from passt.devices import current, placed

FORMAT = 2
"""Version of the clips, which is part of fingerprints. It is raised by every change that changes a clip."""
RATES = (16000, 48000)  # lowest and highest sample rate in Hz


class Corpus:
    """An endless sequence of synthesized, labeled clips.

    A clip follows from seed, number, seconds and rate. Other clips of its batch change it only by rounding, because
    they are computed together. A batch made again on the same device is equal to the last bit. Labels and parameters
    are equal on all devices, samples up to rounding.

    Args:
        seconds: length of a clip in s, 1 or more.
        seed: clips of different seeds have nothing in common.
        device: where clips are synthesized.
        sample_rate: rate of the audio in Hz.

    Attributes:
        labels: names of the labels, in the order of the columns.
        samples: length of a clip in samples.

    Raises:
        ValueError: seconds, seed or rate are out of their range, or there is no such device.
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
        self.device = placed(device)
        self.samples = round(seconds * sample_rate)
        self._columns = {label: column for column, label in enumerate(LABELS)}

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        """Make the clips index * size to (index + 1) * size - 1, on the corpus's device.

        Returns:
            Audio (size, samples), float32 in [-1, 1], and labels (size, labels), float32, 0 or 1.

        Raises:
            ValueError: index or size are out of their range.
        """
        planned = self.plan(index, size)
        with current(self.device):  # of this thread, which may read ahead
            return self.sound(planned), self.columns(planned.labels)

    def targets(self, index: int, size: int) -> Tensor:
        """Make the labels of a batch without its audio, on the CPU: (size, labels), float32, 0 or 1."""
        return self.columns(self.plan(index, size).labels).cpu()

    def plan(self, index: int, size: int) -> Plan:
        """Plan the clips of a batch.

        Raises:
            ValueError: index or size are out of their range.
        """
        for name, value, least in (("index", index, 0), ("size", size, 1)):
            if type(value) is not int or value < least:
                raise ValueError(f"corpus: {name} must be a whole number, {least} or more, got {value!r}")
        return plan(self.seed, range(index * size, (index + 1) * size), self.seconds)

    @torch.no_grad()
    def sound(self, planned: Plan) -> Tensor:
        """Synthesize the clips of a plan: (clips, samples), float32 in [-1, 1]."""
        audio = dry(planned, self.samples, self.sample_rate, self.device)
        return recorded(reverberated(audio, planned.keys, self.sample_rate), planned.keys)

    def columns(self, labels: Sequence[Collection[str]]) -> Tensor:
        """Convert the names of each clip's labels to 0 and 1: (clips, labels), float32."""
        targets = torch.zeros(len(labels), len(LABELS))
        for row, names in enumerate(labels):
            targets[row, [self._columns[name] for name in names]] = 1
        return targets.to(self.device)

    @functools.cached_property
    def fingerprint(self) -> str:
        """16 hex digits that stand for everything that decides clips and labels."""
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
    """Make one clip to listen to: (samples,) on the CPU, and the names of its labels."""
    audio, targets = corpus.batch(number, 1)
    return audio[0].cpu(), tuple(name for name, has in zip(corpus.labels, targets[0].tolist(), strict=True) if has)


def render_kind(corpus: Corpus, label: str, number: int) -> tuple[Tensor, tuple[str, ...]]:
    """Make one clip of a single event, without room or noise.

    The result is the clip, (samples,) on the CPU, and the names of its labels.

    Args:
        corpus: gives seed, length, rate and device.
        label: last label of the kind.
        number: number of the clip.

    Raises:
        ValueError: no kind has this last label. The message lists those that exist.
    """
    names = [kind.labels[-1] for kind in KINDS]
    if label not in names:
        raise ValueError(f"corpus: unknown kind {label!r}{choices(label, names)}")
    planned = alone(names.index(label), corpus.seed, range(number, number + 1), corpus.seconds)
    with torch.no_grad():
        audio = dry(planned, corpus.samples, corpus.sample_rate, corpus.device)[0].cpu()
    return audio / audio.abs().max().clamp(min=1.0), tuple(name for name in LABELS if name in planned.labels[0])


def statistics(corpus: Corpus, clips: int = 2000) -> dict[str, float]:
    """Compute the share of the first clips that have each label, without synthesizing them."""
    return dict(zip(corpus.labels, corpus.targets(0, clips).mean(0).tolist(), strict=True))


class OfCorpus:
    """Clips that are made of those of a corpus, `corpus`: they have its labels, rate and length."""

    corpus: "Corpus | OfCorpus"

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the labels."""
        return self.corpus.labels

    @property
    def sample_rate(self) -> int:
        """Rate of the audio in Hz."""
        return self.corpus.sample_rate

    @property
    def samples(self) -> int:
        """Length of a whole clip in samples."""
        return self.corpus.samples
