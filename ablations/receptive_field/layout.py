"""Lay out excerpts for an embedder: each by itself, or end to end.

Excerpts are laid end to end where windows see nothing of each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from downstream.embedder import OWN_HOP, Embedder, Tap

Extent = tuple[float, float]
"""Where a nominal window begins and ends, in ms relative to its timestamp."""


@dataclass(frozen=True)
class Layout:
    """Excerpts of one length with a timestamp in each, and the stretches of them.

    Attributes:
        embedder: the model.
        taps: that are computed together.
        hop_ms: of the model's timestamps; OWN_HOP if it decides them itself.
        end_to_end: whether excerpts are laid one behind another in one clip with a timestamp in each, so that no window
            is computed for nothing. Windows must see nothing beyond an excerpt for that.
        before, behind: samples of an excerpt before and behind the place where its timestamp is asked for.
        row: which timestamp of an excerpt by itself is read.
        anchor: the samples before that timestamp.
    """

    embedder: Embedder
    taps: Sequence[Tap]
    hop_ms: int
    end_to_end: bool
    before: int
    behind: int
    row: int = 0
    anchor: int = 0

    @classmethod
    def of(
        cls, embedder: Embedder, taps: Sequence[Tap], before_ms: int, behind_ms: int, *, own_hop: bool, end_to_end: bool
    ) -> "Layout":
        """Lay out excerpts; a model that decides its timestamps is asked where they are.

        Args:
            embedder: the model.
            taps: that are computed together.
            before_ms, behind_ms: of an excerpt, around the place where its timestamp is asked for.
            own_hop: whether the model decides its timestamps itself.
            end_to_end: see the attribute.
        """
        rate = embedder.sample_rate
        before, total = rate * before_ms // 1000, rate * (before_ms + behind_ms) // 1000
        if end_to_end:
            hop_ms = before_ms + behind_ms
            return cls(embedder, taps, hop_ms, True, before, total - before, anchor=before)
        hop_ms = OWN_HOP if own_hop else before_ms
        ((_, times),) = embedder.timestamps([torch.zeros(total, dtype=torch.float32)], taps, hop_ms)
        row = int((times.double() - before_ms).abs().argmin())
        anchor = round(float(times[row]) * rate / 1000)
        return cls(embedder, taps, hop_ms, False, before, total - before, row, anchor)

    @property
    def samples(self) -> int:
        """Of an excerpt."""
        return self.before + self.behind

    def embed(self, excerpts: Tensor) -> dict[Tap, Tensor]:
        """Embed the timestamp of each excerpt: (excerpts, samples) -> tap -> (excerpts, dim), on the CPU."""
        if self.end_to_end:
            sound = torch.cat([excerpts.new_zeros(self.behind), excerpts.flatten()])
            ((values, _),) = self.embedder.timestamps([sound], self.taps, self.hop_ms)
            return {tap: rows[1 : 1 + len(excerpts)] for tap, rows in values.items()}
        answers = self.embedder.timestamps(list(excerpts), self.taps, self.hop_ms)
        return {tap: torch.stack([values[tap][self.row] for values, _ in answers]) for tap in self.taps}

    def stretches(self, stretch: int) -> list[slice]:
        """Cut an excerpt into stretches of so many samples that meet at the timestamp; shorter ends are left out."""
        first, last = -(self.anchor // stretch), (self.samples - self.anchor) // stretch
        return [
            slice(self.anchor + number * stretch, self.anchor + (number + 1) * stretch) for number in range(first, last)
        ]
