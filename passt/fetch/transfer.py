"""One file over HTTP into a partial file: resumed where it is the same remote file, retried where it was cut.

Range requests, If-Range and validators as in RFC 9110, sections 13 and 14.
"""

import contextlib
import dataclasses
import http.client
import json
import logging
import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from passt.fetch.files import write_text
from passt.fetch.pace import Pace, in_time

Advance = Callable[[float], None]
Track = Callable[[str, float], AbstractContextManager[Advance]]
"""What is told of progress: (description, total) to a context manager that hands out a function to advance by."""

TIMEOUT_S = 10.0
RETRIES = 4  # in a row without any new byte
BACKOFF_S = 1.0  # before the first retry; doubled for each one after it
CHUNK = 1 << 16  # bytes
RANGE_REFUSED = 416  # nothing lies behind what is there: it is of another file
RETRIED = (408, RANGE_REFUSED, 429, 500, 502, 503, 504)  # HTTP statuses after which another request can succeed

logger = logging.getLogger(__name__)


@contextlib.contextmanager
def silent(description: str, total: float) -> Iterator[Advance]:
    """The `Track` that shows nothing."""
    yield lambda amount: None


class Interrupted(Exception):
    """The connection ended early, or the server asks to come again; what came so far is kept."""


class Unreachable(Exception):
    """There was no connection."""


@dataclasses.dataclass(frozen=True)
class Remote:
    """What tells whether two answers are of the same remote file; `size` in bytes, None where it is not said."""

    url: str
    etag: str | None
    modified: str | None
    size: int | None

    def contradicts(self, other: "Remote") -> bool:
        """Whether something that both say differs."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return any(mine != theirs for mine, theirs in pairs if None not in (mine, theirs))

    @property
    def validator(self) -> str | None:
        """What If-Range may name: a strong entity tag, else a date; without either no part can be gone on with."""
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


def transfer(url: str, part: Path, *, size: int | None, track: Track, timeout: float) -> None:
    """The whole file of `url` in `part`.

    Raises:
        OSError: it is not to be had, or does not fit the disk; what came so far is kept where it can be gone on with.
    """
    failures, farthest, connected = 0, _length(part), False
    pace = Pace()
    with _meter(track, urlsplit(url).path.rsplit("/", 1)[-1]) as show:
        while True:
            try:
                return _receive(url, part, size, timeout, show, pace)
            except Unreachable as error:
                if not connected:  # no network, no such host: waiting would not help
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
    """How many bytes the server says that a file has; None where it doesn't say.

    Raises:
        OSError: there is no such file, or no server.
    """
    try:
        with _open(url, {}, timeout, method="HEAD") as response:
            return _remote(url, response)[0].size
    except (Interrupted, Unreachable) as error:
        raise OSError(str(error)) from error


def stated_md5(part: Path) -> str | None:
    """The MD5 that the server stated of the remote file of `part`, as Invenio (Zenodo) does in the entity tag."""
    if not _meta(part).is_file():
        return None
    found = re.fullmatch(r'"md5:([0-9a-f]{32})"', json.loads(_meta(part).read_text(encoding="utf-8"))["etag"] or "")
    return found[1] if found else None


def _receive(
    url: str, part: Path, size: int | None, timeout: float, show: Callable[[int, int | None], None], pace: Pace
) -> None:
    """One request, for what `part` lacks."""
    known, offset = _known(part, url), _length(part)
    if known and offset == known.size:
        return show(offset, offset)
    if known is None or (known.size is not None and offset > known.size):
        offset = 0
    headers = {"Range": f"bytes={offset}-", "If-Range": known.validator} if known and offset else {}
    with _open(url, headers, timeout, part) as response:
        remote, start = _remote(url, response)
        if start == 0:
            forget(part)
            write_text(_meta(part), json.dumps(dataclasses.asdict(remote)))
        elif known is None or start != offset or remote.contradicts(known):
            forget(part)
            raise Interrupted("the server sent another part than was asked for")
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
    """What the response still brings at the end of `part`; the length that this then has."""
    with part.open("ab") as file:
        while True:
            try:
                chunk = response.read1(CHUNK)  # as it comes
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
    except (urllib.error.URLError, TimeoutError) as error:
        raise Unreachable(_text(getattr(error, "reason", error))) from error
    except (ConnectionError, http.client.HTTPException) as error:
        raise Interrupted(f"the connection ended before an answer ({_text(error)})") from error


class _SameScheme(urllib.request.HTTPRedirectHandler):
    """Follows redirections, but never from https to anything that is not."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        if urlsplit(newurl).scheme not in {"https", req.type}:
            raise urllib.error.HTTPError(req.full_url, code, f"redirected to {newurl}", headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _remote(url: str, response: http.client.HTTPResponse) -> tuple[Remote, int]:
    """The remote file that a response is of, and the position in it of the body's first byte."""
    headers, start = response.headers, 0
    size = headers.get("Content-Length", "")
    if response.status == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", "").strip())
        start, size = (int(found[1]), found[2]) if found else (-1, "")
    return Remote(url, headers.get("ETag"), headers.get("Last-Modified"), int(size) if size.isdigit() else None), start


def _known(part: Path, url: str) -> Remote | None:
    """The remote file that `part` is the beginning of; None where it cannot be gone on with."""
    try:
        fields: dict[str, Any] = json.loads(_meta(part).read_text(encoding="utf-8"))
        known = Remote(**fields)
    except (OSError, ValueError, TypeError):
        return None
    return known if known.url == url and known.validator and part.is_file() else None


def _check_room(part: Path, needed: int) -> None:
    free = shutil.disk_usage(part.parent).free
    if needed > free:
        raise OSError(f"no space left on the disk: it needs {needed / 1e6:.1f} MB more, {free / 1e6:.1f} MB are free")


@contextlib.contextmanager
def _meter(track: Track, description: str) -> Iterator[Callable[[int, int | None], None]]:
    """A function of (position, total), both in bytes, that draws `track` from the first answer on."""
    with contextlib.ExitStack() as stack:
        advance: Advance | None = None
        shown = 0

        def show(position: int, total: int | None) -> None:
            nonlocal advance, shown
            advance = advance or stack.enter_context(track(description, total or 0))
            advance(position - shown)
            shown = position

        yield show


def forget(part: Path) -> None:
    """Remove a part and what says of which remote file it is; in this order, so that this is never said wrongly."""
    part.unlink(missing_ok=True)
    _meta(part).unlink(missing_ok=True)


def _meta(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _length(part: Path) -> int:
    return part.stat().st_size if part.is_file() else 0


def _text(error: Any) -> str:
    return " ".join(str(error).split()) or type(error).__name__
