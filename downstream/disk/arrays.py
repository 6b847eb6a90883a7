"""Read .npy and .npz files, their headers checked against the file and the free memory first."""

import contextlib
import io
import math
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from downstream.disk.memory import check_memory

READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
ZIP_START = b"PK"
TRIALS = 10


def load_arrays(source: Path | BinaryIO, *, behind: int = 0, **options: Any) -> Any:
    """`numpy.load`, after `check`.

    It is repeated on SystemError: before Python 3.11.8 and 3.12.2, two threads that parse headers at once can fail
    (python/cpython issue 106905).

    Args:
        behind: bytes that follow the array of a .npy file.
        options: of `numpy.load`.

    Raises:
        ValueError: the header does not fit the file, or the array does not fit the memory.
    """
    mapped = options.get("mmap_mode") is not None
    for _ in range(TRIALS - 1):
        with contextlib.suppress(SystemError):
            check(source, mapped=mapped, behind=behind)
            return np.load(source, **options)
    check(source, mapped=mapped, behind=behind)
    return np.load(source, **options)


def check(source: Path | BinaryIO, *, mapped: bool = False, behind: int = 0) -> None:
    """Check the headers of a file; an open file is left at its beginning.

    Args:
        mapped: whether the array stays on disk, so that it may be larger than the memory.
        behind: bytes that follow the array of a .npy file.

    Raises:
        ValueError: an array has more or fewer bytes than its header says, or does not fit the memory.
    """
    name = str(source) if isinstance(source, Path) else "arrays"
    if isinstance(source, Path) and source.exists() and not source.is_file():  # opening a pipe would never end
        raise ValueError(f"{source}: no regular file")
    with source.open("rb") if isinstance(source, Path) else nullcontext(source) as file:
        if file.read(len(ZIP_START)) == ZIP_START:
            _check_members(file, name)
        else:
            size = file.seek(0, io.SEEK_END) - behind
            file.seek(0)
            needed = _check_size(file, size, name)
            if not mapped:
                check_memory(name, needed)
        file.seek(0)


def _check_members(file: IO[bytes], name: str) -> None:
    """Check every array of a .npz file."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            check_memory(name, sum(member.file_size for member in members))
            for member in members:
                with archive.open(member) as array:
                    _check_size(array, member.file_size, f"{name}: {member.filename}")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{name}: not whole: {error}") from None


def _check_size(file: IO[bytes], size: int, name: str) -> int:
    """The bytes of an array by its header; ValueError if these are not the `size` bytes of the file."""
    version = np.lib.format.read_magic(file)
    if version not in READERS:
        raise ValueError(f"{name}: a .npy file of version {version}, expected {' or '.join(map(str, READERS))}")
    shape, _, dtype = READERS[version](file)
    needed = file.tell() + math.prod(shape) * dtype.itemsize
    if needed != size and not dtype.hasobject:
        expected = needed if abs(needed) < 1 << 63 else "far more"
        raise ValueError(f"{name}: {size} bytes, expected {expected} for {dtype} {_shown(shape)}")
    return needed


def _shown(shape: tuple[int, ...]) -> str:
    return "x".join(f"{n}" if abs(n) < 1 << 63 else "?" for n in shape)
