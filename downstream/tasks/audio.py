"""Load the clips of a split at the rate of a model.

Clips are read with soundfile from the best rate folder and resampled with soxr. Resampled clips are cached by content
and by the versions of both libraries, so that each is made once for all models of that rate.

Conditions change a clip at the rate of its folder, before it is resampled, so that all models that take clips from one
folder hear the same sound. In folders of other rates noise and rooms have the same random phases at each frequency
(`downstream.tasks.conditions.noise`). Changed clips are not cached.
"""

import functools
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
import torch
from torch import Tensor

from downstream.disk.files import fingerprint
from downstream.disk.memory import check_memory
from downstream.notices import warn_once
from downstream.sound.decode import SPECIAL, decode, is_special, read_header
from downstream.tasks.changed import check_rate
from downstream.tasks.clip_cache import AUDIO, HashedFile, hashed_files, keep_clip, kept_clip, state_of
from downstream.tasks.conditions.change import BYTES, RULE
from downstream.tasks.conditions.change import changed as changed_sound
from downstream.tasks.conditions.condition import NO_CONDITIONS, Conditions
from downstream.tasks.conditions.tally import Tally
from downstream.tasks.task import Task

RESAMPLER = "soxr-HQ"
MIX_DOWN = "mean of channels"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitAudio:
    """The clips of one split.

    Attributes:
        files: in the order of the split's JSON.
        folder: holds the files; its parent's name is `source_rate`.
        source_rate: of the files, in Hz.
        sample_rate: of what `load` returns, in Hz.
        cache: the folder of resampled clips and of content hashes, the root of the store.
        conditions: what the clips are changed by.
    """

    files: tuple[str, ...]
    folder: Path
    source_rate: int
    sample_rate: int
    cache: Path
    conditions: Conditions = NO_CONDITIONS

    @classmethod
    def of(cls, task: Task, split: str, sample_rate: int, cache: str | Path) -> "SplitAudio":
        """Take the clips from the best rate folder.

        That is the lowest rate of at least `sample_rate`, else the highest rate.

        Raises:
            FileNotFoundError: there is no rate folder, or a listed file is absent; names it.
            ValueError: the clips have nothing that a condition would take away.
        """
        known = rates(task.folder)
        source_rate = next((rate for rate in known if rate >= sample_rate), known[-1])
        conditions = Conditions(task.conditions.chain if split in task.sources else ())
        check_rate(task, known[-1])
        folder = task.folder / str(source_rate) / task.sources.get(split, split)
        present = {entry.name for entry in os.scandir(folder) if entry.is_file()} if folder.is_dir() else set()
        files = tuple(task.items[split])
        absent = [file for file in files if file not in present and not (folder / file).is_file()]
        if absent:
            state = SPECIAL if is_special(folder / absent[0]) else "absent"
            raise FileNotFoundError(
                f"{folder / absent[0]} is listed in {split}.json but {state}"
                + (f" (and {len(absent) - 1} more)" if len(absent) > 1 else "")
            )
        return cls(files, folder, source_rate, sample_rate, Path(cache), conditions)

    @functools.cached_property
    def hashes(self) -> dict[str, str]:
        """file -> SHA-256 of its bytes; each file is hashed once."""
        return {file: known.sha256 for file, known in self._hashed.items()}

    @functools.cached_property
    def _hashed(self) -> dict[str, HashedFile]:
        return hashed_files(self.folder, self.files, self.cache)

    @property
    def fingerprint(self) -> str:
        """16 hex digits of names, contents, rate and resampler, which are part of job keys."""
        resampler = RESAMPLER if self.source_rate != self.sample_rate else None
        changes = [RULE, str(self.conditions), self.split] if self.conditions else []
        return fingerprint([sorted(self.hashes.items()), self.source_rate, self.sample_rate, resampler, *changes])

    @property
    def key(self) -> str:
        """16 hex digits of `fingerprint` and the decoding libraries, which name a folder of the store."""
        return fingerprint([self.fingerprint, *self._made_by])

    @property
    def _made_by(self) -> list[str]:
        decoded = [f"libsndfile {soundfile.__libsndfile_version__}", MIX_DOWN]
        if self.source_rate == self.sample_rate:
            return decoded
        return [*decoded, f"{RESAMPLER} {soxr.__version__} {soxr.__libsoxr_version__}"]

    @property
    def split(self) -> str:
        """The split of the folder whose clips these are."""
        return self.folder.name

    @property
    def origin(self) -> str:
        """The task with its conditions, and the split: for people."""
        return f"{self.folder.parent.parent.name}{self.conditions}/{self.split}"

    @functools.cached_property
    def changes(self) -> Tally:
        """What became of the clips that were changed so far."""
        return Tally()

    def log_changes(self) -> None:
        """Log what became of the clips that were changed, apart from what was asked for."""
        for line in self.changes.lines():
            warn_once(f"{self.origin}: {line}")

    def seconds(self, file: str) -> float:
        """Length of a clip in s, from its header."""
        return read_header(self.folder / file).duration

    def load(self, file: str) -> Tensor:
        """Load a clip: (samples,) float32, mono, at `sample_rate`.

        Raises:
            ValueError: names a file whose rate is not its folder's, that was changed since it was hashed, or that
                `decode` refuses.
        """
        if self.conditions:
            return torch.from_numpy(resample(self._changed(file), self.source_rate, self.sample_rate))
        if self.source_rate == self.sample_rate:
            return torch.from_numpy(self._read(file))
        name = f"{self.hashes[file][:32]}-{self.sample_rate}"
        cached = self.cache / AUDIO / f"{name}-{fingerprint(self._made_by)}.npy"
        if (clip := kept_clip(cached)) is None:
            if cached.with_name(f"{name}-{RESAMPLER}.npy").is_file():
                warn_once(f"{cached.parent}: clips that an earlier version resampled are resampled again")
            clip = resample(self._read(file), self.source_rate, self.sample_rate)
            keep_clip(cached, clip)
        return torch.from_numpy(clip)

    def _changed(self, file: str) -> np.ndarray:
        """A clip at its own rate, changed by the conditions."""
        clip = self._read(file)
        check_memory(f"{self.folder / file}: changing {len(clip)} samples", BYTES * len(clip))
        sound, notes = changed_sound(clip, self.source_rate, self.conditions.chain, f"{self.split}/{file}")
        self.changes.add(file, notes)
        return sound

    def _read(self, file: str) -> np.ndarray:
        """A clip at its own rate, unchanged since it was hashed.

        Only the file's state is compared: hashing it again would take as long as decoding it.
        """
        path = self.folder / file
        clip = read_clip(path, self.source_rate)
        if state_of(path) != self._hashed[file].state:
            raise ValueError(f"{path}: was changed while it was used; run the same command again")
        return clip


