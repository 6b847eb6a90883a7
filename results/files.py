"""Files that are complete or absent."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[TextIO]:
    """A text file beside its place, with newlines as they are written, which is renamed into it when all went well.

    Raises:
        OSError: names the file, which the error of a full disk does not.
    """
    with temporary(path) as beside, beside.open("w", newline="", encoding="utf-8") as file:
        yield file


@contextlib.contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """A path beside `path` for a file that is renamed into its place when all went well.

    Raises:
        OSError: names the file, which the error of a full disk does not.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        yield beside
        beside.replace(path)
    except OSError as error:
        name = str(path) if error.filename in (None, str(beside)) else error.filename
        raise OSError(error.errno, error.strerror, name) from error
    finally:
        beside.unlink(missing_ok=True)
