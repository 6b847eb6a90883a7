"""Test predictions of a run, clip by clip, for statistics over clips; a job's file is made beside its JSON."""

import os
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

UNREADABLE = (ValueError, KeyError, EOFError, MemoryError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""What reading a damaged .npz file ends in."""


@dataclass(frozen=True)
class Predictions:
    """The test split of one fold.

    Attributes:
        files: (clips,) names. prediction, target: (items, labels), probabilities and 0 or 1; of scene tasks an item is
            a clip, of event tasks a time step. offsets: (clips + 1,), a clip's items. timestamps: (items,) in ms, of
            scene tasks empty. counts: of event tasks, (clips, numbers) that the primary score sums over clips
            (`results.event_counts`); None of scene tasks, and of runs made before these were kept.
    """

    fold: str
    files: np.ndarray = field(repr=False)
    prediction: np.ndarray = field(repr=False)
    target: np.ndarray = field(repr=False)
    offsets: np.ndarray = field(repr=False)
    timestamps: np.ndarray = field(repr=False)
    counts: np.ndarray | None = field(default=None, repr=False)


def read_predictions(folder: str | Path, job: str) -> list[Predictions]:
    """The predictions of a job of the run in `folder`, one a fold; `job` is the rows' column of that name.

    Raises:
        FileNotFoundError: where the run has no such file.
        ValueError: where it is damaged, or does not fit the memory.
    """
    path = Path(folder) / "jobs" / f"{job}.npz"
    if not path.is_file():
        raise FileNotFoundError(f"no predictions at {path}; expected a job of the run in {folder}")
    names = ("files", "prediction", "target", "offsets", "timestamps")
    try:
        _check_size(path)
        with np.load(path, allow_pickle=False) as arrays:
            folds = [name.removesuffix(".target") for name in arrays.files if name.endswith(".target")]
            counts = {fold: arrays[f"{fold}.counts"] for fold in folds if f"{fold}.counts" in arrays}
            return [
                Predictions(fold, **{name: arrays[f"{fold}.{name}"] for name in names}, counts=counts.get(fold))
                for fold in folds
            ]
    except UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: not the predictions of a job: {reason}; remove it and {job}.json") from None


def _check_size(path: Path) -> None:
    """ValueError for a file that unpacks to more than this machine has of memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > memory:
        raise ValueError(f"it unpacks to {size / 1e9:.1f} GB, expected less than the memory, {memory / 1e9:.1f} GB")


def correct(found: Predictions) -> np.ndarray:
    """(clips,) bool: whether the most probable label of a clip is its label (what top1_acc is the mean of).

    Raises:
        ValueError: for an event task, and for clips that have not exactly one label.
    """
    if len(found.timestamps):
        raise ValueError(
            f"fold {found.fold} is of an event task; expected a scene task, whose clips are right or wrong"
        )
    if (found.target.sum(1) != 1).any():
        raise ValueError(f"fold {found.fold} has clips without exactly one label; expected a multiclass task")
    return found.prediction.argmax(1) == found.target.argmax(1)


def aligned(a: Sequence[Predictions], b: Sequence[Predictions]) -> list[tuple[Predictions, Predictions]]:
    """The folds of two scene tasks' predictions in pairs, the second's clips in the order of the first's.

    Raises:
        ValueError: for other folds, clips or targets, and for event tasks: the pairs would not be of the same clips.
    """
    return [(first, _in_order_of(first, second)) for first, second in _pairs(a, b)]


def aligned_counts(a: Sequence[Predictions], b: Sequence[Predictions]) -> list[tuple[np.ndarray, np.ndarray]]:
    """The folds of two event tasks' counts in pairs, the second's clips in the order of the first's.

    Raises:
        ValueError: for other folds or clips, and where there are no counts.
    """
    found = []
    for first, second in _pairs(a, b):
        if first.counts is None or second.counts is None:
            raise ValueError(f"fold {first.fold} has no counts of events; expected those of a run by this version")
        found.append((first.counts, second.counts[_order(first, second)]))
    return found


def _pairs(a: Sequence[Predictions], b: Sequence[Predictions]) -> list[tuple[Predictions, Predictions]]:
    others = {found.fold: found for found in b}
    if sorted(others) != sorted(found.fold for found in a):
        names = (", ".join(found.fold for found in each) for each in (a, b))
        raise ValueError("folds are {} and {}; expected the same task's".format(*names))
    return [(first, others[first.fold]) for first in a]


def _order(first: Predictions, second: Predictions) -> np.ndarray:
    """The places of the first's clips in the second."""
    orders = [np.argsort(found.files, kind="stable") for found in (first, second)]
    if not np.array_equal(first.files[orders[0]], second.files[orders[1]]):
        raise ValueError(f"fold {first.fold} has other clips in the second; expected the same")
    order = np.empty(len(first.files), int)
    order[orders[0]] = orders[1]
    return order


def _in_order_of(first: Predictions, second: Predictions) -> Predictions:
    if len(first.timestamps) or len(second.timestamps):
        raise ValueError(f"fold {first.fold} is of an event task; expected scene tasks")
    order = _order(first, second)
    if not np.array_equal(first.target, second.target[order]):
        raise ValueError(f"fold {first.fold} has other targets in the second; expected the same task's")
    arrays = {name: getattr(second, name)[order] for name in ("files", "prediction", "target")}
    return Predictions(second.fold, **arrays, offsets=second.offsets, timestamps=second.timestamps)
