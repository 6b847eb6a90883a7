"""What is kept of clips between runs: hashes of their content, and what they were resampled to.

Both only save time. What can't be read, was changed, or lies in another's place is made anew, which is logged once.
"""

import hashlib
import io
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from downstream.disk.arrays import load_arrays
from downstream.disk.files import fingerprint, write_atomically
from downstream.disk.memory import check_memory
from downstream.disk.sums import CHANGED, SUM, SUM_BYTES, content_of, place_of, read_sealed, sum_of, write_sealed
from downstream.notices import warn_once

HASHES, AUDIO = "hashes", "audio"  # folders of a store
EARLIER_CLIPS = "*-soxr-HQ.npy"  # as earlier versions called them, which did not know what had made them
PLACE_PARTS = 2  # folder and file

logger = logging.getLogger(__name__)


def content_states(folder: Path, files: Sequence[str], cache: Path) -> dict[str, list]:
    """file -> its `state_of` and, behind it, the SHA-256 of its bytes; hashed once for as long as its state stays."""
    path = cache / HASHES / f"{fingerprint(str(folder.resolve()))}.json"
    known = _known_hashes(path)
    states = {}
    for file in files:
        state = state_of(folder / file)  # before it is hashed: a change in between is seen
        entry = known.get(file)
        states[file] = entry if entry and entry[:-1] == state else [*state, hash_of(folder / file)]
    if any(known.get(file) != entry for file, entry in states.items()):
        keep(path, lambda: write_sealed(path, {"files": {**known, **states}}, place_of(path, PLACE_PARTS)))
    return states


def state_of(path: Path) -> list[int]:
    """What of a file is another with every change of its content, as the system tells it.

    The time of its last change (ctime) and its number (inode) belong to that: unlike size and time of modification, no
    program can set them back.
    """
    stat = path.stat()
    return [stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino]


def hash_of(path: Path) -> str:
    """The 64 hex digits of the SHA-256 of a file's bytes; ValueError for a file that the memory can't hold."""
    check_memory(str(path), path.stat().st_size)  # hashing a clip that can't be read could take days
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def kept_clip(path: Path) -> np.ndarray | None:
    """The resampled clip at `path`, (samples,) float32; None where there is none, or another than was written."""
    try:
        return read_clip_file(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        logger.warning("%s; resampled again", error)
        return None


def read_clip_file(path: Path, *, full: bool = True) -> np.ndarray:
    """(samples,) float32, memory-mapped unless `full`, which verifies them.

    Raises:
        ValueError: names a file that is not what was written there. FileNotFoundError: there is none.
    """
    try:
        clip = load_arrays(path, behind=SUM_BYTES, mmap_mode=None if full else "r")
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
    """Keep a resampled clip, an ordinary .npy with its sum behind it."""

    def write(file: Any) -> None:
        np.save(file, clip)
        file.write(sum_of(clip.data, place_of(path, PLACE_PARTS)))

    keep(path, lambda: write_atomically(path, write))


def keep(path: Path, write: Callable[[], None]) -> None:
    """Write what only saves time; a store that is full or read-only is said once."""
    try:
        write()
    except OSError as error:
        warn_once(f"{path.parent}: nothing more is kept there: {error.strerror or error}")


def is_earlier_hashes(path: Path) -> bool:
    """Whether hashes were kept by an earlier version: a mapping of file to size, time and hash, without a sum."""
    try:
        entries = json.loads(content_of(path))
        return SUM not in entries and all(len(size_time_hash) == 3 for size_time_hash in entries.values())
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return False


def _known_hashes(path: Path) -> Mapping[str, list]:
    try:
        return read_sealed(path, place_of(path, PLACE_PARTS))["files"]
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError) as error:
        if is_earlier_hashes(path):
            warn_once(f"{path.parent}: made by an earlier version: clips are hashed again")
        else:
            warn_once(f"{error}; its clips are hashed again")
        return {}
