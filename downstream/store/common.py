"""Rows of several folders of taps that belong together: of one clip, and at timestamps that all folders have.

Models side by side have timestamps of their own. Nothing is read between them: the common timestamps are those that
every model has to within `NEAR_MS`. Hops of 50 and 100 ms meet every 100 ms, hops of 50 and 70 ms every 350 ms.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from downstream.store.index import Index

NEAR_MS = 0.5
"""Timestamps that are closer are the same: specs name whole milliseconds, and models round them to samples."""
EXPECTED = "expected some throughout a clip"
UNEVEN = 1.5
"""A gap between common timestamps that is so many times as long as usual means that they meet by chance alone."""


@dataclass(frozen=True)
class CommonRows:
    """Rows of several folders that belong together, one file after the other.

    Attributes:
        offsets: (files + 1,), rows offsets[i] to offsets[i + 1] belong to the file i.
        timestamps: (rows,) in ms, those of the first folder; () for scenes.
        numbers: for each folder (rows,), which of its rows each is.
    """

    offsets: np.ndarray
    timestamps: np.ndarray
    numbers: tuple[np.ndarray, ...]


def common_rows(indexes: Sequence[Index], files: Sequence[str], names: Sequence[str], timed: bool) -> CommonRows:
    """Find the rows of files that all folders have.

    Args:
        indexes: of each folder. The rows of a single one are taken as they are.
        files: in the order in which their rows are taken.
        names: of the embedder of each folder, for messages.
        timed: whether the rows are at timestamps; else each file has one row, of its scene.

    Raises:
        ValueError: the timestamps never meet, or only at 0 ms, or by chance; names the embedders and their steps.
    """
    if not timed or len(indexes) == 1:
        orders = tuple(index.rows(files) for index in indexes)
        times = indexes[0].timestamps[orders[0]] if timed else np.zeros(0)
        return CommonRows(_offsets(indexes[0].lengths(files)), times, orders)
    lines = [_Timeline.of(index, files) for index in indexes]
    _refuse_without(lines, names)
    span = max(float(line.times.max()) for line in lines) + 1000  # between the timestamps of a file and of the next one
    places = [np.arange(len(lines[0].times))]
    for line in lines[1:]:
        nearest = _nearest(lines[0].keys(span)[places[0]], line.keys(span))
        meets = nearest >= 0
        places = [place[meets] for place in places] + [nearest[meets]]
    file, times = lines[0].file[places[0]], lines[0].times[places[0]]
    _check_meeting(lines, file, times, files, names)
    numbers = tuple(line.rows[place] for line, place in zip(lines, places, strict=True))
    return CommonRows(_offsets(np.bincount(file, minlength=len(files))), times, numbers)


@dataclass(frozen=True)
class _Timeline:
    """The rows of an index in the order of files and times.

    Attributes:
        rows: (rows,) their numbers.
        file: (rows,) the number of the file of each.
        times: (rows,) in ms.
        offsets: (files + 1,) where the rows of each file begin.
    """

    rows: np.ndarray
    file: np.ndarray
    times: np.ndarray
    offsets: np.ndarray

    @classmethod
    def of(cls, index: Index, files: Sequence[str]) -> "_Timeline":
        rows, lengths = index.rows(files), index.lengths(files)
        file, times = np.repeat(np.arange(len(files)), lengths), np.asarray(index.timestamps[rows], np.float64)
        order = np.lexsort((times, file))
        return cls(rows[order], file, times[order], _offsets(lengths))

    def keys(self, span: float) -> np.ndarray:
        """Times that tell files apart, ascending."""
        keys: np.ndarray = self.file * span + self.times
        return keys

    @property
    def step_ms(self) -> float:
        """The usual distance of two timestamps of a file; NaN if no file has two."""
        within = np.diff(self.times)[np.diff(self.file) == 0]
        return float(np.median(within)) if len(within) else float("nan")


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def _nearest(keys: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The place of the other key that is the same as each key to within `NEAR_MS`; -1 where none is."""
    after = np.searchsorted(others, keys).clip(max=len(others) - 1)
    before = (after - 1).clip(min=0)
    place = np.where(np.abs(others[before] - keys) <= np.abs(others[after] - keys), before, after)
    return np.where(np.abs(others[place] - keys) < NEAR_MS, place, -1)


def _refuse_without(lines: Sequence[_Timeline], names: Sequence[str]) -> None:
    """Raise ValueError for an embedder that has no timestamps at all."""
    for line, name in zip(lines, names, strict=True):
        if not len(line.times):
            raise ValueError(f"{name}: has no timestamps, expected some of each model that stands beside another")


def _check_meeting(
    lines: Sequence[_Timeline], file: np.ndarray, times: np.ndarray, files: Sequence[str], names: Sequence[str]
) -> None:
    """Raise ValueError for timestamps that don't meet, or not throughout the files.

    Args:
        file, times: (rows,) of the common timestamps, in the order of files and times.
    """
    steps = " and ".join(f"{name} every {line.step_ms:.5g} ms" for line, name in zip(lines, names, strict=True))
    counts = np.bincount(file, minlength=len(files))
    if not counts.all():
        raise ValueError(f"timestamps never meet in {files[int(counts.argmin())]}: {steps}; {EXPECTED}")
    several = np.min([np.diff(line.offsets) for line in lines], axis=0) > 1
    if several.any() and not (counts > 1).any():
        once = "at 0 ms only" if times.max() < NEAR_MS else "once in each clip"
        raise ValueError(f"timestamps meet {once}: {steps}; {EXPECTED}")
    ends = np.min([line.times[line.offsets[1:] - 1] for line in lines], axis=0)
    within = [np.bincount(line.file[line.times < ends[line.file] + NEAR_MS], minlength=len(files)) for line in lines]
    sparse = counts < np.min(within, axis=0)  # where all timestamps of one model meet, their gaps are its own
    lasts = np.append(np.diff(file) > 0, True)
    gaps = np.where(lasts, ends[file], np.append(times[1:], 0.0)) - times
    usual = float(np.median(gaps[~lasts])) if not lasts.all() else float("inf")
    uneven = sparse[file] & (gaps > UNEVEN * usual)
    if uneven.any():
        place = int(uneven.argmax())
        between = f"between {times[place]:.0f} and {times[place] + gaps[place]:.0f} ms of {files[file[place]]}"
        raise ValueError(f"timestamps meet by chance alone, not {between}: {steps}; {EXPECTED}")
