"""What each clip of a list is, from its decoded sound: length, level, and a hash of its content."""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from downstream.audio import read_clip, read_header
from downstream.files import expanded
from downstream.progress import Track

FULL_SCALE = 32766 / 32768  # and more: clipped
Item, Result = TypeVar("Item"), TypeVar("Result")


@dataclass(frozen=True)
class Clip:
    """A clip, or the `error` why it can't be read.

    Attributes:
        rate: in Hz.
        samples: its length, in samples.
        peak: the largest absolute sample of the channels' mean.
        clipped: the share of samples at full scale.
        digest: SHA-256 of rate and samples, without the zeros at both ends; "" for a clip of zeros.
    """

    path: Path
    rate: int = 0
    channels: int = 0
    samples: int = 0
    peak: float = 0.0
    clipped: float = 0.0
    digest: str = ""
    error: str = ""

    @property
    def seconds(self) -> float:
        return self.samples / self.rate if self.rate else 0.0


def inspect(path: Path) -> Clip:
    """Decode a clip and describe it."""
    try:
        header = read_header(path)
        sound = read_clip(path, header.samplerate)
    except (ValueError, OSError) as error:
        return Clip(path, error=str(error).removeprefix(f"{path}: "))
    level = np.abs(sound)
    clipped = float(np.mean(level >= FULL_SCALE))
    return Clip(
        path, header.samplerate, header.channels, len(sound), float(level.max()), clipped, _digest(sound, header)
    )


def _digest(sound: np.ndarray, header) -> str:
    heard = np.flatnonzero(sound)
    if not len(heard):
        return ""
    digest = hashlib.sha256(f"{header.samplerate} Hz".encode())
    digest.update(np.ascontiguousarray(sound[heard[0] : heard[-1] + 1] + 0.0, dtype="<f4").data)  # + 0.0: no -0
    return digest.hexdigest()


def find_clip(file: str, folders: Sequence[Path]) -> Path:
    """The path of a listed file: in the first folder that has it, else where the first folder would."""
    paths = [folder / expanded(file) for folder in folders]
    return next((path for path in paths if path.is_file()), paths[0])


def in_parallel(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int | None, track: Track, description: str
) -> list[Result]:
    """`function` of each item, in their order, by threads (default: one a core): decoding and resampling run without
    Python's lock.
    """
    found = []
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool, track(description, len(items)) as advance:
        try:
            for result in pool.map(function, items):
                found.append(result)
                advance(1)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return found
