"""Test predictions of a run, clip by clip, for statistics over clips; a job's file is made beside its JSON."""

import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from results.rows.job_files import check_predictions

UNREADABLE = (ValueError, KeyError, EOFError, MemoryError, NotImplementedError, zipfile.BadZipFile, zlib.error)
"""The errors of reading a damaged .npz file."""


@dataclass(frozen=True)
class Predictions:
    """The test split of one fold.

    Attributes:
        files: names, (clips,).
        prediction, target: probabilities, and 0 or 1, (items, labels), or of regression numbers; of scene tasks an item
            is a clip, of event tasks a time step.
        offsets: (clips + 1,), where the items of each clip begin and end.
        timestamps: (items,) in ms; empty for scene tasks.
        counts: for event tasks (clips, numbers) that the primary score sums over clips (`results.rows.event_counts`);
            None for scene tasks, and runs made before these were kept.
        groups: the group (speaker, recording) of each clip, (clips,), "" for a clip on its own; None for runs made
            before these were kept.
    """

    fold: str
    files: np.ndarray = field(repr=False)
    prediction: np.ndarray = field(repr=False)
    target: np.ndarray = field(repr=False)
    offsets: np.ndarray = field(repr=False)
    timestamps: np.ndarray = field(repr=False)
    counts: np.ndarray | None = field(default=None, repr=False)
    groups: np.ndarray | None = field(default=None, repr=False)


def read_predictions(folder: str | Path, job: str) -> list[Predictions]:
    """Read the predictions of a job, one a fold.

    Args:
        folder: of the run.
        job: as the rows' column of that name has it.

    Raises:
        FileNotFoundError: where the run has no such file.
        ValueError: for a file that is not what was written, is damaged, or does not fit the memory.
    """
    names, optional = ("files", "prediction", "target", "offsets", "timestamps"), ("counts", "groups")
    with _opened(folder, job) as arrays:
        return [
            Predictions(
                fold,
                **{name: arrays[f"{fold}.{name}"] for name in names},
                **{name: arrays[f"{fold}.{name}"] for name in optional if f"{fold}.{name}" in arrays},
            )
            for fold in _folds(arrays)
        ]


@dataclass(frozen=True)
class Clips:
    """The part of one fold's test split that comparisons use: a row a clip, in the order of the clips' names.

    Attributes:
        files, groups, counts: as in `Predictions`.
        prediction, target: likewise for scene tasks; None for event tasks.
    """

    fold: str
    files: np.ndarray = field(repr=False)
    groups: np.ndarray | None = field(repr=False)
    prediction: np.ndarray | None = field(repr=False)
    target: np.ndarray | None = field(repr=False)
    counts: np.ndarray | None = field(repr=False)


def read_clips(folder: str | Path, job: str) -> list[Clips]:
    """Read the part of a job that comparisons use, one a fold; time steps of event tasks are not read.

    Raises:
        FileNotFoundError: where the run has no such file.
        ValueError: for a file that is not what was written, is damaged, or does not fit the memory.
    """
    with _opened(folder, job) as arrays:
        return [_clips(arrays, fold) for fold in _folds(arrays)]


def names_of_clips(folder: str | Path, job: str) -> set[str]:
    """Read the names of the clips that a job tested, over all folds.

    Raises:
        FileNotFoundError: where the run has no such file.
        ValueError: for a file that is not what was written, is damaged, or does not fit the memory.
    """
    with _opened(folder, job) as arrays:
        return {str(name) for fold in _folds(arrays) for name in arrays[f"{fold}.files"]}


def same_clips(first: Clips, second: Clips) -> None:
    """Raise ValueError unless both are of the same clips with the same targets."""
    if not np.array_equal(first.files, second.files):
        raise ValueError(f"fold {first.fold} has other clips in the second; expected the same")
    one, other = first.target, second.target
    if one is not other and (one is None or other is None or not np.array_equal(one, other)):
        raise ValueError(f"fold {first.fold} has other targets in the second; expected the same task's")


def correct(fold: Predictions | Clips) -> np.ndarray:
    """Whether the most probable label of each clip is its label, (clips,) bool; top1_acc is the mean.

    Raises:
        ValueError: for an event task, and for clips that have not exactly one label.
    """
    prediction, target = fold.prediction, fold.target
    of_events = isinstance(fold, Predictions) and len(fold.timestamps) > 0
    if prediction is None or target is None or of_events or len(target) != len(fold.files):
        raise ValueError(f"fold {fold.fold} is of an event task; expected a scene task, whose clips are right or wrong")
    if (target.sum(1) != 1).any():
        raise ValueError(f"fold {fold.fold} has clips without exactly one label; expected a multiclass task")
    return np.asarray(prediction.argmax(1) == target.argmax(1))


@contextmanager
def _opened(folder: str | Path, job: str) -> Iterator[np.lib.npyio.NpzFile]:
    """Open the arrays of a job; errors while they are read name the file, too."""
    path = Path(folder) / "jobs" / f"{job}.npz"
    if not path.is_file():
        raise FileNotFoundError(f"no predictions at {path}; expected a job of the run in {folder}")
    check_predictions(path)
    try:
        _check_size(path)
        with np.load(path, allow_pickle=False) as arrays:
            yield arrays
    except UNREADABLE as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ValueError(f"{path}: not the predictions of a job: {reason}; remove it and {job}.json") from None


def _check_size(path: Path) -> None:
    """Raise ValueError for a file that unpacks to more than the memory of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > memory:
        raise ValueError(f"it unpacks to {size / 1e9:.1f} GB, expected less than the memory, {memory / 1e9:.1f} GB")


def _folds(arrays: np.lib.npyio.NpzFile) -> list[str]:
    return [name.removesuffix(".target") for name in arrays.files if name.endswith(".target")]


def _clips(arrays: np.lib.npyio.NpzFile, fold: str) -> Clips:
    files = arrays[f"{fold}.files"]
    order = np.argsort(files, kind="stable")

    def rows(name: str) -> np.ndarray | None:
        return arrays[f"{fold}.{name}"][order] if f"{fold}.{name}" in arrays else None

    of_events = len(arrays[f"{fold}.timestamps"]) > 0
    prediction, target = (None, None) if of_events else (rows("prediction"), rows("target"))
    return Clips(fold, files[order], rows("groups"), prediction, target, rows("counts"))
