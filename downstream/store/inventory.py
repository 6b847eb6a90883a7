"""What a store holds: its tap folders, complete taps and unfinished extractions, and how to remove them."""

import contextlib
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from downstream.disk.locks import LOCK, USED, held
from downstream.store.extraction import Extraction
from downstream.store.index import NAME as INDEX_NAME
from downstream.store.store import TapFolder, name_of
from downstream.store.tap_file import TapRecord, is_earlier, read_header
from downstream.tasks.clip_cache import AUDIO, EARLIER_CLIPS

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
        last_used: seconds since 1970.
        state: `complete`, `partial`, `faulty`, or `earlier`: made by an earlier version and not used any more.
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
    return sorted(path for path in folder.path.glob("*.npy") if path.is_file())


def is_earlier_folder(folder: TapFolder) -> bool:
    """Whether all that is in a folder was made by an earlier version."""
    taps = taps_of(folder)
    return bool(taps) and all(map(is_earlier, taps))


def inside(path: Path, root: Path) -> bool:
    """Whether a path lies in `root` in truth, not behind a link that leads out of it."""
    return path.resolve().is_relative_to(root.resolve())


def earlier_clips(root: Path) -> list[Path]:
    """Resampled clips of earlier versions, which are not used any more."""
    return [path for path in (root / AUDIO).glob(EARLIER_CLIPS) if inside(path.parent, root)]


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
                for path in [*taps_of(item.folder), *folder.glob("*.json"), *folder.glob(".*.tmp")]:
                    path.unlink(missing_ok=True)
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
    dims: list[int | None] = [None] * len(taps)
    index, about = folder.known_index(), {}
    state = "earlier" if is_earlier_folder(folder) else "complete" if index else "faulty"
    for place, path in enumerate(taps):
        try:
            about |= TapRecord.read(path).about
            dims[place] = read_header(path, index)[0].shape[1] if index else None
        except (ValueError, OSError):  # the last: removed in between
            state = "earlier" if state == "earlier" else "faulty"
    used = folder.path / USED
    last = max((path.stat().st_mtime for path in ([used] if used.is_file() else taps) if path.exists()), default=0.0)
    return _row(
        folder,
        folder.path,
        about,
        taps=[p.stem for p in taps],
        dims=dims,
        items=len(index.files) if index else None,
        rows=index.total if index else None,
        bytes=sum(size_of(path) for path in folder.path.iterdir() if path.is_file()),
        last_used=last,
        state=state,
    )


def _partial(folder: TapFolder, path: Path) -> Stored:
    dims, about, done = {}, {}, []
    with contextlib.suppress(ValueError):
        extraction = Extraction.reopen(folder, path)
        dims, about, done = extraction.dims, extraction.about, extraction.journal()
    return _row(
        folder,
        path,
        about,
        taps=list(map(name_of, dims)),
        dims=list(dims.values()),
        items=sum(len(batch.lengths) for batch in done),
        rows=sum(sum(batch.lengths) for batch in done),
        bytes=size_of(path),
        last_used=max((p.stat().st_mtime for p in path.iterdir()), default=path.stat().st_mtime),
        state="partial",
    )


def _row(folder: TapFolder, path: Path, about: dict[str, str], *, taps: list[str], dims: list, **others) -> Stored:
    embedder, audio, split, kind = folder.path.parts[-4:]
    known = {"embedder": about.get("embedder", ""), "clips": about.get("clips", "").partition("/")[0]}
    prints = {"embedder_fp": embedder, "audio_fp": audio, "split": split, "kind": kind}
    return Stored(path, **known, **prints, taps=tuple(taps), dims=tuple(dims), **others)
