"""The faults of a store: what of it is not what was written; and moving that away, so that it is made anew."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from downstream.files import load_arrays
from downstream.index import NAME as INDEX_NAME
from downstream.inventory import tap_folders, taps_of
from downstream.locks import LOCK, USED, held
from downstream.rows import first_bad_row
from downstream.store import Extraction, TapFolder, name_of
from downstream.sums import ADVICE, Sums, of_batches
from downstream.tap_file import HEADER_BYTES, read_header

FAULTY = "faulty"  # the folder of a store that faulty parts are moved to


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
    """Every fault of a store.

    Args:
        full: reads every file: sums, where there are some, and values that are not finite; else headers and lengths.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not root.is_dir():
        raise FileNotFoundError(f"no store at {root}")
    for folder in tap_folders(root):
        yield from _of_taps(folder, full)
        yield from _of_partials(folder, full)
    for path in sorted((root / "hashes").glob("*.json")):
        try:
            json.loads(path.read_text())
        except ValueError:
            yield Fault(f"{path}: not JSON; {ADVICE}", (path,))
    for path in sorted((root / "audio").glob("*.npy")):
        try:
            clip = load_arrays(path, mmap_mode=None if full else "r")
            good = clip.ndim == 1 and clip.dtype == np.float32 and (not full or np.isfinite(clip).all())
        except (ValueError, EOFError, OSError):
            good = False
        if not good:
            yield Fault(f"{path}: not a resampled clip; {ADVICE}", (path,))


def move_away(fault: Fault, root: Path, target: Path) -> bool:
    """Move a fault's parts from below `root` to the same places below `target`; False where a process holds them."""
    if not fault.parts:
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
    everything = (*(part for path in taps for part in _with_sums(path)), folder.path / INDEX_NAME)
    try:
        index = folder.index()
    except ValueError as error:
        yield Fault(str(error), everything, folder)
        return
    if index is None and taps:
        yield Fault(f"{folder.path}: {len(taps)} taps without {INDEX_NAME}; {ADVICE}", everything, folder)
        return
    for path in taps:
        try:
            _check_tap(path, index.total, full)
        except FileNotFoundError:  # removed in between
            continue
        except ValueError as error:
            yield Fault(str(error), _with_sums(path), folder)


def _check_tap(path: Path, rows: int, full: bool) -> None:
    """Raise ValueError where a tap's file is not what it should be."""
    found, sums, size = read_header(path, rows), Sums.read(path), path.stat().st_size
    if size != found.offset + found.nbytes:
        raise ValueError(f"{path}: {size} bytes, expected {found.offset + found.nbytes}; {ADVICE}")
    if sums and (sums.dim != found.shape[1] or (sums.blocks and sum(n for n, _ in sums.blocks) != rows)):
        raise ValueError(f"{path}: its sums are of other rows; {ADVICE}")
    if not full:
        return
    wrong = sums and sums.first_wrong(path, HEADER_BYTES)
    if wrong:
        raise ValueError(f"{path}: its rows {wrong[0]} to {wrong[1] - 1} are not those that were written; {ADVICE}")
    bad = first_bad_row(found)
    if bad is not None:
        raise ValueError(f"{path}: its row {bad} holds NaN or infinity; {ADVICE}")


def _of_partials(folder: TapFolder, full: bool) -> Iterator[Fault]:
    """Of unfinished extractions, where nobody is writing."""
    found = sorted(path.parent for path in folder.path.glob(".partial-*/plan.json"))
    if not found:
        return
    try:
        with held(folder.path / LOCK, wait=False):
            for path in found:
                try:
                    _check_partial(Extraction.reopen(folder, path), full)
                except ValueError as error:
                    yield Fault(str(error), (path,), folder)
    except OSError:  # somebody is writing, or nobody can
        return


def _check_partial(extraction: Extraction, full: bool) -> None:
    """Raise ValueError where the data of an extraction are not what its journal says."""
    done = extraction.journal()
    lengths = [sum(lengths) for lengths, *_ in done]
    for tap, dim in extraction.dims.items():
        part, size = extraction.part(tap), HEADER_BYTES + 4 * dim * sum(lengths)
        if not part.is_file() and (not done or extraction.folder.file(tap).is_file()):
            continue
        if not part.is_file() or part.stat().st_size < size:
            got = f"{part.stat().st_size} bytes" if part.is_file() else "absent"
            raise ValueError(f"{part}: {got}, expected at least {size} bytes; {ADVICE}")
        digests = [found[0].get(name_of(tap)) if found else None for _, _, *found in done]
        wrong = full and of_batches(dim, lengths, digests, {}).first_wrong(part, HEADER_BYTES)
        if wrong:
            raise ValueError(f"{part}: its rows {wrong[0]} to {wrong[1] - 1} are not those written; {ADVICE}")


def _with_sums(path: Path) -> tuple[Path, ...]:
    return path, path.with_suffix(".json")
