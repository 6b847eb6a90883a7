"""Files and folders that are complete or absent.

They are written beside their place, then renamed into it.

A temporary name is ``.<machine>-<process>-<random>.tmp``. It tells a later process that the writer is dead, so that the
file can be removed.
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
from collections.abc import Callable, Iterator
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import psutil

from downstream.disk.memory import check_memory

PARSED = 10  # a parsed text takes up to this many times the size of its file
TEMPORARY = re.compile(r"\.([0-9a-f]{8})-(\d+)-[0-9a-f]{8}\.tmp|\..+\.[0-9a-f]{32}\.tmp")  # or of an earlier version
ABANDONED_S = 86400.0  # age at which a temporary file is abandoned if its process can't be looked up

_swept: set[Path] = set()


@contextlib.contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Add a file name to system errors that have none, such as those of a full disk."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Call `write` on a temporary file, then rename it: readers see the old file or the whole new one."""
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
        put_in_place(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(folder: Path, staging: Path | None = None) -> Iterator[Path]:
    """Make a folder complete or not at all.

    Fill the folder that this yields; at the end it is renamed to `folder`.

    It is filled under its own name, which messages show, inside a folder beside its place. An error removes both.

    Args:
        staging: the folder beside it; what an earlier call left there is removed. None: a temporary name.
    """
    if staging is None:
        sweep(folder.parent)
        staging = temporary_beside(folder)
    shutil.rmtree(staging, ignore_errors=True)
    try:
        draft = staging / folder.name
        draft.mkdir(parents=True)
        yield draft
        put_in_place(draft, folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def put_in_place(finished: Path, place: Path) -> None:
    """Rename a finished file or folder to its place; a file that is there is replaced."""
    finished.replace(place)


def temporary_beside(path: Path) -> Path:
    """A new name in the folder of `path`, from which `sweep` learns whose file it is."""
    return path.with_name(f".{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")


def sweep(folder: Path, *, below: bool = False) -> int:
    """Remove temporary files and folders of dead processes; links are not followed.

    Args:
        below: sweep all folders below it, too.

    Returns:
        How many files and folders were removed.
    """
    removed = 0
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(place, name)
            if (match := TEMPORARY.fullmatch(name)) and _is_abandoned(path, *match.groups()):
                with contextlib.suppress(OSError):
                    path.unlink() if path.is_symlink() or path.is_file() else shutil.rmtree(path)
                    removed += 1
        folders[:] = [name for name in folders if below and not TEMPORARY.fullmatch(name)]
    return removed


def _is_abandoned(path: Path, machine: str | None, process: str | None) -> bool:
    if process and machine == _machine():
        try:
            if not psutil.pid_exists(int(process)):
                return True
        except OverflowError:  # no process has such a number
            return True
    try:
        return time.time() - path.lstat().st_mtime > ABANDONED_S
    except OSError:
        return False


def _machine() -> str:
    """8 hex digits for the machine, and the container on it: where process numbers mean the same."""
    container = ""
    with contextlib.suppress(OSError):
        container = str(Path("/proc/self/ns/pid").stat().st_ino)
    return hashlib.sha256(f"{socket.gethostname()} {container}".encode()).hexdigest()[:8]


def append_whole(file: FileIO, data: bytes | memoryview) -> None:
    """Append all of `data` to an unbuffered file; errors name the file."""
    with naming(file.name):
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]


def sync(file: FileIO) -> None:
    """Flush a file to the disk; errors name it."""
    with naming(file.name):
        os.fsync(file.fileno())


def read_whole(path: Path) -> bytes:
    """The bytes of a file; ValueError if they, once parsed, would not fit the memory."""
    check_memory(str(path), PARSED * path.stat().st_size)
    return path.read_bytes()


def check_place(path: Path) -> None:
    """Check that a file or folder can be written at `path`, before any work for it.

    Nothing is made.

    Raises:
        NotADirectoryError, PermissionError: one of its folders is a file, or can't be written.
    """
    parent = next((parent for parent in path.absolute().parents if parent.exists()), None)
    if parent and not parent.is_dir():
        raise NotADirectoryError(f"{path} can't be written: {parent} is a file, expected a folder")
    if parent and not os.access(parent, os.W_OK | os.X_OK):
        raise PermissionError(f"{path} can't be written: the folder {parent} is read-only, expected one for results")
    if path.is_dir() and not os.access(path, os.W_OK | os.X_OK):
        raise PermissionError(f"{path} can't be written: it is read-only, expected a folder for results")


def make_folder(folder: Path) -> None:
    """Make a folder for results, and write a trial file there.

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
    """Write `value` as indented JSON, atomically."""
    text = json.dumps(value, indent=1, sort_keys=False, allow_nan=True) + "\n"
    write_atomically(path, lambda file: file.write(text.encode()))


def fingerprint(value: Any) -> str:
    """First 16 hex digits of the SHA-256 of `value` as canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def absolute(path: str | Path) -> Path:
    """The absolute path, without replacing links by their targets.

    `..` behind a link leads out of the folder that the link points to, as the system has it.
    """
    parts = Path(path).absolute()
    result = Path(parts.anchor)
    for part in parts.parts[1:]:
        if part == "..":
            result = (result.resolve() if result.is_symlink() else result).parent
        else:
            result /= part
    return result


def expanded(path: str | Path) -> Path:
    """The path with ~ and ~user replaced by the home folder.

    Raises:
        ValueError: names a path whose user is unknown here.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"{path}: no home of that user is known here; expected a path without ~") from None


def cache_folder() -> Path:
    """The user's cache folder: $XDG_CACHE_HOME, else ~/.cache.

    An empty variable counts as unset.
    """
    return expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "embedding-ablations"
