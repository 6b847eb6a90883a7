"""Locks on files (flock), which the system frees when their process dies, and who of a search is at work."""

import fcntl
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WORKERS = ".workers"


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time; others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def at_work(folder: Path) -> Iterator[str]:
    """A name for this process, whose file in `folder` is locked as long as it works there."""
    name = uuid.uuid4().hex[:16]
    path = _file(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield name
        path.unlink()  # not after an error: what it was at is then seen to be left


def has_died(folder: Path, name: str) -> bool:
    """Whether a process that worked here did not come to its end; of one that never worked here nothing is known."""
    path = _file(folder, name)
    if not path.is_file():
        return False
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _file(folder: Path, name: str) -> Path:
    return folder / WORKERS / f"{name}.lock"
