"""The package's one atomic write and one lock, and paths of the user.

A temporary file is called ``.<machine>-<process>-<random>.tmp``. The next process that writes in its folder removes
temporary files whose process is dead.
"""

import contextlib
import errno
import hashlib
import logging
import os
import re
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

fcntl: ModuleType | None
try:
    import fcntl
except ModuleNotFoundError:  # not a POSIX system
    fcntl = None

UNSUPPORTED = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS)
"""Errors of file systems that have no locks."""

logger = logging.getLogger(__name__)


def write_whole(path: Path, write: Callable[[Path], Any]) -> None:
    """Write a file beside `path`, then rename it.

    Readers see the old file or the complete new one.

    Args:
        path: where the file will be. Its folder is created if it is absent.
        write: writes the file at the path that it is called with.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _sweep(path.parent)
    part = path.with_name(f".{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        write(part)
        with part.open("rb") as file:
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Replace a file's content by `text`, encoded as UTF-8; see `write_whole`."""
    write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock `<path>.lock`. It is released when the process ends, even if it is killed.

    Raises:
        OSError: the file can't be locked. The message names it and says what to do.
    """
    lock_path = path.with_name(f"{path.name}.lock")
    if fcntl is None:
        raise OSError(f"{lock_path}: can't be locked, this system has no flock; expected Linux or macOS")
    with lock_path.open("wb") as lock:
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                logger.info("%s: waiting for another process that fetches or makes it", path)
                fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in UNSUPPORTED:
                raise
            raise OSError(
                f"{lock_path}: can't be locked, its file system has no locks ({error.strerror}); use a local disk: "
                "$PASST_WEIGHTS for weights, --tasks for tasks"
            ) from error
        yield


def expanded(path: str | Path) -> Path:
    """Replace ~ and ~user at the beginning of a path by the home folder.

    Raises:
        ValueError: no home is known for that user.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"{path}: no home of that user is known here; expected a path without ~") from None


def _sweep(folder: Path) -> None:
    """Remove the temporary files that dead processes of this machine left in a folder."""
    if os.name != "posix":
        return
    for path in folder.glob(f".{_machine()}-*.tmp"):
        if match := re.fullmatch(r"\.[0-9a-f]{8}-(\d+)-[0-9a-f]{8}\.tmp", path.name):
            try:
                os.kill(int(match[1]), 0)
            except (ProcessLookupError, OverflowError):
                with contextlib.suppress(OSError):
                    path.unlink()
            except PermissionError:  # a living process of another user
                continue


def _machine() -> str:
    """Name the scope of process numbers, the machine and its container: 8 hex digits."""
    container = ""
    with contextlib.suppress(OSError):
        container = str(Path("/proc/self/ns/pid").stat().st_ino)
    return hashlib.sha256(f"{socket.gethostname()} {container}".encode()).hexdigest()[:8]
