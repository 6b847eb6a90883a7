"""Clips of audio files, as a source for training and as a list for evaluation."""

import csv
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from passt.training.data.sampling import balanced_weights, epoch_order
from passt.training.data.streams import seed_of

Read = Callable[[str], np.ndarray]
"""A file's name to its sound, (samples,) float32 mono at the source's rate; ValueError or OSError where it can't."""

ATTEMPTS = 100  # at files, for one clip
KEPT_EPOCHS = 2  # whose order is in memory; batches are read ahead

logger = logging.getLogger(__name__)


@dataclass
class Unreadable:
    """Files that could not be read and why, counted, and named once in `path` (a CSV file) where there is one."""

    path: Path | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __contains__(self, file: str) -> bool:
        return file in self.reasons

    def add(self, file: str, reason: str) -> None:
        with self._lock:
            if file in self.reasons:
                return
            self.reasons[file] = reason
            logger.warning("left out, %d so far: %s", len(self.reasons), reason)
            if self.path is not None:
                self._write(file, reason)

    def _write(self, file: str, reason: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a+", newline="", encoding="utf-8") as out:
            out.seek(0)
            known = {row[0] for row in csv.reader(out) if row}
            rows = [] if known else [("file", "reason")]
            if file not in known:
                csv.writer(out, lineterminator="\n").writerows([*rows, (file, reason)])


@dataclass(frozen=True)
class Files:
    """What a list of labelled files is.

    Attributes:
        files: names that `read` takes. targets: (files, labels), of 0 and 1.
        samples: of a clip; longer files are cropped, shorter ones end in silence.
    """

    files: Sequence[str]
    targets: np.ndarray
    labels: tuple[str, ...]
    read: Read
    sample_rate: int
    samples: int
    unreadable: Unreadable = field(default_factory=Unreadable)

    def __post_init__(self) -> None:
        if not len(self.files):
            raise ValueError("a list of clips must name at least one file, got none")
        if self.targets.shape != (len(self.files), len(self.labels)):
            wanted = (len(self.files), len(self.labels))
            raise ValueError(f"targets must be {wanted}, got {self.targets.shape}")

    def sound(self, item: int) -> np.ndarray | None:
        """An item's sound at its whole length; None, counted and named, where it can't be read."""
        file = self.files[item]
        if file in self.unreadable:
            return None
        try:
            return self.read(file)
        except (ValueError, OSError) as error:
            self.unreadable.add(file, str(error))
            return None


@dataclass(frozen=True)
class FileSource(Files):
    """Clips of files without an end, epoch after epoch; longer files are cropped anywhere.

    What can't be read is replaced by another item.

    Attributes:
        balanced: whether rare labels are drawn more often (`sampling.balanced_weights`), epochs being `epoch` items.
        epoch: 0 is all items.
    """

    seed: int = 0
    balanced: bool = False
    epoch: int = 0
    _orders: dict[int, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        """See `source.Source`; clip i of all is the same whatever the size."""
        found = [self._clip(place) for place in range(index * size, (index + 1) * size)]
        audio, items = zip(*found, strict=True)
        return torch.from_numpy(np.stack(audio)), torch.from_numpy(self.targets[list(items)].astype(np.float32))

    def _clip(self, place: int) -> tuple[np.ndarray, int]:
        epoch, slot = divmod(place, len(self._order(0)))
        item = int(self._order(epoch)[slot])
        stream = np.random.default_rng(seed_of(self.seed, "clip", epoch, slot))
        for _ in range(ATTEMPTS):
            if (sound := self.sound(item)) is not None:
                return cropped(sound, self.samples, float(stream.random())), item
            item = int(stream.integers(len(self.files)))
        reason = next(iter(self.unreadable.reasons.values()), "")
        raise ValueError(f"no clip in {ATTEMPTS} attempts, {len(self.unreadable.reasons)} files unreadable: {reason}")

    def _order(self, epoch: int) -> np.ndarray:
        with self._lock:
            if epoch not in self._orders:
                weights = balanced_weights(self.targets) if self.balanced else None
                length = self.epoch or len(self.files)
                self._orders[epoch] = epoch_order(len(self.files), length, self.seed, epoch, weights)
                for old in [known for known in self._orders if known not in (0, epoch)][:-KEPT_EPOCHS]:
                    del self._orders[old]
            return self._orders[epoch]


@dataclass(frozen=True)
class FileList(Files):
    """Clips of files, each once, from their beginnings; what can't be read is left out of its batch."""

    @property
    def clips(self) -> int:
        """Files there are, readable or not."""
        return len(self.files)

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        """See `source.FixedSource`; there may be fewer clips than files."""
        items = range(index * size, min((index + 1) * size, len(self.files)))
        found = [(cropped(sound, self.samples, 0.0), item) for item in items if (sound := self.sound(item)) is not None]
        audio = np.zeros((len(found), self.samples), np.float32)
        for row, (clip, _) in zip(audio, found, strict=True):
            row[:] = clip
        targets = self.targets[[item for _, item in found]].astype(np.float32)
        return torch.from_numpy(audio), torch.from_numpy(targets)


def cropped(sound: np.ndarray, samples: int, start: float) -> np.ndarray:
    """`samples` of a sound, from `start` (0 to 1) of what is left over; a shorter one is followed by silence."""
    first = int(start * (max(0, len(sound) - samples) + 1))
    part = np.asarray(sound[first : first + samples], dtype=np.float32)
    return np.pad(part, (0, samples - len(part)))
