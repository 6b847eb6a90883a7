"""Files that are complete or absent: written beside their place, then renamed into it."""

import contextlib
import hashlib
import os
import socket
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

TRIALS = 3


@contextlib.contextmanager
def replacing(path: Path, *, binary: bool = False) -> Iterator[IO[Any]]:
    """Open a file beside its place, and rename it into its place if all went well; text keeps its newlines.

    Raises:
        OSError: names the file; the error of a full disk by itself does not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("wb") if binary else temporary.open("w", newline="", encoding="utf-8") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        if error.errno is None:
            raise
        name = str(path) if error.filename in (None, str(temporary)) else error.filename
        raise OSError(error.errno, error.strerror, name) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` as the whole of a file."""
    with replacing(path) as file:
        file.write(text)


def write_summed(path: Path, text: str) -> None:
    """Write `text` as the whole of a file, and beside it `<path>.sha256`, as sha256sum does.

    The record is written first, with the sum of the file that is replaced as a second line: a kill between the two
    leaves a file that the record knows.
    """
    sums = [hashlib.sha256(text.encode()).hexdigest()]
    if path.is_file():
        sums.append(hashlib.sha256(path.read_bytes()).hexdigest())
    write_text(sums_of(path), "".join(f"{digest}  {path.name}\n" for digest in dict.fromkeys(sums)))
    write_text(path, text)


def check_sum(path: Path, remedy: str) -> None:
    """Raise ValueError where a file has a record (`write_summed`) that does not have its sum."""
    record = sums_of(path)
    for _ in range(TRIALS):  # another process may write in between
        if not record.is_file():
            return
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        if digest in record.read_text(encoding="latin-1"):
            return
    raise ValueError(
        f"{path}: not what was written, by {record.name}; {remedy}; or remove {record.name} to take it as it is"
    )


def sums_of(path: Path) -> Path:
    """Name the record beside a file of `write_summed`."""
    return path.with_name(f"{path.name}.sha256")


def _machine() -> str:
    """Name the space of process numbers by 8 hex digits: a run removes what its dead processes left."""
    inside = ""
    with contextlib.suppress(OSError):
        inside = str(Path("/proc/self/ns/pid").stat().st_ino)
    return hashlib.sha256(f"{socket.gethostname()} {inside}".encode()).hexdigest()[:8]
