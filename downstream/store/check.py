"""The faults of a store: what of it is not what was written; and moving that away, so that it is made anew."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from downstream.disk.locks import LOCK, USED, held
from downstream.disk.sums import ADVICE, place_of, read_sealed
from downstream.store.extraction import PLAN, Extraction
from downstream.store.index import NAME as INDEX_NAME
from downstream.store.inventory import inside, is_earlier_folder, tap_folders, taps_of
from downstream.store.store import TapFolder
from downstream.store.tap_file import read_header, verify
from downstream.tasks.clip_cache import AUDIO, EARLIER_CLIPS, HASHES, PLACE_PARTS, is_earlier_hashes, read_clip_file

FAULTY = "faulty"  # the folder of a store that faulty parts are moved to

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fault:
    """Something that is wrong.

    Attributes:
        text: one line that names it and says what to do.
        parts: the files and folders to be moved away, () where that is no remedy.
        folder: of the store, whose locks are needed for that; None where none are.
    """

    text: str
    parts: tuple[Path, ...] = ()
    folder: TapFolder | None = None


def faults(root: Path, *, full: bool = False) -> Iterator[Fault]:
    """Every fault of a store. What an earlier version made is not used any more; how much there is of it is logged.

    Args:
        full: reads every file; else headers, lengths and records.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"no store at {root}")
    earlier = 0
    for folder in tap_folders(root):
        if is_earlier_folder(folder):
            earlier += 1
            continue
        yield from _of_taps(folder, full)
        yield from _of_partials(folder, full)
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
        False where that is no remedy, a process holds them, or they lie outside of `root`, behind a link.
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
        wanted = target / part.relative_to(root)
        wanted.parent.mkdir(parents=True, exist_ok=True)
        number, place = 0, wanted
        while place.exists():
            number += 1
            place = wanted.with_name(f"{wanted.name}.{number}")
        part.rename(place)


def _of_taps(folder: TapFolder, full: bool) -> Iterator[Fault]:
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
            (verify if full else read_header)(path, index)
        except FileNotFoundError:  # removed in between
            continue
        except ValueError as error:
            yield Fault(f"{error}; {ADVICE}", _with_record(path), folder)


def _of_partials(folder: TapFolder, full: bool) -> Iterator[Fault]:
    """Faults of unfinished extractions, where nobody is writing."""
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
    except OSError:  # somebody is writing, or nobody can
        return


def _with_record(path: Path) -> tuple[Path, ...]:
    return path, path.with_suffix(".json")
