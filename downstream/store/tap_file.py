"""The file of a tap, an ordinary .npy of float32 or bfloat16 (rows, dim), and its record.

The record is ``<level>@<window>.json`` beside ``<level>@<window>.npy``. It holds the sum of the rows, made while they
are written, and the digest of the index, and is bound to its place: embedder, audio, split, kind and tap.
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
from downstream.store.number_format import FLOAT32, FORMATS, NumberFormat, Rows

HEADER_BYTES = 128  # of a .npy file: numpy leaves space in it for the first axis to grow
CHUNK_BYTES = 1 << 18


@dataclass(frozen=True)
class TapRecord:
    """What was written as a tap.

    Attributes:
        rows: how many there are.
        dim: the width of a row.
        data: the sum of the rows.
        index: the digest of the index of the rows.
        origin: for people: ``embedder``, its name, and ``clips``, task and split.
        dtype: the name of its `NumberFormat`; absent from records of float32, as in those of earlier versions.
    """

    rows: int
    dim: int
    data: str
    index: str
    origin: Mapping[str, str]
    dtype: str = FLOAT32.name

    @property
    def format(self) -> NumberFormat:
        """How the numbers are kept."""
        return FORMATS[self.dtype]

    @classmethod
    def read(cls, path: Path) -> "TapRecord":
        """Read the record of the tap's file `path`.

        Raises:
            ValueError: names a record that is absent, was changed, or belongs elsewhere.
        """
        record = path.with_suffix(".json")
        try:
            values = read_sealed(record, place_of(record, PLACE_PARTS))
            found = cls(origin=values.pop("about"), **values)
        except FileNotFoundError:
            raise ValueError(f"{path}: has no record of what was written ({record.name})") from None
        if found.dtype not in FORMATS:
            raise ValueError(f"{record}: dtype must be {' or '.join(FORMATS)}, got {found.dtype!r}")
        return found

    def write(self, path: Path) -> None:
        record, values = path.with_suffix(".json"), asdict(self)
        values["about"] = values.pop("origin")
        if self.format is FLOAT32:
            del values["dtype"]
        write_sealed(record, values, place_of(record, PLACE_PARTS))


def is_earlier(path: Path) -> bool:
    """Whether a tap is of an earlier version, and not used any more.

    The records of these versions are not bound to their place.
    """
    with contextlib.suppress(OSError, ValueError, TypeError, RecursionError):
        return "blocks" in json.loads(content_of(path.with_suffix(".json")))
    return False


def read_rows(path: Path, index: Index) -> Rows:
    """Read a tap: (rows, dim) float32, memory-mapped and verified.

    Raises:
        ValueError: names a file that was changed.
        FileNotFoundError: the file is absent.
    """
    rows, _ = read_header(path, index)
    verify(path, index)
    return rows


def read_header(path: Path, index: Index) -> tuple[Rows, TapRecord]:
    """The rows and their record, without verifying the rows; errors are those of `read_rows`."""
    record = TapRecord.read(path)
    return mapped(path, record, index), record


def mapped(path: Path, record: TapRecord, index: Index) -> Rows:
    """The rows of a tap by its record, which has been read; errors are those of `read_rows`."""
    if record.index != index.digest or record.rows != index.total:
        raise ValueError(f"{path}: its record is of another index")
    try:
        rows: np.ndarray = load_arrays(path, mmap_mode="r")
    except (ValueError, EOFError) as error:
        raise ValueError(f"{path}: not readable ({' '.join(str(error).split())})") from None
    stored, shape = np.dtype(record.format.stored), (record.rows, record.dim)
    if rows.dtype != stored or rows.shape != shape:
        raise ValueError(f"{path}: {rows.dtype} {rows.shape}, expected {stored} {shape}, as was written")
    return record.format.decoded(rows)


def check_tap(path: Path, index: Index, *, full: bool) -> None:
    """Raise ValueError if a tap was changed: its rows too if `full`, else only its header and record."""
    (verify if full else read_header)(path, index)


def verify(path: Path, index: Index) -> None:
    """Raise ValueError if the rows of a tap were changed.

    Rows are read once, and again only after the file changes.
    """
    _, record = read_header(path, index)
    stat = path.stat()
    if _sum_of(path, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino) != record.data:
        raise ValueError(f"{path}: its rows are {CHANGED}")


@functools.lru_cache(maxsize=4096)
def _sum_of(path: Path, size: int, *_: int) -> str:
    return sum_of_part(path, HEADER_BYTES, size - HEADER_BYTES).hexdigest()[:DIGITS]


def sum_of_part(path: Path, start: int, size: int) -> "hashlib._Hash":
    """The SHA-256 of `size` bytes from `start` on, or up to the end of the file.

    More bytes may be added to it.
    """
    digest = hashlib.sha256()
    chunk = memoryview(bytearray(CHUNK_BYTES))  # one for all reads: new ones would cost as much as the sum
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while size > 0 and (count := file.readinto(chunk[: min(size, CHUNK_BYTES)])):
            digest.update(chunk[:count])
            size -= count
    return digest


def header_of(shape: tuple[int, int], stored: str = FLOAT32.stored) -> bytes:
    """The header of a tap's file, of numbers of the type `stored`."""
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": stored, "fortran_order": False, "shape": shape})
    header = buffer.getvalue()
    if len(header) != HEADER_BYTES:
        raise ValueError(f"a .npy header of {len(header)} bytes, expected {HEADER_BYTES}")
    return header
