"""Published files: fetched whole or not at all, by plain HTTP, and checked by their SHA-256 from then on.

Beside `<path>` lie `<path>.sha256` (its record, as sha256sum writes it), `<path>.lock`, and while it is fetched
`<path>.part` and `<path>.part.json` (what came so far, and of which remote file). Nothing is deserialized here.
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
from passt.fetch.transfer import TIMEOUT_S, Track, forget, silent, stated_md5, transfer

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
    """The file of `url` at `path`: fetched where it is absent, verified where it is there.

    What an earlier call left unfinished is gone on with where the server still has the same file. A second process
    waits for the first and then finds its file.

    Args:
        sha256: the expected hash or its first digits; a file that has another never gets its name.
        size: the expected number of bytes.
        accept: looks at what came before it gets its name; says what is wrong with it, or None.
        track: told the bytes that came, see `passt.fetch.transfer`.
        timeout: of every wait for the server, in s.
        instead: what else can be done where it can't be had; the end of the error's line.

    Raises:
        ValueError: for an address that is not http(s), or a file that is not the expected or recorded one.
        OSError: the file could not be fetched; one line with the address, the reason and what to put where.
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
    with contextlib.suppress(OSError):  # of a process that was killed behind the renaming
        forget(_part(path))
    if size is not None and path.stat().st_size != size:
        raise ValueError(f"{path}: has {path.stat().st_size} bytes, expected {size}; delete it to fetch it again")
    verify(path, sha256=sha256)
    return path


def verify(path: str | Path, *, sha256: str | None = None) -> str:
    """The file's SHA-256, checked against its record; a file without a record (put there by hand) gets one.

    Args:
        sha256: the published hash, or its first digits, to be checked as well.

    Raises:
        ValueError: the file is not the one that was recorded or published; says what to do.
        FileNotFoundError: there is no file.
    """
    path = Path(path)
    found, wanted = sha256_of(path), recorded(path)
    if wanted and found != wanted:
        raise ValueError(
            f"{path}: its sha256 is {found[:12]}, but {wanted[:12]} was recorded at its first use: delete it to fetch "
            f"it again, or delete {_record(path).name} beside it if it was replaced on purpose"
        )
    _check(found, sha256, str(path), "delete it to fetch it again")
    if not wanted:
        try:
            _write_record(path, found)
        except OSError as error:  # a folder shared read-only is used as it is
            logger.warning("%s: its sha256 %s cannot be recorded: %s", path, found[:12], error.strerror)
    return found


def recorded(path: str | Path) -> str | None:
    """The SHA-256 that is recorded for the file at `path`, whether that is there or not; None without a record."""
    record = _record(Path(path))
    if not record.is_file():
        return None
    text = record.read_text(encoding="utf-8", errors="replace")
    if not re.match(r"[0-9a-f]{64}(\s|$)", text):
        raise ValueError(f"{record}: expected 64 hex digits and a file name, as sha256sum writes, got {text[:20]!r}")
    return text[:64]


def sha256_of(path: str | Path) -> str:
    """The 64 hex digits of a file's SHA-256."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def other_md5(path: Path, wanted: str | None) -> str | None:
    """Why a file is none of that MD5, where one is known; SHA-256 is what is recorded here, MD5 what others publish."""
    if not wanted:
        return None
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    return None if found == wanted else f"its MD5 is {found}, expected {wanted}"


def offline() -> bool:
    """Whether the user has forbidden the network: $PASST_OFFLINE is set, to anything but 0."""
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
    found = sha256_of(part)
    try:
        _check(found, sha256, url, "nothing was kept")
        # a record without its file is of an earlier copy: what is fetched again must be the same
        _check(found, recorded(path), url, f"nothing was kept; delete {_record(path)} to take what is there now")
    except ValueError:
        forget(part)
        raise
    with part.open("rb") as file:
        os.fsync(file.fileno())
    _write_record(path, found)
    part.replace(path)
    forget(part)


def _check(found: str, wanted: str | None, what: str, remedy: str) -> None:
    if wanted and not found.startswith(wanted.lower()):
        raise ValueError(f"{what}: its sha256 is {found[:12]}, expected {wanted[:12]}; {remedy}")


def _part(path: Path) -> Path:
    return path.with_name(f"{path.name}.part")


def _record(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _write_record(path: Path, sha256: str) -> None:
    write_text(_record(path), f"{sha256}  {path.name}\n")
