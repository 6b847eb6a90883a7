"""Files that are complete or absent: written beside their place, then renamed into it.

A temporary file is called ``.<machine>-<process>-<random>.tmp``, so that whoever comes next can tell that its process
is dead, and remove it.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from downstream.disk import arrays
from downstream.disk.room import check_room

TRIALS = 10
PARSED = 10  # times the size of a text that what is parsed of it takes
TEMPORARY = re.compile(r"\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.tmp|\..+\.[0-9a-f]{32}\.tmp")  # or of an earlier version
ABANDONED_S = 86400.0  # age of a temporary file of a process that can't be asked

_swept: set[Path] = set()


@contextlib.contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Make errors of the system that name no file, as those of a full disk do, name this one."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Call `write` on a temporary file, then rename it to `path`: readers see the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent not in _swept:
        _swept.add(path.parent)
        sweep(path.parent)
    temporary = temporary_beside(path)
    try:
        with naming(path), temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """A new name in the folder of `path`, by which `sweep` knows whose it is."""
    return path.with_name(f".{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")


def sweep(folder: Path, *, below: bool = False) -> int:
    """Remove what processes that are dead left half written in a folder; links are not followed.

    Args:
        below: in all folders below it, too.

    Returns:
        How many files and folders were removed.
    """
    removed = 0
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(place, name)
            if (match := TEMPORARY.fullmatch(name)) and _is_abandoned(path, match):
                with contextlib.suppress(OSError):
                    path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path)
                    removed += 1
        folders[:] = [name for name in folders if below and not TEMPORARY.fullmatch(name)]
    return removed


def _is_abandoned(path: Path, match: re.Match) -> bool:
    machine, process = match.groups()
    if machine == _machine() and os.name == "posix":
        try:
            os.kill(int(process), 0)
        except (ProcessLookupError, OverflowError):
            return True
        except PermissionError:  # of another user
            pass
    try:
        return time.time() - path.lstat().st_mtime > ABANDONED_S
    except OSError:
        return False


def _machine() -> str:
    """8 hex digits for where process numbers mean the same: the machine, and the container on it."""
    inside = ""
    with contextlib.suppress(OSError):
        inside = str(Path("/proc/self/ns/pid").stat().st_ino)
    return hashlib.sha256(f"{socket.gethostname()} {inside}".encode()).hexdigest()[:8]


def append_whole(file: FileIO, data: bytes) -> None:
    """Append all of `data` to a file that is opened without a buffer, and bring it onto the disk; errors name it."""
    with naming(file.name):
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())


def load_arrays(source: Path | BinaryIO, *, behind: int = 0, **options: Any) -> Any:
    """`numpy.load` of what has headers that are true, again where it failed for no fault of the file.

    Args:
        behind: bytes that follow a .npy file's array. options: of `numpy.load`.

    NumPy parses a header with Python's parser, which before 3.11.8 and 3.12.2 fails at times where two threads use it
    at once (python/cpython issue 106905).
    """
    for _ in range(TRIALS - 1):
        with contextlib.suppress(SystemError):
            return _load(source, behind, options)
    return _load(source, behind, options)


def _load(source: Path | BinaryIO, behind: int, options: Mapping[str, Any]) -> Any:
    arrays.check(source, mapped=options.get("mmap_mode") is not None, behind=behind)
    return np.load(source, **options)


def read_whole(path: Path) -> bytes:
    """The bytes of a file; ValueError where they, and what is made of them, would not fit the memory."""
    check_room(str(path), PARSED * path.stat().st_size)
    return path.read_bytes()


def check_place(path: Path) -> None:
    """Look whether a file or folder can come to be at `path`, before it is worked for; nothing is made.

    Raises:
        NotADirectoryError, PermissionError: one of its folders is a file, or can't be written.
    """
    there = next((parent for parent in path.absolute().parents if parent.exists()), None)
    if there and not there.is_dir():
        raise NotADirectoryError(f"{path} can't be written: {there} is a file, expected a folder")
    if there and not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(f"{path} can't be written: the folder {there} is read-only, expected one for results")
    if path.is_dir() and not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(f"{path} can't be written: it is read-only, expected a folder for results")


def make_folder(folder: Path) -> None:
    """Make a folder for results, and try whether a file can be written there.

    Raises:
        OSError: names the folder and the reason.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"tried")
            file.flush()
    except OSError as error:
        reason = error.strerror or str(error)
        raise OSError(f"{folder} can't be written: {reason}; expected a folder for results") from None


def write_json(path: Path, value: Any) -> None:
    """`value` as indented JSON, atomically."""
    text = json.dumps(value, indent=1, sort_keys=False, allow_nan=True) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def fingerprint(value: Any) -> str:
    """First 16 hex digits of the SHA-256 of `value` as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def absolute(path: str | Path) -> Path:
    """The path from the root, under the names it was given by: links are not replaced by what they point to.

    `..` behind a link leads out of the folder that the link points to, as the system has it.
    """
    whole = Path(path).absolute()
    found = Path(whole.anchor)
    for part in whole.parts[1:]:
        if part == "..":
            found = (found.resolve() if found.is_symlink() else found).parent
        else:
            found /= part
    return found


def expanded(path: str | Path) -> Path:
    """`path` with ~ and ~user as the home they stand for.

    Raises:
        ValueError: names a path of a user that is not here.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"{path}: no home of that user is known here; expected a path without ~") from None


def cache_folder() -> Path:
    """The user's folder of caches: $XDG_CACHE_HOME, else ~/.cache; an empty variable is none."""
    return expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "embedding-ablations"
