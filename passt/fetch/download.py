"""Published files: fetched over HTTP completely or not at all, and checked by SHA-256.

Beside `<path>` are `<path>.sha256` (its record, in the format of sha256sum), `<path>.lock`, and during a download
`<path>.part` and `<path>.part.json` (the received part, and which remote file it belongs to). Nothing is deserialized
here.
"""

import contextlib
import hashlib
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from passt.fetch.files import locked, write_text
from passt.fetch.remote import forget, stated_md5
from passt.fetch.transfer import TIMEOUT_S, Track, silent, transfer

OFFLINE_VARIABLE = "PASST_OFFLINE"

logger = logging.getLogger(__name__)


def fetch(
    url: str,
    path: str | Path,
    *,
    sha256: str | None = None,
    size: int | None = None,
    accept: Callable[[Path], str | None] = lambda path: None,
    track: Track = silent,
    timeout: float = TIMEOUT_S,
    instead: str = "",
) -> Path:
    """Fetch a file if it is absent, verify it if it is present, and return its path.

    An unfinished download is resumed if the server still has the same file. A second process waits for the first one
    and then uses its file.

    Args:
        url: address of the file, http or https.
        path: where the file is kept.
        sha256: expected hash or its first digits. A file with another hash never gets its name.
        size: expected size in bytes.
        accept: examines the received file before it gets its name, and returns what is wrong with it, or None.
        track: shows the progress in bytes; see `passt.fetch.transfer`.
        timeout: limit on every wait for the server, in s.
        instead: what else the user can do if the file can't be fetched; it ends the error message.

    Raises:
        ValueError: the address is not http or https, or the file is not the expected or recorded one.
        OSError: the file could not be fetched. The message has the address, the reason and what to put where.
    """
    path = Path(path)
    if urlsplit(url).scheme not in ("http", "https"):
        raise ValueError(f"{path.name}: its address must be http or https, got {url!r}")
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            with locked(path):
                if not path.is_file():
                    _fetch(url, path, sha256, size, accept, track, timeout)
                    return path
    except OSError as error:
        reason = " ".join(str(error).split())
        remedy = f"put the file of that address at {path}" + (f", {instead}" if instead else "")
        raise OSError(f"{url} could not be fetched: {reason}; {remedy}") from error
    with contextlib.suppress(OSError):  # left by a process that was killed after the renaming
        forget(_part(path))
    if size is not None and path.stat().st_size != size:
        raise ValueError(f"{path}: has {path.stat().st_size} bytes, expected {size}; delete it to fetch it again")
    verify(path, sha256=sha256)
    return path


def verify(path: str | Path, *, sha256: str | None = None) -> str:
    """Check a file against the record of its SHA-256, and return the hash.

    A file without a record (because a user put it there) gets one.

    Args:
        path: the file.
        sha256: published hash, or its first digits, which is checked as well.

    Raises:
        ValueError: the file is not the recorded or published one. The message says what to do.
        FileNotFoundError: the file is absent.
    """
    path = Path(path)
    actual, expected = sha256_of(path), recorded(path)
    if expected and actual != expected:
        raise ValueError(
            f"{path}: its sha256 is {actual[:12]}, but {expected[:12]} was recorded at its first use: delete it to "
            f"fetch it again, or delete {_record(path).name} beside it if it was replaced on purpose"
        )
    _check(actual, sha256, str(path), "delete it to fetch it again")
    if not expected:
        try:
            _write_record(path, actual)
        except OSError as error:  # a folder shared read-only is used as it is
            logger.warning("%s: its sha256 %s cannot be recorded: %s", path, actual[:12], error.strerror)
    return actual


def recorded(path: str | Path) -> str | None:
    """Read the SHA-256 that is recorded for a file, present or absent.

    None if there is no record.

    Raises:
        ValueError: the record is not in the format of sha256sum.
    """
    record = _record(Path(path))
    if not record.is_file():
        return None
    text = record.read_text(encoding="utf-8", errors="replace")
    if not re.match(r"[0-9a-f]{64}(\s|$)", text):
        raise ValueError(f"{record}: expected 64 hex digits and a file name, as sha256sum writes, got {text[:20]!r}")
    return text[:64]


def sha256_of(path: str | Path) -> str:
    """Compute the SHA-256 of a file: 64 hex digits."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def other_md5(path: Path, expected: str | None) -> str | None:
    """Say how the MD5 of a file differs from the published one.

    The result is None if it does not differ, or if no MD5 was published.
    """
    if not expected:
        return None
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, "md5").hexdigest()
    return None if actual == expected else f"its MD5 is {actual}, expected {expected}"


def offline() -> bool:
    """Check whether the user forbids the network, by setting $PASST_OFFLINE to anything but 0."""
    return os.environ.get(OFFLINE_VARIABLE, "0") not in ("", "0")


def _fetch(
    url: str,
    path: Path,
    sha256: str | None,
    size: int | None,
    accept: Callable[[Path], str | None],
    track: Track,
    timeout: float,
) -> None:
    if offline():
        raise OSError(f"${OFFLINE_VARIABLE} is set")
    logger.info("Fetching %s to %s", url, path)
    part = _part(path)
    transfer(url, part, size=size, track=track, timeout=timeout)
    if wrong := other_md5(part, stated_md5(part)) or accept(part):
        forget(part)
        raise OSError(f"{wrong}; nothing was kept")
    actual = sha256_of(part)
    try:
        _check(actual, sha256, url, "nothing was kept")
        # a record without its file belongs to an earlier copy, and a new copy must be the same file
        _check(actual, recorded(path), url, f"nothing was kept; delete {_record(path)} to take what is there now")
    except ValueError:
        forget(part)
        raise
    with part.open("rb") as file:
        os.fsync(file.fileno())
    _write_record(path, actual)
    part.replace(path)
    forget(part)


def _check(actual: str, expected: str | None, source: str, remedy: str) -> None:
    if expected and not actual.startswith(expected.lower()):
        raise ValueError(f"{source}: its sha256 is {actual[:12]}, expected {expected[:12]}; {remedy}")


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _write_record(path: Path, sha256: str) -> None:
    write_text(_record(path), f"{sha256}  {path.name}\n")
