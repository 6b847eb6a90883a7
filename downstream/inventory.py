"""What a store holds: its tap folders, complete taps and unfinished extractions, and how to remove them."""

import contextlib
import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from downstream.index import NAME as INDEX_NAME
from downstream.locks import LOCK, USED, held
from downstream.store import TapFolder
from downstream.sums import Sums
from downstream.tap_file import read_header

PRINT = re.compile("[0-9a-f]{16}")
KIND = re.compile(r"scene|town|t\d+")
OTHERS = {
    "audio": "resampled clips",
    "hashes": "hashes of clips",
    "tasks": "packaged tasks",
    "faulty": "moved away as faulty",
}
"""Folders of a store that hold no taps."""


@dataclass(frozen=True)
class Stored:
    """The complete taps of a folder, or one unfinished extraction there.

    Attributes:
        embedder, clips: for people, "" where not known. embedder_fp, audio_fp: fingerprints.
        items: clips. rows: of each tap. Both None where the index can't be read; of an extraction those done.
        last_used: seconds since 1970. state: `complete`, `partial` or `faulty`.
    """

    path: Path
    embedder: str
    embedder_fp: str
    clips: str
    audio_fp: str
    split: str
    kind: str
    taps: tuple[str, ...]
    dims: tuple[int | None, ...]
    items: int | None
    rows: int | None
    bytes: int
    last_used: float
    state: str

    @property
    def folder(self) -> TapFolder:
        return TapFolder(self.path.parent if self.state == "partial" else self.path)


def tap_folders(root: Path) -> Iterator[TapFolder]:
    """Every folder of taps, sorted by path."""
    for embedder in sorted(path for path in root.glob("*") if PRINT.fullmatch(path.name)):
        for path in sorted(embedder.glob("*/*/*")):
            if PRINT.fullmatch(path.parts[-3]) and KIND.fullmatch(path.name) and path.is_dir():
                yield TapFolder(path)


def stored(root: Path) -> Iterator[Stored]:
    """What is in a store, faulty files included; nothing is changed."""
    for folder in tap_folders(root):
        taps = taps_of(folder)
        if taps:
            yield _complete(folder, taps)
        for partial in sorted(folder.path.glob(".partial-*")):
            with contextlib.suppress(FileNotFoundError):  # finished in between
                yield _partial(folder, partial)


def taps_of(folder: TapFolder) -> list[Path]:
    """The files of its complete taps."""
    return sorted(folder.path.glob("*.npy"))


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    found = path.rglob("*") if path.is_dir() else [path]
    total = 0
    for file in found:
        with contextlib.suppress(FileNotFoundError):
            total += 0 if file.is_dir() else file.stat().st_size
    return total


def remove(item: Stored) -> bool:
    """Remove it from the disk; False where a running process holds its folder.

    Taps go before the index: a kill in between leaves a folder that is whole.
    """
    folder = item.folder.path
    try:
        with held(folder / LOCK, wait=False), held(folder / USED, wait=False):
            if item.state == "partial":
                shutil.rmtree(item.path, ignore_errors=True)
            else:
                for path in [*folder.glob("*.npy"), *folder.glob("*.json"), *folder.glob(".*.tmp")]:
                    path.unlink()
                (folder / INDEX_NAME).unlink(missing_ok=True)
            if {path.name for path in folder.iterdir()} <= {LOCK, USED}:
                for name in (LOCK, USED):
                    (folder / name).unlink()
                _remove_empty(folder)
    except BlockingIOError:
        return False
    return True


def _remove_empty(folder: Path) -> None:
    """A folder and those above it, up to the embedder's, as far as they are empty."""
    with contextlib.suppress(OSError):
        for path in (folder, *folder.parents[:3]):
            path.rmdir()


def _complete(folder: TapFolder, taps: list[Path]) -> Stored:
    state, items, rows = "complete", None, None
    try:
        index = folder.index()
        items, rows = len(index.files), index.total
    except (ValueError, AttributeError):  # the last: taps without an index
        state = "faulty"
    dims: list[int | None] = [None] * len(taps)
    about: dict[str, str] = {}
    for place, path in enumerate(taps):
        try:
            dims[place] = read_header(path, rows).shape[1]
            about |= getattr(Sums.read(path), "about", {})
        except (ValueError, FileNotFoundError):  # the last: removed in between
            state = "faulty"
    used = folder.path / USED
    size = sum(path.stat().st_size for path in folder.path.iterdir() if path.is_file())
    last = max(path.stat().st_mtime for path in ([used] if used.is_file() else taps))
    return _row(
        folder,
        folder.path,
        about,
        taps=[p.stem for p in taps],
        dims=dims,
        items=items,
        rows=rows,
        bytes=size,
        last_used=last,
        state=state,
    )


def _partial(folder: TapFolder, path: Path) -> Stored:
    plan, entries = {}, []
    with contextlib.suppress(FileNotFoundError, ValueError):
        plan = json.loads((path / "plan.json").read_text())
        entries = [json.loads(line)[0] for line in (path / "journal.jsonl").read_text().splitlines()]
    taps = [f"{level}@{'own' if window is None else window}" for level, window, _ in plan.get("taps", [])]
    dims = [dim for *_, dim in plan.get("taps", [])]
    return _row(
        folder,
        path,
        plan.get("about", {}),
        taps=taps,
        dims=dims,
        items=sum(map(len, entries)),
        rows=sum(map(sum, entries)),
        bytes=size_of(path),
        last_used=max((p.stat().st_mtime for p in path.iterdir()), default=path.stat().st_mtime),
        state="partial",
    )


def _row(folder: TapFolder, path: Path, about: dict[str, str], *, taps: list[str], dims: list, **others) -> Stored:
    embedder, audio, split, kind = folder.path.parts[-4:]
    known = {"embedder": about.get("embedder", ""), "clips": about.get("clips", "").partition("/")[0]}
    prints = {"embedder_fp": embedder, "audio_fp": audio, "split": split, "kind": kind}
    return Stored(path, **known, **prints, taps=tuple(taps), dims=tuple(dims), **others)
