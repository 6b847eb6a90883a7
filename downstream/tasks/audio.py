"""The sound of one split of a task, at the rate a model listens to.

Clips are read with soundfile from whatever rate folder is there and resampled with soxr; what was resampled is cached
by content, and by the versions of both, so that it is done once for all models of that rate.
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
from downstream.notices import warn_once as _say_once
from downstream.sound.decode import SPECIAL, decode, header, is_special
from downstream.tasks.clip_cache import AUDIO, content_states, keep_clip, kept_clip, state_of
from downstream.tasks.task import Task

RESAMPLER = "soxr-HQ"
MIX_DOWN = "mean of channels"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitAudio:
    """The clips of one split.

    Attributes:
        files: in the order of the split's JSON.
        folder: where they lie; its parent's name is `source_rate` in Hz.
        sample_rate: what `load` returns, in Hz.
        cache: folder of resampled clips and of content hashes.
    """

    files: tuple[str, ...]
    folder: Path
    source_rate: int
    sample_rate: int
    cache: Path

    @classmethod
    def of(cls, task: Task, split: str, sample_rate: int, cache: str | Path) -> "SplitAudio":
        """The split's clips from the rate folder nearest to `sample_rate`, from above where there is one.

        Raises:
            FileNotFoundError: no rate folder, or a listed file is absent; names it.
        """
        there = rates(task.folder)
        source_rate = next((rate for rate in there if rate >= sample_rate), there[-1])
        folder = task.folder / str(source_rate) / split
        present = {entry.name for entry in os.scandir(folder) if entry.is_file()} if folder.is_dir() else set()
        files = tuple(task.items[split])
        absent = [file for file in files if file not in present and not (folder / file).is_file()]
        if absent:
            state = SPECIAL if is_special(folder / absent[0]) else "absent"
            raise FileNotFoundError(
                f"{folder / absent[0]} is listed in {split}.json but {state}"
                + (f" (and {len(absent) - 1} more)" if len(absent) > 1 else "")
            )
        return cls(files, folder, source_rate, sample_rate, Path(cache))

    @functools.cached_property
    def hashes(self) -> dict[str, str]:
        """file -> SHA-256 of its bytes, remembered so that each is hashed once."""
        return {file: content for file, (*_, content) in self._states.items()}

    @functools.cached_property
    def _states(self) -> dict[str, list]:
        """file -> what the system told of it when it was hashed, and the hash."""
        return content_states(self.folder, self.files, self.cache)

    @property
    def fingerprint(self) -> str:
        """16 hex digits for names, contents, rate and resampler, which name jobs."""
        resampler = RESAMPLER if self.source_rate != self.sample_rate else None
        return fingerprint([sorted(self.hashes.items()), self.source_rate, self.sample_rate, resampler])

    @property
    def key(self) -> str:
        """16 hex digits for the sound as it is heard here: `fingerprint`, and what decodes and resamples it."""
        return fingerprint([self.fingerprint, *self._made_by])

    @property
    def _made_by(self) -> list[str]:
        decoded = [f"libsndfile {soundfile.__libsndfile_version__}", MIX_DOWN]
        if self.source_rate == self.sample_rate:
            return decoded
        return [*decoded, f"{RESAMPLER} {soxr.__version__} {soxr.__libsoxr_version__}"]

    def seconds(self, file: str) -> float:
        """Length of a clip, from its header."""
        return read_header(self.folder / file).duration

    def load(self, file: str) -> Tensor:
        """A clip: (samples,) float32 at `sample_rate`, mono.

        Raises:
            ValueError: names the file: of another rate than its folder, changed since it was hashed, or what `decode`
                refuses.
        """
        if self.source_rate == self.sample_rate:
            return torch.from_numpy(self._read(file))
        name = f"{self.hashes[file][:32]}-{self.sample_rate}"
        cached = self.cache / AUDIO / f"{name}-{fingerprint(self._made_by)}.npy"
        if (clip := kept_clip(cached)) is None:
            if cached.with_name(f"{name}-{RESAMPLER}.npy").is_file():
                _say_once(f"{cached.parent}: clips that an earlier version resampled are resampled again")
            clip = resample(self._read(file), self.source_rate, self.sample_rate)
            keep_clip(cached, clip)
        return torch.from_numpy(clip)

    def _read(self, file: str) -> np.ndarray:
        """A clip at its own rate, which has not changed since it was hashed: to hash it again would cost as much as to
        decode it."""
        path = self.folder / file
        clip = read_clip(path, self.source_rate)
        if state_of(path) != self._states[file][:-1]:
            raise ValueError(f"{path}: was changed while it was used; run the same command again")
        return clip


def rates(folder: Path) -> list[int]:
    """The rates in Hz, ascending, that a task folder has audio at.

    Raises:
        FileNotFoundError: it has none.
    """
    found = sorted(int(f.name) for f in folder.iterdir() if f.is_dir() and f.name.isdecimal())
    if not found:
        raise FileNotFoundError(f"{folder}: no audio; expected a folder named by its rate, such as 48000/")
    return found


def resample(clip: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """(samples,) at `rate` -> (samples,) float32 at `wanted`, both in Hz; at least one sample, by `RESAMPLER`.

    Raises:
        ValueError: the memory can't hold what it would become.
    """
    check_memory(
        f"{len(clip)} samples at a rate of {rate} Hz, resampled to {wanted} Hz", 8 * len(clip) * wanted // rate
    )
    clip = clip if rate == wanted else soxr.resample(clip, rate, wanted, quality="HQ")
    return np.ascontiguousarray(clip if len(clip) else np.zeros(1), dtype=np.float32)


def read_header(path: Path):
    """soundfile's description of an audio file: samplerate, channels, frames, duration.

    Raises:
        FileNotFoundError, ValueError: name what is absent or no audio.
    """
    return header(path)


def read_clip(path: Path, sample_rate: int) -> np.ndarray:
    """(samples,) float32 in [-1, 1]; several channels are mixed down, which is said once a folder.

    Raises:
        ValueError: names the file: of another rate, or what `decode` refuses.
    """
    samples, rate = decode(path)
    if rate != sample_rate:
        raise ValueError(f"{path}: sampled at {rate} Hz, expected {sample_rate} Hz, as its folder says")
    return _mixed_down(samples, path)


def read_sound(path: Path, content: bytes | None = None) -> tuple[np.ndarray, int]:
    """(samples,) float32 as `read_clip`, and the rate in Hz, whatever it is.

    Args:
        content: the file's bytes, where they do not lie at `path`, such as those of a member of an archive.
    """
    samples, rate = decode(path, content)
    return _mixed_down(samples, path), rate


def _mixed_down(samples: np.ndarray, path: Path) -> np.ndarray:
    if samples.shape[1] > 1:
        _say_once(f"{path.parent}: clips of {samples.shape[1]} channels are mixed down to mono")
    return np.ascontiguousarray(samples.mean(axis=1))
