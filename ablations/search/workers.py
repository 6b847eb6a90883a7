"""The processes that work on a search: each locks a file.

The system unlocks the file when its process dies.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from downstream.disk.locks import held

WORKERS = ".workers"


@contextmanager
def at_work(folder: Path) -> Iterator[str]:
    """Name this process, and keep its file in `folder` locked during the block."""
    name = uuid.uuid4().hex[:16]
    with held(_file(folder, name)):
        yield name
        _file(folder, name).unlink()  # kept after an error: others then see that its trial was left


def has_died(folder: Path, name: str) -> bool:
    """Whether a process that worked in this folder died; false for one that never worked here."""
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
