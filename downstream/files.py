"""Files that are complete or absent: written beside their place, then renamed into it."""

import contextlib
import hashlib
import json
import os
import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from downstream import arrays
from downstream.room import check_room

TRIALS = 10
PARSED = 10  # times the size of a text that what is parsed of it takes


@contextlib.contextmanager
def naming(path: str | Path) -> Iterator[None]:
    """Errors of the system that name no file, as those of a full disk do, name this one."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_atomically(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """Call `write` on a temporary file, then rename it to `path`: readers see the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        with naming(path), temporary.open("xb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def append_whole(file: FileIO, data: bytes) -> None:
    """Append to a file that is opened without a buffer, all of it, and onto the disk; errors name the file."""
    with naming(file.name):
        rest = memoryview(data)
        while rest:
            rest = rest[file.write(rest) :]
        os.fsync(file.fileno())


def load_arrays(path: Path, **options: Any) -> Any:
    """`numpy.load` of a file whose headers are true, again where it failed for no fault of the file.

    It parses a header with Python's parser, which before 3.11.8 and 3.12.2 fails at times where two threads use it at
    once (python/cpython issue 106905).
    """
    for _ in range(TRIALS - 1):
        with contextlib.suppress(SystemError):
            return _load(path, options)
    return _load(path, options)


def _load(path: Path, options: Mapping[str, Any]) -> Any:
    arrays.check(path, options.get("mmap_mode") is not None)
    return np.load(path, **options)


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
