"""A corpus for networks that are to hear short windows too: every second batch is cut into them."""

import hashlib
import json
from dataclasses import dataclass

from torch import Tensor

from passt.training.corpus.corpus import Corpus
from passt.training.corpus.plan import Plan

WINDOWS = (0.16, 0.32, 0.64)  # s; they take turns
AUDIBLE = 0.04  # s of a sound, or all of a shorter one, that a window holds where it has the sound's labels


@dataclass(frozen=True)
class Windowed:
    """The clips of a corpus: batches 0, 2, ... whole; 1, 3, ... as all the windows in them, of one length a batch.

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
        text = json.dumps({"corpus": self.corpus.fingerprint, "windows": WINDOWS, "audible": AUDIBLE}, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        """Clips (size, samples) or their windows (size * windows, fewer samples), and the labels of each."""
        if index % 2 == 0:
            return self.corpus.batch(index, size)
        samples = round(WINDOWS[index // 2 % len(WINDOWS)] * self.sample_rate)
        count = self.samples // samples
        planned = self.corpus.plan(index, size)
        audio = self.corpus.sound(planned)[:, : count * samples].reshape(size * count, samples)
        return audio, self.corpus.columns(heard(planned, samples / self.sample_rate, count))


def heard(planned: Plan, seconds: float, count: int) -> list[set[str]]:
    """The labels of each clip's first windows of that length: those of clip 0, then of clip 1, ..."""
    names: list[set[str]] = [set() for _ in range(len(planned.keys) * count)]
    for place in planned.placements:
        sound = planned.items[place.item].seconds
        for window in range(count):
            start = max(place.start, window * seconds)
            end = min(place.start + sound, (window + 1) * seconds)
            if end - start >= min(AUDIBLE, sound) - 1e-9:
                names[place.clip * count + window] |= planned.sounding[place.item]
    return names
