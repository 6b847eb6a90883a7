"""Find the faults of a store, and move faulty parts away, so that they are made anew."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from downstream.disk.files import put_in_place
from downstream.disk.locks import LOCK, USED, held
from downstream.disk.sums import ADVICE, place_of, read_sealed
from downstream.store.extraction import Extraction
from downstream.store.index import NAME as INDEX_NAME
from downstream.store.inventory import inside, is_earlier_folder, tap_folders, taps_of
from downstream.store.journal import PLAN
from downstream.store.store import TapFolder
from downstream.store.tap_file import check_tap
from downstream.tasks.clip_cache import AUDIO, EARLIER_CLIPS, HASHES, PLACE_PARTS, is_earlier_hashes, read_clip_file

FAULTY = "faulty"  # the folder of a store that faulty parts are moved to

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fault:
    """A fault of a store or a run.

    Attributes:
        text: one line that names the fault and says what to do.
        parts: the files and folders to move away; () if that is no remedy.
        folder: the tap folder whose locks are needed for that; None if no lock is needed.
    """

    text: str
    parts: tuple[Path, ...] = ()
    folder: TapFolder | None = None


def faults(root: Path, *, full: bool = False) -> Iterator[Fault]:
    """Find every fault of a store.

    What an earlier version made is not used any more and no fault; the log says how much of it there is.

    Args:
        full: read and verify every file; else only headers, lengths and records.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"no store at {root}")
    earlier = 0
    for folder in tap_folders(root):
        found = list(_tap_faults(folder, full))
        if found and is_earlier_folder(folder):
            earlier += 1
            continue
        yield from found
        yield from _extraction_faults(folder, full)
    for path in sorted((root / HASHES).glob("*.json")):
        try:
            read_sealed(path, place_of(path, PLACE_PARTS))
        except (ValueError, OSError) as error:
            if is_earlier_hashes(path):
                earlier += 1
            else:
                yield Fault(f"{error}; {ADVICE}", (path,))
    clips = root / AUDIO
    old = set(clips.glob(EARLIER_CLIPS))
    for path in sorted(set(clips.glob("*.npy")) - old):
        try:
            read_clip_file(path, full=full)
        except (ValueError, OSError) as error:
            yield Fault(f"{error}; {ADVICE}", (path,))
    if earlier + len(old):
        logger.warning(
            "%s: %d files and folders were made by an earlier version and are not used any more; "
            "`ablate store prune --earlier` removes them",
            root,
            earlier + len(old),
        )


def move_away(fault: Fault, root: Path, target: Path) -> bool:
    """Move a fault's parts from below `root` to the same places below `target`.

    Returns:
        Whether they were moved: not if that is no remedy, a process holds them, or a link leads out of `root`.
    """
    if not fault.parts or not all(inside(part.parent, root) for part in fault.parts):
        return False
    if fault.folder is None:
        _move(fault.parts, root, target)
        return True
    try:
        with held(fault.folder.path / LOCK, wait=False), held(fault.folder.path / USED, wait=False):
            _move(fault.parts, root, target)
    except BlockingIOError:
        return False
    return True


def _move(parts: tuple[Path, ...], root: Path, target: Path) -> None:
    for part in parts:
        if not part.exists():
            continue
        first = target / part.relative_to(root)
        first.parent.mkdir(parents=True, exist_ok=True)
        number, place = 0, first
        while place.exists():
            number += 1
            place = first.with_name(f"{first.name}.{number}")
        put_in_place(part, place)


def _tap_faults(folder: TapFolder, full: bool) -> Iterator[Fault]:
    taps = taps_of(folder)
    if not taps:
        return
    try:
        index = folder.index()
    except (ValueError, OSError) as error:
        reason = error if isinstance(error, ValueError) else f"{folder.path}: {len(taps)} taps without {INDEX_NAME}"
        everything = (*(part for path in taps for part in _with_record(path)), folder.path / INDEX_NAME)
        yield Fault(f"{reason}; {ADVICE}", everything, folder)
        return
    for path in taps:
        try:
            check_tap(path, index, full=full)
        except FileNotFoundError:  # removed in between
            continue
        except ValueError as error:
            yield Fault(f"{error}; {ADVICE}", _with_record(path), folder)


def _extraction_faults(folder: TapFolder, full: bool) -> Iterator[Fault]:
    """Faults of unfinished extractions, unless a process is writing."""
    partials = sorted(path.parent for path in folder.path.glob(f".partial-*/{PLAN}"))
    if not partials:
        return
    try:
        with held(folder.path / LOCK, wait=False):
            for path in partials:
                try:
                    Extraction.reopen(folder, path).verified(full=full)
                except ValueError as error:
                    yield Fault(f"{error}; {ADVICE}", (path,), folder)
    except OSError:  # a process is writing, or none can
        return


def _with_record(path: Path) -> tuple[Path, ...]:
    return path, path.with_suffix(".json")
