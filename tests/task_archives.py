"""Archives of task folders, good and bad ones, made for tests."""

import gzip
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path


def packed(folder: Path, above: str = "tasks/", name: str | None = None) -> bytes:
    """A .tar.gz of a task folder below `above`, as HEAR's are."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        archive.add(folder, arcname=f"{above}{name or folder.name}")
    return out.getvalue()


def with_members(archive: bytes, members: Iterable[tarfile.TarInfo]) -> bytes:
    """The archive with further members at its end, each with as many zeros as it says, up to 1 kB."""
    return gzip.compress(tar_with(gzip.decompress(archive), members))


def tar_with(tar: bytes, members: Iterable[tarfile.TarInfo]) -> bytes:
    out = io.BytesIO(tar)
    with tarfile.open(fileobj=out, mode="a" if tar else "w") as opened:
        for member in members:
            opened.addfile(member, io.BytesIO(bytes(member.size)) if 0 <= member.size < 1024 else None)
    return out.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for field, value in fields.items():
        setattr(made, field, value)
    return made


def content(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
