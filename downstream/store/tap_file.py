"""A tap's file, an ordinary .npy of float32 (rows, dim), and the record of what was written, verified before its use.

The record is ``<level>@<window>.json`` beside ``<level>@<window>.npy``. It holds the sum of the rows, made while
they are written, and the digest of the index, and is bound to its place: embedder, audio, split, kind and tap.
"""

import contextlib
import functools
import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from downstream.disk.arrays import load_arrays
from downstream.disk.sums import CHANGED, DIGITS, content_of, place_of, read_sealed, write_sealed
from downstream.store.index import PLACE_PARTS, Index

HEADER_BYTES = 128  # of a .npy file: numpy leaves room in it for the first axis to grow
CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class TapRecord:
    """What was written of a tap.

    Attributes:
        rows, dim: its shape. data: sum of its rows. index: digest of the index that says whose they are.
        about: for people: ``embedder``, its name, and ``clips``, task and split.
    """

    rows: int
    dim: int
    data: str
    index: str
    about: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> "TapRecord":
        """The record of the tap's file `path`.

        Raises:
            ValueError: names a record that is absent, was changed, or is of another place.
        """
        record = path.with_suffix(".json")
        try:
            return cls(**read_sealed(record, place_of(record, PLACE_PARTS)))
        except FileNotFoundError:
            raise ValueError(f"{path}: has no record of what was written ({record.name})") from None

    def write(self, path: Path) -> None:
        record = path.with_suffix(".json")
        write_sealed(record, asdict(self), place_of(record, PLACE_PARTS))


def is_earlier(path: Path) -> bool:
    """Whether a tap's record is of an earlier version, which did not bind it to its place and is not used any more."""
    with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
        return "blocks" in json.loads(content_of(path.with_suffix(".json")))
    return False


def read_rows(path: Path, index: Index) -> np.ndarray:
    """(rows, dim) float32, memory-mapped, verified.

    Raises:
        ValueError: names a file that is not what was written. FileNotFoundError: there is none.
    """
    rows, _ = read_header(path, index)
    verify(path, index)
    return rows


def read_header(path: Path, index: Index) -> tuple[np.ndarray, TapRecord]:
    """The rows and their record, without a look at what the rows hold; raises as `read_rows`."""
    record = TapRecord.read(path)
    if record.index != index.digest or record.rows != index.total:
        raise ValueError(f"{path}: its record is of another index")
    try:
        rows = load_arrays(path, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: not readable ({' '.join(str(error).split())})") from None
    if rows.dtype != np.float32 or rows.shape != (record.rows, record.dim):
        expected = (record.rows, record.dim)
        raise ValueError(f"{path}: {rows.dtype} {rows.shape}, expected float32 {expected}, as was written")
    return rows, record


def verify(path: Path, index: Index) -> None:
    """Raise ValueError where a tap's rows are not those that were written; they are read once while nothing changes."""
    _, record = read_header(path, index)
    stat = path.stat()
    if _sum_of(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino) != record.data:
        raise ValueError(f"{path}: its rows are {CHANGED}")


@functools.lru_cache(maxsize=4096)
def _sum_of(path: Path, size: int, *_: int) -> str:
    return sum_of_part(path, HEADER_BYTES, size - HEADER_BYTES).hexdigest()[:DIGITS]


def sum_of_part(path: Path, start: int, size: int) -> "hashlib._Hash":
    """The SHA-256 of `size` bytes of a file, which may be gone on with; fewer where the file ends."""
    digest = hashlib.sha256()
    chunk = memoryview(bytearray(CHUNK_BYTES))  # one for all: a new one each time costs as much as the sum
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while size > 0 and (count := file.readinto(chunk[: min(size, CHUNK_BYTES)])):
            digest.update(chunk[:count])
            size -= count
    return digest


def header_of(shape: tuple[int, int]) -> bytes:
    """What stands before the rows of a tap's file."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": "<f4", "fortran_order": False, "shape": shape})
    header = buffer.getvalue()
    if len(header) != HEADER_BYTES:
        raise ValueError(f"a .npy header of {len(header)} bytes, expected {HEADER_BYTES}")
    return header
