"""A corpus for networks that are to hear short windows too: every second batch is cut into them."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ablations.training.corpus.corpus import Corpus
from ablations.training.corpus.plan import Plan

WINDOWS = (0.16, 0.32, 0.64)  # s; they take turns
PER_CLIP = 3  # at its start, in its middle, at its end
AUDIBLE = 0.04  # s of a sound, or all of a shorter one, that a window holds where it has the sound's labels


@dataclass(frozen=True)
class Windowed:
    """The clips of a corpus: batches 0, 2, ... whole; of 1, 3, ... three windows each, of one length a batch.

    A window has the labels of the sounds in it, not those of a whole clip: its room, the rate of what is repeated, the
    shape of a melody, fading.
    """

    corpus: Corpus

    @property
    def labels(self) -> tuple[str, ...]:
        return self.corpus.labels

    @property
    def sample_rate(self) -> int:
        return self.corpus.sample_rate

    @property
    def samples(self) -> int:
        """Of a whole clip."""
        return self.corpus.samples

    @property
    def fingerprint(self) -> str:
        """16 hex digits: of the corpus and of how it is cut."""
        settings = {"corpus": self.corpus.fingerprint, "windows": WINDOWS, "per clip": PER_CLIP, "audible": AUDIBLE}
        text = json.dumps(settings, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        """Clips (size, samples) or their windows (size * 3, fewer samples), and the labels of each."""
        if index % 2 == 0:
            return self.corpus.batch(index, size)
        samples = round(WINDOWS[index // 2 % len(WINDOWS)] * self.sample_rate)
        starts = [number * (self.samples - samples) // (PER_CLIP - 1) for number in range(PER_CLIP)]
        planned = self.corpus.plan(index, size)
        sound = self.corpus.sound(planned)
        audio = torch.stack([sound[:, start : start + samples] for start in starts], dim=1).flatten(0, 1)
        names = heard(planned, [start / self.sample_rate for start in starts], samples / self.sample_rate)
        return audio, self.corpus.columns(names)


def heard(planned: Plan, starts: Sequence[float], seconds: float) -> list[set[str]]:
    """The labels of each clip's windows that start there, in s: those of clip 0, then of clip 1, ..."""
    names: list[set[str]] = [set() for _ in range(len(planned.keys) * len(starts))]
    for place in planned.placements:
        length = planned.items[place.item].seconds
        for window, start in enumerate(starts):
            audible = min(place.start + length, start + seconds) - max(place.start, start)
            if audible >= min(AUDIBLE, length) - 1e-9:
                names[place.clip * len(starts) + window] |= planned.sounding[place.item]
    return names
