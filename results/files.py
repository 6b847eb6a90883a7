"""Files that are complete or absent: written beside their place, then renamed into it."""

import contextlib
import hashlib
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any


@contextlib.contextmanager
def replacing(path: Path, *, binary: bool = False) -> Iterator[IO[Any]]:
    """Open a file beside its place, which is renamed into it if all went well; text keeps its newlines as written.

    Raises:
        OSError: names the file, which the error of a full disk does not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    options = {"mode": "wb"} if binary else {"mode": "w", "newline": "", "encoding": "utf-8"}
    try:
        with temporary.open(**options) as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """`text` as the whole of a file."""
    with replacing(path) as file:
        file.write(text)


def _machine() -> str:
    """8 hex digits for where process numbers mean the same: a run sweeps what its dead processes left."""
    inside = ""
    with contextlib.suppress(OSError):
        inside = str(Path("/proc/self/ns/pid").stat().st_ino)
    return hashlib.sha256(f"{socket.gethostname()} {inside}".encode()).hexdigest()[:8]
