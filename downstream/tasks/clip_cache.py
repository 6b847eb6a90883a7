"""Keep hashes and resampled versions of clips between runs.

Both only save time. A file that can't be read, was changed or belongs elsewhere is made anew, which is logged once.
"""

import hashlib
import io
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from downstream.disk.arrays import load_arrays
from downstream.disk.files import fingerprint, write_atomically
from downstream.disk.memory import check_memory
from downstream.disk.sums import CHANGED, SUM, SUM_BYTES, content_of, place_of, read_sealed, sum_of, write_sealed
from downstream.notices import warn_once

HASHES, AUDIO = "hashes", "audio"  # folders of a store
EARLIER_CLIPS = "*-soxr-HQ.npy"  # names of earlier versions, without the versions of the libraries
PLACE_PARTS = 2  # folder and file

logger = logging.getLogger(__name__)

FileState = tuple[int, int, int, int]
"""Size, time of modification, time of change and inode of a file."""


@dataclass(frozen=True)
class HashedFile:
    """The SHA-256 of a file's bytes, and the state that the file had then."""

    state: FileState
    sha256: str


def hashed_files(folder: Path, files: Sequence[str], cache: Path) -> dict[str, HashedFile]:
    """Hash files of a folder; a file whose state is as remembered is not read again.

    Args:
        cache: the root of the store, which remembers the hashes.
    """
    path = cache / HASHES / f"{fingerprint(str(folder.resolve()))}.json"
    known = _known_hashes(path)
    hashed = {}
    for file in files:
        state = state_of(folder / file)  # before hashing, so that a change in between is noticed
        entry = known.get(file)
        hashed[file] = entry if entry and entry.state == state else HashedFile(state, hash_of(folder / file))
    if any(known.get(file) != entry for file, entry in hashed.items()):
        entries = {file: [*entry.state, entry.sha256] for file, entry in (known | hashed).items()}
        keep(path, lambda: write_sealed(path, {"files": entries}, place_of(path, PLACE_PARTS)))
    return hashed


def state_of(path: Path) -> FileState:
    """Numbers of a file that differ after every change of its content.

    Unlike size and time of modification, no program can set the time of change (ctime) and the inode back.
    """
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def hash_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, 64 hex digits; ValueError for a file that would not fit the memory."""
    check_memory(str(path), path.stat().st_size)  # such a clip can't be decoded, and hashing it could take days
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def kept_clip(path: Path) -> np.ndarray | None:
    """Read the resampled clip at `path`, (samples,) float32.

    It is None if it is absent or was changed.
    """
    try:
        return read_clip_file(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.warning("%s; resampled again", error)
        return None


def read_clip_file(path: Path, *, full: bool = True) -> np.ndarray:
    """Read a resampled clip: (samples,) float32.

    Args:
        full: read and verify the samples; else they are memory-mapped.

    Raises:
        ValueError: names a file that was changed, or belongs elsewhere.
        FileNotFoundError: the file is absent.
    """
    try:
        clip: np.ndarray = load_arrays(path, behind=SUM_BYTES, mmap_mode=None if full else "r")
        whole = clip.ndim == 1 and clip.dtype == np.float32
    except (ValueError, EOFError, IsADirectoryError):
        whole = False
    if whole and full:
        with path.open("rb") as file:
            file.seek(-SUM_BYTES, io.SEEK_END)
            whole = file.read() == sum_of(clip.data, place_of(path, PLACE_PARTS))
    if not whole:
        raise ValueError(f"{path}: {CHANGED}")
    return clip


def keep_clip(path: Path, clip: np.ndarray) -> None:
    """Write a resampled clip as an ordinary .npy file with its sum behind the array."""

    def write(file: BinaryIO) -> None:
        np.save(file, clip)
        file.write(sum_of(clip.data, place_of(path, PLACE_PARTS)))

    keep(path, lambda: write_atomically(path, write))


def keep(path: Path, write: Callable[[], None]) -> None:
    """Write a file that only saves time; a store that is full or read-only is logged once."""
    try:
        write()
    except OSError as error:
        warn_once(f"{path.parent}: nothing more is kept there: {error.strerror or error}")


def is_earlier_hashes(path: Path) -> bool:
    """Whether hashes are of an earlier version: a mapping of file to size, time and hash, without a sum."""
    try:
        entries = json.loads(content_of(path))
        return SUM not in entries and all(len(size_time_hash) == 3 for size_time_hash in entries.values())
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return False


def _known_hashes(path: Path) -> dict[str, HashedFile]:
    try:
        entries = read_sealed(path, place_of(path, PLACE_PARTS))["files"]
        return {file: HashedFile((a, b, c, d), sha256) for file, (a, b, c, d, sha256) in entries.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError) as error:
        if is_earlier_hashes(path):
            warn_once(f"{path.parent}: made by an earlier version: clips are hashed again")
        else:
            warn_once(f"{error}; its clips are hashed again")
        return {}
