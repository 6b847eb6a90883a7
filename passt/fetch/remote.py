"""The remote file that a partial file belongs to, recorded beside it in `<part>.json`."""

import dataclasses
import http.client
import json
import re
from pathlib import Path
from typing import Any

from passt.fetch.files import write_text


@dataclasses.dataclass(frozen=True)
class Remote:
    """The identity of a remote file, to tell whether two answers belong to the same one.

    Attributes:
        url: address of the file.
        etag: entity tag, if the server gave one.
        modified: time of the last change, if the server gave it.
        size: size in bytes, if the server gave it.
    """

    url: str
    etag: str | None
    modified: str | None
    size: int | None

    def contradicts(self, other: "Remote") -> bool:
        """Check whether anything that both know differs."""
        pairs = zip(dataclasses.astuple(self), dataclasses.astuple(other), strict=True)
        return any(mine != theirs for mine, theirs in pairs if None not in (mine, theirs))

    @property
    def validator(self) -> str | None:
        """The value for If-Range: a strong entity tag, else a date.

        None if a download can't be resumed.
        """
        return self.etag if self.etag and not self.etag.startswith("W/") else self.modified


def remote_of(url: str, response: http.client.HTTPResponse) -> tuple[Remote, int]:
    """Read from a response which remote file it belongs to, and where its body begins.

    The second value is the position of the body's first byte in the file; -1 if it is unknown.
    """
    headers, start = response.headers, 0
    size = headers.get("Content-Length", "")
    if response.status == 206:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", "").strip())
        start, size = (int(match[1]), match[2]) if match else (-1, "")
    return Remote(url, headers.get("ETag"), headers.get("Last-Modified"), int(size) if size.isdigit() else None), start


def record(part: Path, remote: Remote) -> None:
    """Record which remote file `part` is the beginning of."""
    write_text(_meta(part), json.dumps(dataclasses.asdict(remote)))


def recorded_remote(part: Path, url: str) -> Remote | None:
    """Read which remote file `part` is the beginning of; None if the download can't be resumed."""
    try:
        fields: dict[str, Any] = json.loads(_meta(part).read_text(encoding="utf-8"))
        known = Remote(**fields)
    except (OSError, ValueError, TypeError):
        return None
    return known if known.url == url and known.validator and part.is_file() else None


def stated_md5(part: Path) -> str | None:
    """Read the MD5 that the server gave for the file of `part`.

    Invenio (Zenodo) writes it into the entity tag.
    """
    if not _meta(part).is_file():
        return None
    etag = json.loads(_meta(part).read_text(encoding="utf-8"))["etag"] or ""
    match = re.fullmatch(r'"md5:([0-9a-f]{32})"', etag)
    return match[1] if match else None


def forget(part: Path) -> None:
    """Remove a partial file, then the record of its remote file.

    In this order the record is never wrong.
    """
    part.unlink(missing_ok=True)
    _meta(part).unlink(missing_ok=True)


def _meta(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")
