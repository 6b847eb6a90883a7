"""Unpack task folders from archives (.tar.gz, as HEAR publishes them) that are not trusted.

An archive is read twice: first to its end, checking every header before its data and adding up the size; then for its
files. Only plain files and folders of one task are unpacked. Links are refused, even within the task: HEAR's archives
need none, and tarfile's own filter has failed at following them (CVE-2025-4517).
"""

import contextlib
import gzip
import itertools
import logging
import math
import os
import shutil
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast

from downstream.disk.files import whole_folder
from downstream.progress import Advance, Track, silent
from downstream.tasks.audio import SplitAudio, rates
from downstream.tasks.task import Task

MAX_FILES = 500_000  # the largest HEAR task has 100,503 clips
MAX_BYTES = 200 * 10**9  # the largest HEAR task takes 33 GB
MAX_HEADERS = 4 << 20  # bytes of the headers of one file
MAX_READ = 1 << 20  # bytes read at once; long names are shorter, and data is read in smaller pieces
GZIP_START = b"\x1f\x8b\x08"
BROKEN = (
    *(tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError),
    *(ValueError, OverflowError, RecursionError, IndexError),
)
"""Errors of reading a file that is no archive, or not a whole one."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contents:
    """What an archive holds: the number of files, and their unpacked size in bytes."""

    files: int
    size: int


def wrong_start(path: Path) -> str | None:
    """Say why a file is no .tar.gz, such as a web page in its place; None for an archive."""
    with path.open("rb") as file:
        start = file.read(16)
    return None if start.startswith(GZIP_START) else f"it begins with {start!r}, as no .tar.gz archive does"


def contents(archive: Path, task: str, *, track: Track = silent) -> Contents:
    """Read the archive of a task to its end, and check it.

    Args:
        task: the name of the task folder inside.

    Raises:
        ValueError: the archive is not whole, or holds anything but plain files of that task; names the file inside.
    """
    files = size = 0
    with _named(archive), track(f"{task}: check", archive.stat().st_size) as advance, archive.open("rb") as raw:
        if wrong := wrong_start(archive):
            raise ValueError(wrong)
        done = 0
        with gzip.open(raw) as stream, _opened(stream) as opened:
            for member, _ in _members(opened, task):
                files += member.isreg()
                size += member.size
                advance(raw.tell() - done)
                done = raw.tell()
            _drain(stream)
        if not files:
            raise ValueError(f"holds no files, expected those of the task {task}/")
    return Contents(files, size)


def unpack(archive: Path, folder: Path, *, track: Track = silent) -> Task:
    """Unpack the archive of a task; the folder is absent until it is complete.

    It is made beside its place. What an earlier call left there is removed; no two calls for a folder may overlap.

    Args:
        folder: the task folder to be; the archive holds a folder of that name.

    Raises:
        ValueError: the archive is not whole, or holds anything but a complete task.
        OSError: the disk is too small.
    """
    packed = contents(archive, folder.name, track=track)
    shutil.rmtree(staging(folder), ignore_errors=True)  # before the free space is looked up
    free = shutil.disk_usage(folder.parent).free
    text = f"{archive.name}: {packed.files} files, {packed.size / 1e6:.1f} MB unpacked"
    if packed.size > free:
        raise OSError(f"{text}, but {free / 1e6:.1f} MB are free in {folder.parent}")
    logger.info("%s to %s; %.1f MB are free there", text, folder, free / 1e6)
    with whole_folder(folder, staging(folder)) as draft:
        with _named(archive), track(f"{folder.name}: unpack", packed.size) as advance:
            _extract(archive, draft, advance)
        with _named(archive, (ValueError, FileNotFoundError)):
            complete(draft)
        os.sync()  # so that not even a power cut leaves a folder of empty files under the name
    return Task.from_dir(folder)


def staging(folder: Path) -> Path:
    """Where a task folder is made, beside its place."""
    return folder.with_name(f".{folder.name}.unpacking")


def complete(folder: Path, also: Iterable[int] = ()) -> Task:
    """Read the task of a folder, and check that it has every clip that it lists.

    Args:
        also: rates in Hz that are checked besides the highest one.

    Raises:
        FileNotFoundError, ValueError: name what is absent or wrong.
    """
    task = Task.from_dir(folder)
    for rate in (rates(folder)[-1], *also):
        for split in task.splits:
            SplitAudio.of(task, split, rate, folder)
    return task


def _extract(archive: Path, folder: Path, advance: Advance) -> None:
    with gzip.open(archive) as stream, _opened(stream) as opened:
        for member, place in _members(opened, folder.name):
            if member.isreg():
                opened.extract(member.replace(name=str(place), deep=False), folder, filter="data")
            advance(member.size)


class _Bounded:
    """A stream that refuses to read much at once, whatever length a header claims.

    Attributes:
        left: bytes that may still be read before the data of the next file.
    """

    def __init__(self, stream: gzip.GzipFile) -> None:
        self.stream, self.seek, self.tell = stream, stream.seek, stream.tell
        self.left: float = MAX_HEADERS  # tarfile reads the first ones as it opens

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= MAX_READ:
            raise ValueError(f"a header of {size} bytes, expected at most {MAX_READ}")
        self.left -= size
        if self.left < 0:
            raise ValueError(f"headers of more than {MAX_HEADERS} bytes before a file")
        return self.stream.read(size)

    @contextlib.contextmanager
    def headers(self) -> Iterator[None]:
        """Bound what is read meanwhile: the headers of one file, which may claim that others follow without end."""
        self.left = MAX_HEADERS
        yield
        self.left = math.inf


@contextlib.contextmanager
def _opened(stream: gzip.GzipFile) -> Iterator[Any]:
    """A tarfile.TarFile over a bounded stream; its types don't know the stream's own methods."""
    with tarfile.open(fileobj=cast(Any, _Bounded(stream)), mode="r:") as opened:
        yield opened


def _members(opened: Any, task: str) -> Iterator[tuple[tarfile.TarInfo, PurePosixPath]]:
    """Yield each folder and file below `task` with its place there; ValueError for any other.

    The task folder may lie below others, such as `tasks/`, the same ones for all files.
    """
    above: tuple[str, ...] | None = None
    seen: set[PurePosixPath] = set()
    size = 0
    for count in itertools.count():
        with opened.fileobj.headers():
            member = opened.next()
        if member is None:
            return
        opened.members.clear()  # tarfile keeps them all
        path = _safe_path(member)
        size += member.size
        if size > MAX_BYTES or count >= MAX_FILES:
            raise ValueError(f"holds more than {MAX_FILES} files or {MAX_BYTES / 1e9:.0f} GB")
        if above is None and task in path.parts:
            above = path.parts[: path.parts.index(task)]
        inside = above is not None and path.parts[: len(above) + 1] == (*above, task)
        if not inside:
            if member.isdir() and (above is None or path.parts == above[: len(path.parts)]):
                continue
            raise ValueError(f"holds {member.name}, expected files of the task {task}/")
        place = PurePosixPath(*path.parts[len(above or ()) + 1 :])
        if member.isreg() and place in seen:
            raise ValueError(f"holds {member.name} twice")
        seen.add(place)
        yield member, place


def _safe_path(member: tarfile.TarInfo) -> PurePosixPath:
    path, name = PurePosixPath(member.name), ascii(member.name)[:200]
    if path.is_absolute() or ".." in path.parts or not member.name.isprintable():
        raise ValueError(f"holds {name}, expected names without a root, '..' or control characters")
    plain = member.isdir() or (member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and not member.issparse())
    if not plain:
        raise ValueError(f"holds {name} of type {member.type!r}, a link, device or the like; expected plain files")
    if member.size < 0 or (member.isdir() and member.size):
        raise ValueError(f"holds {name} of {member.size} bytes")
    return path


def _drain(stream: gzip.GzipFile) -> None:
    """Read to the checksum at the end.

    Only filling may follow, not the files behind a broken header.
    """
    filling = stream.read(MAX_READ + 1)
    if len(filling) > MAX_READ or any(filling):
        raise ValueError("goes on after its last file")


@contextlib.contextmanager
def _named(archive: Path, kinds: tuple[type[Exception], ...] = BROKEN) -> Iterator[None]:
    """Turn errors of an archive's content into ValueError with the archive's path and what to do."""
    try:
        yield
    except kinds as error:
        kind = type(error).__name__
        reason = str(error) if isinstance(error, ValueError | FileNotFoundError) else f"is not whole ({kind}: {error})"
        raise ValueError(f"{archive}: {reason}; delete it to fetch it again") from error
