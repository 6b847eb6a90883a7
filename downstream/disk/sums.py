"""Checksums that are bound to a place.

Content that was changed, or put where other content belongs, is refused.

A place is the last part of a path, so that a whole store can be moved. JSON carries its sum as an entry, other content
as its last 32 bytes.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from downstream.disk.files import fingerprint, write_atomically, write_json

DIGITS = 16  # hex digits of a SHA-256 in JSON
SUM_BYTES = 32
SUM = "sum"
ADVICE = "`ablate store check --full --fix` moves what is faulty away, and the next run makes it anew"
CHANGED = "not what was written here"


def place_of(path: Path, depth: int) -> str:
    """The last `depth` parts of a path."""
    return "/".join(path.parts[-depth:])


def seal_of(value: Any, place: str) -> str:
    """The sum of a JSON value at a place, 16 hex digits."""
    return fingerprint([place, value])


def write_sealed(path: Path, value: Mapping[str, Any], place: str) -> None:
    """Write `value` as JSON with its sum."""
    write_json(path, {**value, SUM: seal_of(value, place)})


def read_sealed(path: Path, place: str) -> dict[str, Any]:
    """Read and verify what `write_sealed` wrote.

    Raises:
        ValueError: names a file that was changed, or belongs elsewhere.
        FileNotFoundError: the file is absent.
    """
    try:
        value: dict[str, Any] = json.loads(content_of(path))
        if value.pop(SUM) == seal_of(value, place):
            return value
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        pass
    raise ValueError(f"{path}: {CHANGED}")


def write_summed(path: Path, content: bytes | memoryview, place: str) -> None:
    """Write `content` with its sum behind it."""

    def write(file: BinaryIO) -> None:
        file.write(content)
        file.write(sum_of(content, place))

    write_atomically(path, write)


def read_summed(path: Path, place: str) -> memoryview:
    """Read and verify what `write_summed` wrote.

    Raises:
        ValueError: names a file that was changed, or belongs elsewhere.
        FileNotFoundError: the file is absent.
    """
    content = memoryview(content_of(path))
    if content[-SUM_BYTES:] != sum_of(content[:-SUM_BYTES], place):
        raise ValueError(f"{path}: {CHANGED}")
    return content[:-SUM_BYTES]


def content_of(path: Path) -> bytes:
    """The bytes of a file; ValueError for a pipe or the like, which might never end."""
    if path.exists() and not path.is_file():
        raise ValueError(f"{path}: {CHANGED}")
    return path.read_bytes()


def sum_of(content: bytes | memoryview, place: str) -> bytes:
    """The 32 bytes of the SHA-256 of content at a place."""
    digest = hashlib.sha256(f"{place}\n".encode(errors="surrogateescape"))
    digest.update(content)
    return digest.digest()
