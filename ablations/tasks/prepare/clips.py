"""What each clip of a list is, from its decoded sound: length, level, and a hash of its content."""

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
        plain: whether libsndfile alone takes it for as long; a header may leave the length open.
        digest: SHA-256 of rate and samples, without the zeros at both ends; "" for a clip of zeros.
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
    about = (header.samplerate, header.channels, len(sound), float(level.max()), clipped, _digest(sound, header))
    return Clip(path, *about, plain=_is_plain(path, len(sound)))


def _is_plain(path: Path, samples: int) -> bool:
    try:
        return soundfile.info(os.fsencode(path)).frames == samples
    except soundfile.LibsndfileError:
        return False


def _digest(sound: np.ndarray, header) -> str:
    heard = np.flatnonzero(sound)
    if not len(heard):
        return ""
    digest = hashlib.sha256(f"{header.samplerate} Hz".encode())
    digest.update(np.ascontiguousarray(sound[heard[0] : heard[-1] + 1] + 0.0, dtype="<f4").data)  # + 0.0: no -0
    return digest.hexdigest()


def find_clip(file: str, folders: Sequence[Path]) -> Path:
    """The path of a listed file: in the first folder that has it, else where the first folder would.

    Accents may be written in one character or in two: file systems differ in what they make of a name.
    """
    forms = dict.fromkeys([file, unicodedata.normalize("NFC", file), unicodedata.normalize("NFD", file)])
    paths = [folder / _expanded(name) for name in forms for folder in folders]
    return next((path for path in paths if _is_file(path)), paths[0])


def _expanded(name: str) -> Path:
    try:
        return Path(name).expanduser()
    except RuntimeError:  # ~ and no user of this machine: a file of that name
        return Path(name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name that no file can have
        return False


def near(path: Path) -> str:
    """The file that an absent one probably is: its path with slashes, or a like name in its folder; "" for none."""
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
    """What names have in common that people take for the same.

    Case, the form of accents, spaces, characters without width, and zeros in front of a number make no difference.
    """
    text = unicodedata.normalize("NFKC", name).casefold()
    text = " ".join("".join(mark for mark in text if unicodedata.category(mark) != "Cf").split())
    return (text.lstrip("0") or "0") if text.isdecimal() else text


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
