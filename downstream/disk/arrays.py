"""Headers of .npy and .npz files, held against what the files have before any memory is taken."""

import io
import math
import zipfile
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import numpy as np

from downstream.disk.room import check_room

READERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
ZIP_START = b"PK"


def check(source: Path | BinaryIO, *, mapped: bool = False, behind: int = 0) -> None:
    """Look at a file's headers; an open file is left at its beginning.

    Args:
        mapped: whether the array stays on the disk, so that it may be larger than the memory.
        behind: bytes that follow a .npy file's array.

    Raises:
        ValueError: an array has more or less bytes than its header says, or would not fit the memory.
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
            taken = _check_size(file, size, name)
            if not mapped:
                check_room(name, taken)
        file.seek(0)


def _check_members(file: BinaryIO, name: str) -> None:
    """`check` of a .npz file."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            check_room(name, sum(member.file_size for member in members))
            for member in members:
                with archive.open(member) as array:
                    _check_size(array, member.file_size, f"{name}: {member.filename}")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise ValueError(f"{name}: not whole: {error}") from None


def _check_size(file: BinaryIO, size: int, name: str) -> int:
    """How many bytes the array of a header has; ValueError where they are not those that follow."""
    version = np.lib.format.read_magic(file)
    if version not in READERS:
        raise ValueError(f"{name}: a .npy file of version {version}, expected {' or '.join(map(str, READERS))}")
    shape, _, dtype = READERS[version](file)
    wanted = file.tell() + math.prod(shape) * dtype.itemsize
    if wanted != size and not dtype.hasobject:
        expected = wanted if abs(wanted) < 1 << 63 else "far more"
        raise ValueError(f"{name}: {size} bytes, expected {expected} for {dtype} {_shown(shape)}")
    return wanted


def _shown(shape: tuple[int, ...]) -> str:
    return "x".join(f"{n}" if abs(n) < 1 << 63 else "?" for n in shape)
