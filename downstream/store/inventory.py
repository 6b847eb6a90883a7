"""List what a store holds, complete taps and unfinished extractions, and remove it."""

import contextlib
import dataclasses
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from downstream.disk.locks import LOCK, USED, held
from downstream.store.extraction import Extraction
from downstream.store.index import NAME as INDEX_NAME
from downstream.store.store import TapFolder, name_of
from downstream.store.tap_file import TapRecord, is_earlier, mapped
from downstream.tasks.clip_cache import AUDIO, EARLIER_CLIPS

FINGERPRINT = re.compile("[0-9a-f]{16}")
KIND = re.compile(r"scene|town|t\d+(ahead\d+)?")
OTHERS = {
    "audio": "resampled clips",
    "hashes": "hashes of clips",
    "tasks": "packaged tasks",
    "faulty": "moved away as faulty",
}
"""Folders of a store that hold no taps, and what they hold instead."""


@dataclass(frozen=True)
class StoreEntry:
    """The complete taps of a folder, or one unfinished extraction there.

    Attributes:
        path: of the folder, or of the extraction in it.
        embedder: its name, "" if unknown.
        embedder_fp: its fingerprint.
        clips: the task of the clips, "" if unknown.
        audio_fp: the key of the audio.
        split: of the task.
        kind: `scene`; `t<hop in ms>`, with `ahead<ms>` behind it where windows have a look-ahead; or `town` for
            timestamps of the model's own.
        taps: their names.
        dims: the width of each tap, None if unknown.
        items: clips; None if the index can't be read. Of an extraction those that are done, as `rows`.
        rows: of each tap; None if the index can't be read.
        bytes: on disk.
        last_used: seconds since 1970; None if unknown.
        state: `complete`, `partial`, `faulty`, or `earlier`: made by an earlier version and not used any more.
    """

    path: Path
    embedder: str = ""
    embedder_fp: str = ""
    clips: str = ""
    audio_fp: str = ""
    split: str = ""
    kind: str = ""
    taps: tuple[str, ...] = ()
    dims: tuple[int | None, ...] = ()
    items: int | None = None
    rows: int | None = None
    bytes: int = 0
    last_used: float | None = None
    state: str = "faulty"

    @property
    def folder(self) -> TapFolder:
        """The folder of the taps."""
        return TapFolder(self.path.parent if self.state == "partial" else self.path)


def tap_folders(root: Path) -> Iterator[TapFolder]:
    """Every folder of taps, sorted by path."""
    for embedder in sorted(path for path in root.glob("*") if FINGERPRINT.fullmatch(path.name)):
        for path in sorted(embedder.glob("*/*/*")):
            if FINGERPRINT.fullmatch(path.parts[-3]) and KIND.fullmatch(path.name) and path.is_dir():
                yield TapFolder(path)


def entries(root: Path) -> Iterator[StoreEntry]:
    """List what a store holds, faulty files included; nothing is changed."""
    for folder in tap_folders(root):
        taps = taps_of(folder)
        if taps:
            yield _complete(folder, taps)
        for partial in sorted(folder.path.glob(".partial-*")):
            with contextlib.suppress(FileNotFoundError):  # finished in between
                yield _partial(folder, partial)


def taps_of(folder: TapFolder) -> list[Path]:
    """The files of the complete taps of a folder."""
    return sorted(path for path in folder.path.glob("*.npy") if path.is_file())


def is_earlier_folder(folder: TapFolder) -> bool:
    """Whether an earlier version made all taps of a folder."""
    taps = taps_of(folder)
    return bool(taps) and all(map(is_earlier, taps))


def inside(path: Path, root: Path) -> bool:
    """Whether a path really lies in `root`, not behind a link that leads out of it."""
    return path.resolve().is_relative_to(root.resolve())


def earlier_clips(root: Path) -> list[Path]:
    """Resampled clips of earlier versions, which are not used any more."""
    return [path for path in (root / AUDIO).glob(EARLIER_CLIPS) if inside(path.parent, root)]


def size_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder."""
    total = 0
    for file in path.rglob("*") if path.is_dir() else [path]:
        with contextlib.suppress(FileNotFoundError):
            total += 0 if file.is_dir() else file.stat().st_size
    return total


def remove(entry: StoreEntry) -> bool:
    """Remove an entry from the disk; False if a running process holds its folder.

    Taps are removed before the index, so that a kill in between leaves no tap without an index.
    """
    folder = entry.folder.path
    try:
        with held(folder / LOCK, wait=False), held(folder / USED, wait=False):
            if entry.state == "partial":
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                for path in [*taps_of(entry.folder), *folder.glob("*.json"), *folder.glob(".*.tmp")]:
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
    """Remove a folder and those above it, up to the embedder's, as far as they are empty."""
    with contextlib.suppress(OSError):
        for path in (folder, *folder.parents[:3]):
            path.rmdir()


def _complete(folder: TapFolder, taps: list[Path]) -> StoreEntry:
    dims: list[int | None] = [None] * len(taps)
    index = folder.known_index()
    origin: dict[str, str] = {}
    whole = index is not None
    for place, path in enumerate(taps):
        try:
            record = TapRecord.read(path)
            origin |= record.origin
            dims[place] = mapped(path, record, index).shape[1] if index else None
        except (ValueError, OSError):  # OSError: removed in between
            whole = False
    state = "complete" if whole else "earlier" if is_earlier_folder(folder) else "faulty"
    used = folder.path / USED
    last = max((path.stat().st_mtime for path in ([used] if used.is_file() else taps) if path.exists()), default=0.0)
    return dataclasses.replace(
        _named(folder.path, folder, origin),
        taps=tuple(path.stem for path in taps),
        dims=tuple(dims),
        items=len(index.files) if index else None,
        rows=index.total if index else None,
        bytes=sum(size_of(path) for path in folder.path.iterdir() if path.is_file()),
        last_used=last,
        state=state,
    )


def _partial(folder: TapFolder, path: Path) -> StoreEntry:
    entry = dataclasses.replace(
        _named(path, folder, {}),
        items=0,
        rows=0,
        bytes=size_of(path),
        last_used=max((file.stat().st_mtime for file in path.iterdir()), default=path.stat().st_mtime),
        state="partial",
    )
    try:
        extraction = Extraction.reopen(folder, path)
    except ValueError:
        return entry
    return dataclasses.replace(
        entry,
        embedder=extraction.origin.get("embedder", ""),
        clips=_task_of(extraction.origin),
        taps=tuple(map(name_of, extraction.dims)),
        dims=tuple(extraction.dims.values()),
        items=sum(len(entry.lengths) for entry in extraction.done),
        rows=sum(sum(entry.lengths) for entry in extraction.done),
    )


def _named(path: Path, folder: TapFolder, origin: Mapping[str, str]) -> StoreEntry:
    """An entry with what its folder and its origin tell."""
    embedder_fp, audio_fp, split, kind = folder.path.parts[-4:]
    return StoreEntry(
        path=path,
        embedder=origin.get("embedder", ""),
        embedder_fp=embedder_fp,
        clips=_task_of(origin),
        audio_fp=audio_fp,
        split=split,
        kind=kind,
    )


def _task_of(origin: Mapping[str, str]) -> str:
    return origin.get("clips", "").partition("/")[0]
