"""An HTTP download into a partial file.

It is resumed if the remote file is the same, and retried if the connection broke.

Source: RFC 9110, sections 13 and 14 (range requests, If-Range, validators).
"""

import contextlib
import http.client
import logging
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO
from urllib.parse import urlsplit

from passt.fetch.pace import Pace, in_time
from passt.fetch.remote import forget, record, recorded_remote, remote_of

Advance = Callable[[float], None]
Track = Callable[[str, float], AbstractContextManager[Advance]]
"""Shows progress: (description, total) -> a context manager that gives a function to advance by an amount."""

TIMEOUT_S = 10.0
RETRIES = 4  # in a row without a new byte
BACKOFF_S = 1.0  # before the first retry, doubled for each further one
CHUNK = 1 << 16  # bytes
RANGE_REFUSED = 416  # the remote file is not longer than the partial file, so it is another file
RETRIED = (408, RANGE_REFUSED, 429, 500, 502, 503, 504)  # HTTP statuses after which another request can succeed

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def silent(description: str, total: float) -> Iterator[Advance]:
    """Show no progress; a `Track`."""
    yield lambda amount: None


class Interrupted(Exception):
    """The connection ended early, or the server asks to try again. The received part is kept."""


class Unreachable(Exception):
    """The server could not be reached."""


def transfer(url: str, part: Path, *, size: int | None, track: Track, timeout: float) -> None:
    """Download a file to `part`, resuming what is there.

    Args:
        url: address of the file.
        part: the partial file.
        size: expected size in bytes, if known.
        track: shows the progress in bytes.
        timeout: limit on every wait for the server, in s.

    Raises:
        OSError: the file can't be fetched, or the disk is too small. The received part is kept if it can be resumed.
    """
    failures, farthest, connected = 0, _length(part), False
    pace = Pace()
    reason: Exception
    with _meter(track, urlsplit(url).path.rsplit("/", 1)[-1]) as show:
        while True:
            try:
                return _receive(url, part, size, timeout, show, pace)
            except Unreachable as error:
                if not connected:  # no network or no such host: waiting would not help
                    raise OSError(str(error)) from error
                reason = error
            except Interrupted as error:
                reason, connected = error, True
            pace.check(0)
            reached = _length(part)
            failures = 0 if reached > farthest else failures + 1
            farthest = max(farthest, reached)
            if failures > RETRIES:
                raise OSError(f"{reason}, {failures} times in a row") from reason
            logger.info("%s: %s; going on", url, reason)
            time.sleep(BACKOFF_S * 2**failures)


def size_of(url: str, *, timeout: float = TIMEOUT_S) -> int | None:
    """Ask the server for the size of a file in bytes; None if it does not say.

    Raises:
        OSError: the file does not exist, or the server can't be reached.
    """
    try:
        with _open(url, {}, timeout, method="HEAD") as response:
            return remote_of(url, response)[0].size
    except (Interrupted, Unreachable) as error:
        raise OSError(str(error)) from error


def _receive(
    url: str, part: Path, size: int | None, timeout: float, show: Callable[[int, int | None], None], pace: Pace
) -> None:
    """Send one request, for the bytes that `part` lacks."""
    known, offset = recorded_remote(part, url), _length(part)
    if known and offset == known.size:
        return show(offset, offset)
    if known is None or (known.size is not None and offset > known.size):
        offset = 0
    headers = {}
    if known and known.validator and offset:
        headers = {"Range": f"bytes={offset}-", "If-Range": known.validator}
    with _open(url, headers, timeout, part) as response:
        remote, start = remote_of(url, response)
        if start == 0:
            forget(part)
            record(part, remote)
        elif known is None or start != offset or remote.contradicts(known):
            forget(part)
            raise Interrupted("the server sent another part than was requested")
        if size is not None and remote.size not in (None, size):
            raise OSError(f"it has {remote.size} bytes, expected {size}")
        total = size if remote.size is None else remote.size
        if total is None and not response.chunked:
            raise OSError("the server does not say how long it is")
        _check_room(part, (total or 0) - start)
        show(start, total)
        position = _write(response, part, start, lambda position: show(position, total), pace)
    if total is not None and position != total:
        raise Interrupted(f"the connection ended after {position} of {total} bytes")


def _write(
    response: http.client.HTTPResponse, part: Path, position: int, show: Callable[[int], None], pace: Pace
) -> int:
    """Append the body of a response to `part`, and return the new length in bytes."""
    with part.open("ab") as file:
        while True:
            try:
                chunk = response.read1(CHUNK)  # without waiting for a whole chunk
            except (OSError, http.client.HTTPException) as error:
                raise Interrupted(f"the connection ended after {position} bytes ({_text(error)})") from error
            if not chunk:
                return position
            file.write(chunk)
            position += len(chunk)
            show(position)
            pace.check(len(chunk))


def _open(
    url: str, headers: Mapping[str, str], timeout: float, part: Path | None = None, method: str = "GET"
) -> http.client.HTTPResponse:
    request = urllib.request.Request(url, headers={"Accept-Encoding": "identity", **headers}, method=method)
    try:
        return in_time(lambda: urllib.request.build_opener(_SameScheme).open(request, timeout=timeout))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == RANGE_REFUSED and part:
            forget(part)
        text = f"HTTP {error.code} {error.reason}"
        raise (Interrupted(text) if error.code in RETRIED else OSError(text)) from error
    except urllib.error.URLError as error:
        raise Unreachable(_text(error.reason)) from error
    except TimeoutError as error:
        raise Unreachable(_text(error)) from error
    except (ConnectionError, http.client.HTTPException) as error:
        raise Interrupted(f"the connection ended before an answer ({_text(error)})") from error


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follow redirections, but never from https to another scheme."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme not in {"https", req.type}:
            raise urllib.error.HTTPError(req.full_url, code, f"redirected to {newurl}", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _check_room(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise OSError(f"no space left on the disk: it needs {needed / 1e6:.1f} MB more, {free / 1e6:.1f} MB are free")


@contextlib.contextmanager
def _meter(track: Track, description: str) -> Iterator[Callable[[int, int | None], None]]:
    """Turn a `Track` into a function of (position, total), both in bytes.

    It opens the track at its first call.
    """
    with contextlib.ExitStack() as stack:
        advance: Advance | None = None
        shown = 0

        def show(position: int, total: int | None) -> None:
            nonlocal advance, shown
            advance = advance or stack.enter_context(track(description, total or 0))
            advance(position - shown)
            shown = position

        yield show


def _length(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _text(error: object) -> str:
    return " ".join(str(error).split()) or type(error).__name__
