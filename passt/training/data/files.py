"""Clips of audio files: an endless source for training, and a list for evaluation."""

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
"""Reads a file by name: (samples,), float32, mono, at the source's rate. Raises ValueError or OSError if it can't."""

ATTEMPTS = 100  # files that are tried for one clip
KEPT_EPOCHS = 2  # epochs whose order stays in memory, because batches are read ahead

logger = logging.getLogger(__name__)


@dataclass
class Unreadable:
    """The files that could not be read, each with its reason.

    Attributes:
        path: CSV file that lists them too, over all runs and processes of a training. None if there is no list.
        reasons: file name -> why it could not be read.
    """

    path: Path | None = None
    reasons: dict[str, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __contains__(self, file: str) -> bool:
        return file in self.reasons

    def add(self, file: str, reason: str) -> None:
        """Record a file, if it is not recorded yet."""
        with self._lock:
            if file in self.reasons:
                return
            self.reasons[file] = reason
            logger.warning("left out, %d so far: %s", len(self.reasons), reason)
            if self.path is not None:
                _list_file(self.path, file, reason)


def _list_file(path: Path, file: str, reason: str) -> None:
    """Append a row to a CSV file of unreadable files, unless it has one for that file.

    Rows are appended, not the whole file replaced, because several processes may write to it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", newline="", encoding="utf-8") as out:
        out.seek(0)
        listed = {row[0] for row in csv.reader(out) if row}
        header = [] if listed else [("file", "reason")]
        if file not in listed:
            csv.writer(out, lineterminator="\n").writerows([*header, (file, reason)])


@dataclass(frozen=True)
class Files:
    """A list of labeled files.

    Attributes:
        files: names of the files.
        targets: (files, labels), of 0 and 1.
        labels: names of the labels.
        read: reads a file by its name.
        sample_rate: rate of the audio in Hz.
        samples: length of a clip in samples. Longer files are cropped; shorter ones end in silence.
        unreadable: collects the files that can't be read.

    Raises:
        ValueError: the list is empty, or the targets have another shape.
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
            expected = (len(self.files), len(self.labels))
            raise ValueError(f"targets must be {expected}, got {self.targets.shape}")

    def sound(self, item: int) -> np.ndarray | None:
        """Read an item at its full length: (samples,). None if it can't be read, which is recorded."""
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
    """An endless source of clips from files, epoch after epoch.

    Longer files are cropped at a random place.

    A file that can't be read is replaced by another one.

    Attributes:
        seed: seed of the order and of the crops.
        balanced: whether rare labels are drawn more often (`sampling.balanced_weights`).
        epoch: clips of an epoch. 0 is all files.
    """

    seed: int = 0
    balanced: bool = False
    epoch: int = 0
    _orders: dict[int, np.ndarray] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        """Give a batch; see `source.Source`.

        Clip i of the sequence is the same for every batch size.
        """
        clips = [self._clip(place) for place in range(index * size, (index + 1) * size)]
        audio, items = zip(*clips, strict=True)
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
    """The beginnings of files, each once. A file that can't be read is left out of its batch."""

    @property
    def clips(self) -> int:
        """Number of files, readable or not."""
        return len(self.files)

    def batch(self, index: int, size: int) -> tuple[Tensor, Tensor]:
        """Give a batch; see `source.FixedSource`. It has fewer clips if files can't be read."""
        items = range(index * size, min((index + 1) * size, len(self.files)))
        clips = [(cropped(sound, self.samples, 0.0), item) for item in items if (sound := self.sound(item)) is not None]
        audio = np.zeros((len(clips), self.samples), np.float32)
        for row, (clip, _) in zip(audio, clips, strict=True):
            row[:] = clip
        targets = self.targets[[item for _, item in clips]].astype(np.float32)
        return torch.from_numpy(audio), torch.from_numpy(targets)


def cropped(sound: np.ndarray, samples: int, start: float) -> np.ndarray:
    """Crop a sound to `samples` samples, or append silence.

    Args:
        sound: (samples,).
        samples: length of the result.
        start: where the crop begins, as a share of the places where it can, 0 to 1.
    """
    first = int(start * (max(0, len(sound) - samples) + 1))
    part = np.asarray(sound[first : first + samples], dtype=np.float32)
    return np.pad(part, (0, samples - len(part)))
