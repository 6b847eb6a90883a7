"""Who of a search is at work: a locked file each, which the system frees when its process dies."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from downstream.disk.locks import held

WORKERS = ".workers"


@contextmanager
def at_work(folder: Path) -> Iterator[str]:
    """A name for this process, whose file in `folder` is locked as long as it works there."""
    name = uuid.uuid4().hex[:16]
    with held(_file(folder, name)):
        yield name
        _file(folder, name).unlink()  # not after an error: what it was at is then seen to be left


def has_died(folder: Path, name: str) -> bool:
    """Whether a process that worked here did not come to its end; of one that never worked here nothing is known."""
    path = _file(folder, name)
    if not path.is_file():
        return False
    try:
        with held(path, wait=False):
            return True
    except BlockingIOError:
        return False


def _file(folder: Path, name: str) -> Path:
    return folder / WORKERS / f"{name}.lock"
