"""A corpus whose every second batch is cut into short windows."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ablations.training.corpus.corpus import Corpus, OfCorpus
from ablations.training.corpus.plan import Plan

WINDOWS = (0.16, 0.32, 0.64)  # lengths in s, one after the other
PER_CLIP = 3  # windows of a clip: at its start, in its middle, at its end
AUDIBLE = 0.04  # s of a sound (or all of a shorter one) that a window must contain to have the sound's labels


@dataclass(frozen=True)
class Windowed(OfCorpus):
    """The clips of a corpus.

    Batches 0, 2, ... are whole clips; batches 1, 3, ... have three windows of each clip.

    All windows of a batch have one length. A window has the labels of the sounds in it, but not those that need the
    whole clip: the room, the rate of a repetition, the shape of a melody, fading.

    Attributes:
        corpus: the corpus whose clips are cut.
    """

    corpus: Corpus

    @property
    def fingerprint(self) -> str:
        """16 hex digits that stand for the corpus and how it is cut."""
        settings = {"corpus": self.corpus.fingerprint, "windows": WINDOWS, "per clip": PER_CLIP, "audible": AUDIBLE}
        text = json.dumps(settings, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        """Give a batch of clips (size, samples) or windows (size * 3, fewer samples).

        The second value is the labels, of 0 and 1.
        """
        if index % 2 == 0:
            return self.corpus.batch(index, size)
        samples = round(WINDOWS[index // 2 % len(WINDOWS)] * self.sample_rate)
        starts = [number * (self.samples - samples) // (PER_CLIP - 1) for number in range(PER_CLIP)]
        planned = self.corpus.plan(index, size)
        sound = self.corpus.sound(planned)
        audio = torch.stack([sound[:, start : start + samples] for start in starts], dim=1).flatten(0, 1)
        names = window_labels(planned, [start / self.sample_rate for start in starts], samples / self.sample_rate)
        return audio, self.corpus.columns(names)


def window_labels(planned: Plan, starts: Sequence[float], seconds: float) -> list[set[str]]:
    """List the labels of windows: those of clip 0 first, then those of clip 1, and so on.

    Args:
        planned: the plan of the clips.
        starts: starts of the windows of a clip, in s.
        seconds: length of a window in s.
    """
    names: list[set[str]] = [set() for _ in range(len(planned.keys) * len(starts))]
    for place in planned.placements:
        length = planned.items[place.item].seconds
        for window, start in enumerate(starts):
            audible = min(place.start + length, start + seconds) - max(place.start, start)
            if audible >= min(AUDIBLE, length) - 1e-9:
                names[place.clip * len(starts) + window] |= planned.sounding[place.item]
    return names
