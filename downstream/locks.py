"""Locks on files between processes (flock): who writes holds one alone, who reads shares one.

The system releases them when a process ends, however it ends. A lock's file may be removed by who holds it alone: who
waited for it then takes the new one.
"""

import contextlib
import errno
import fcntl
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

LOCK, USED = ".lock", ".used"
"""In a folder of the store: held by who writes; shared by who reads, its time says when that was last."""

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def held(path: Path, *, shared: bool = False, wait: bool = True, waiting: str = "") -> Iterator[None]:
    """The lock of a file, which is made with its folder where it is absent.

    Args:
        waiting: what is said in the log where another process has it.

    Raises:
        BlockingIOError: another process has it, and `wait` is False.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file = path.open("a")
        except FileNotFoundError:  # the folder was removed in between
            continue
        with file:
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                if not wait:
                    raise
                if waiting:
                    logger.warning("%s", waiting)
                fcntl.flock(file, kind)
            if _still_there(file.fileno(), path):
                yield
                return


def _still_there(opened: int, path: Path) -> bool:
    """Whether the file that was opened is the one at `path`."""
    try:
        return os.path.samestat(os.fstat(opened), path.stat())
    except FileNotFoundError:
        return False


@contextlib.contextmanager
def in_use(folders: Iterable[Path]) -> Iterator[None]:
    """Nothing of these folders of the store is removed meanwhile; where it is read-only, only its owner could."""
    with contextlib.ExitStack() as locks:
        for folder in folders:
            used = folder / USED
            try:
                locks.enter_context(held(used, shared=True))
                os.utime(used)
            except OSError as error:
                if error.errno not in (errno.EROFS, errno.EACCES, errno.EPERM):
                    raise
        yield
