"""The clips of a list, from their decoded sound: length, level, and a hash of the content."""

import functools
import hashlib
import os
import unicodedata
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile

from downstream.progress import Track
from downstream.sound.decode import read_header
from downstream.tasks.audio import read_clip

FULL_SCALE = 32766 / 32768  # a sample of this size or more is clipped
Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Clip:
    """A decoded clip, or one that can't be read.

    Attributes:
        path: the file.
        rate: sample rate in Hz.
        channels: number of channels.
        samples: length in samples.
        peak: largest absolute sample of the mean of the channels.
        clipped: share of the samples at full scale.
        digest: SHA-256 of rate and samples without the zeros at both ends; "" for a clip of zeros.
        plain: whether libsndfile alone finds the same length; a header may leave it open.
        error: why the clip can't be read; "" if it can.
    """

    path: Path
    rate: int = 0
    channels: int = 0
    samples: int = 0
    peak: float = 0.0
    clipped: float = 0.0
    digest: str = ""
    plain: bool = True
    error: str = ""

    @property
    def seconds(self) -> float:
        """The length in s."""
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
        path,
        rate=header.samplerate,
        channels=header.channels,
        samples=len(sound),
        peak=float(level.max()),
        clipped=clipped,
        digest=_digest(sound, header.samplerate),
        plain=_is_plain(path, len(sound)),
    )


def _is_plain(path: Path, samples: int) -> bool:
    try:
        return bool(soundfile.info(os.fsencode(path)).frames == samples)
    except soundfile.LibsndfileError:
        return False


def _digest(sound: np.ndarray, rate: int) -> str:
    heard = np.flatnonzero(sound)
    if not len(heard):
        return ""
    digest = hashlib.sha256(f"{rate} Hz".encode())
    digest.update(np.ascontiguousarray(sound[heard[0] : heard[-1] + 1] + 0.0, dtype="<f4").data)  # + 0.0: no -0
    return digest.hexdigest()


def find_clip(file: str, folders: Sequence[Path]) -> Path:
    """The path of a listed file in the first folder that has it.

    If none has it, this is its path in the first folder.

    An accent may be part of its letter or a character of its own: file systems store names differently.
    """
    forms = dict.fromkeys([file, unicodedata.normalize("NFC", file), unicodedata.normalize("NFD", file)])
    paths = [folder / _expanded(name) for name in forms for folder in folders]
    return next((path for path in paths if _is_file(path)), paths[0])


def _expanded(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:  # ~ and no user of this machine: it is part of the name
        return Path(name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # no file can have this name
        return False


def near(path: Path) -> str:
    """Guess which file the user means by an absent one; "" for none.

    The guess is slashes for backslashes, or a similar name.
    """
    slashed = path.parent / path.name.replace("\\", "/")
    if "\\" in path.name and _is_file(slashed):
        return str(slashed.relative_to(path.parent))
    return _names_by_likeness(path.parent).get(likeness(path.name), "")


@functools.lru_cache(maxsize=16)
def _names_by_likeness(folder: Path) -> dict[str, str]:
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    stems = {likeness(Path(name).stem): name for name in names}
    return stems | {likeness(name): name for name in names}


def likeness(name: str) -> str:
    """Reduce a name to a form that is equal for names that people take for the same.

    Case, the form of accents, spaces, characters without width, and leading zeros of a number make no difference.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    text = " ".join("".join(mark for mark in text if unicodedata.category(mark) != "Cf").split())
    return (text.lstrip("0") or "0") if text.isdecimal() else text


def in_parallel(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int | None, track: Track, description: str
) -> list[Result]:
    """Apply a function to items in threads.

    This suits decoding and resampling, which run without Python's lock.

    Args:
        function: what to apply.
        items: its arguments.
        workers: number of threads; None for one a core.
        track: shows how far it is.
        description: what `track` shows.

    Returns:
        The results in the order of the items.
    """
    results = []
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool, track(description, len(items)) as advance:
        try:
            for result in pool.map(function, items):
                results.append(result)
                advance(1)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return results