def rates(folder: Path) -> list[int]:
    """The rates of a task folder's audio in Hz, ascending.

    Raises:
        FileNotFoundError: there is no audio.
    """
    in_hz = sorted(int(f.name) for f in folder.iterdir() if f.is_dir() and f.name.isdecimal())
    if not in_hz:
        raise FileNotFoundError(f"{folder}: no audio; expected a folder named by its rate, such as 48000/")
    return in_hz


def resample(clip: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """Resample a clip by `RESAMPLER`.

    Args:
        clip: (samples,) at `rate`.
        rate: in Hz.
        new_rate: in Hz.

    Returns:
        (samples,) float32 at `new_rate`, at least one sample.

    Raises:
        ValueError: the result would not fit the memory.
    """
    subject = f"{len(clip)} samples at a rate of {rate} Hz, resampled to {new_rate} Hz"
    check_memory(subject, 8 * len(clip) * new_rate // rate)
    clip = clip if rate == new_rate else soxr.resample(clip, rate, new_rate, quality="HQ")
    return np.ascontiguousarray(clip if len(clip) else np.zeros(1), dtype=np.float32)


def read_clip(path: Path, sample_rate: int) -> np.ndarray:
    """Read a clip: (samples,) float32 in [-1, 1].

    Several channels are mixed down, which is logged once a folder.

    Raises:
        ValueError: names a file of another rate in Hz, or that `decode` refuses.
    """
    samples, rate = decode(path)
    if rate != sample_rate:
        raise ValueError(f"{path}: sampled at {rate} Hz, expected {sample_rate} Hz, as its folder says")
    return _mixed_down(samples, path)


def read_sound(path: Path, content: bytes | None = None) -> tuple[np.ndarray, int]:
    """Read a clip of any rate: (samples,) float32 as by `read_clip`, and its rate in Hz.

    Args:
        content: the file's bytes, if they do not lie at `path`, such as those of a member of an archive.
    """
    samples, rate = decode(path, content)
    return _mixed_down(samples, path), rate


def _mixed_down(samples: np.ndarray, path: Path) -> np.ndarray:
    if samples.shape[1] > 1:
        warn_once(f"{path.parent}: clips of {samples.shape[1]} channels are mixed down to mono")
    return np.ascontiguousarray(samples.mean(axis=1))
