"""Splits ready for probes, in the protocol's item order."""

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from downstream.embedder import Tap
from downstream.events import targets
from downstream.probes.features import Concatenated, Features, MappedFeatures, ProbeData, Selected, SideBySide
from downstream.store.common import common_rows
from downstream.store.store import TapFolder
from downstream.tasks.task import Task


@dataclass(frozen=True)
class LabelledSplit:
    """The embedding of a split, with targets.

    Attributes:
        x: (items, dim) float32, an array or an object that reads one when indexed.
        y: (items, labels) float32, one-hot or multi-hot; of regression (items, targets), in the task's units.
        files: in item order; a scene has one item, an event clip has one for each timestamp.
        offsets: (files + 1,), items offsets[i] to offsets[i + 1] belong to files[i].
        timestamps: (items,) in ms for event tasks, else ().
    """

    x: Features
    y: np.ndarray
    files: tuple[str, ...]
    offsets: np.ndarray
    timestamps: np.ndarray


def item_order(task: Task) -> dict[str, list[str]]:
    """The files of each split in the item order of hear-eval-kit.

    One `random.Random(0)` shuffles split after split. A split of changed sound beside its clean one has the same order.
    """
    stream = random.Random(0)
    order: dict[str, list[str]] = {}
    for split in task.splits:
        clean = order.get(task.sources.get(split, split))
        order[split] = list(task.items[split] if clean is None else clean)
        if clean is None:
            stream.shuffle(order[split])
    return order


@dataclass(frozen=True)
class StoredTaps:
    """Taps of one embedder that lie in the store.

    Attributes:
        name: of the embedder, for messages.
        folders: split -> the folder that holds its taps.
        taps: in the order in which they lie side by side.
    """

    name: str
    folders: Mapping[str, TapFolder]
    taps: Sequence[Tap]


def from_store(task: Task, folders: Mapping[str, TapFolder], taps: Sequence[Tap]) -> dict[str, LabelledSplit]:
    """Read every split of a task, with the features of its taps side by side.

    Args:
        folders: split -> the folder that holds its taps.

    Raises:
        ValueError: names a file of the store that was changed.
    """
    return side_by_side(task, [StoredTaps("", folders, taps)])


def side_by_side(task: Task, stored: Sequence[StoredTaps]) -> dict[str, LabelledSplit]:
    """Read every split of a task, with the taps of several embedders side by side.

    An event task has the timestamps that all embedders have in common (`downstream.store.common`).

    Args:
        stored: the taps of each embedder, at least one.

    Raises:
        ValueError: names a file of the store that was changed, or embedders whose timestamps don't meet.
    """
    splits = {}
    names = [part.name for part in stored]
    for split, files in item_order(task).items():
        indexes = [part.folders[split].index() for part in stored]
        common = common_rows(indexes, files, names, task.is_event)
        parts = [
            MappedFeatures([part.folders[split].read(tap, index) for tap in part.taps], numbers)
            for part, index, numbers in zip(stored, indexes, common.numbers, strict=True)
        ]
        x = parts[0] if len(parts) == 1 else SideBySide(parts)
        y = _targets(task, split, files, common.offsets, common.timestamps)
        splits[split] = LabelledSplit(x, y, tuple(files), common.offsets, common.timestamps)
    return splits


def concatenated(splits: Sequence[LabelledSplit]) -> Features:
    """The features of splits, one split after the other."""
    return splits[0].x if len(splits) == 1 else Concatenated([split.x for split in splits])


def of_files(split: LabelledSplit, files: Collection[str]) -> LabelledSplit:
    """The part of a split that belongs to some of its files, in the split's order."""
    kept = np.array([file in files for file in split.files], dtype=bool)
    lengths = np.diff(split.offsets)
    items = np.flatnonzero(np.repeat(kept, lengths))
    offsets = np.concatenate([[0], np.cumsum(lengths[kept])]).astype(np.int64)
    times = split.timestamps[items] if len(split.timestamps) else split.timestamps
    names = tuple(file for file, is_kept in zip(split.files, kept, strict=True) if is_kept)
    return LabelledSplit(Selected(split.x, items), split.y[items], names, offsets, times)


def training_data(splits: Sequence[LabelledSplit]) -> ProbeData:
    """Features and targets of splits, one split after the other."""
    return ProbeData(concatenated(splits), np.concatenate([split.y for split in splits]))


def one_hot(labels: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> np.ndarray:
    """Encode the label names of items: (items, labels) float32, 0 or 1.

    >>> one_hot([["dog"], ["cat", "dog"]], ["cat", "dog"])
    array([[0., 1.],
           [1., 1.]], dtype=float32)

    Args:
        labels: the names of each item's labels.
        vocabulary: label names in index order.
    """
    place = {label: i for i, label in enumerate(vocabulary)}
    encoded = np.zeros((len(labels), len(vocabulary)), dtype=np.float32)
    for row, names in zip(encoded, labels, strict=True):
        row[[place[name] for name in names]] = 1
    return encoded


def _targets(task: Task, split: str, files: Sequence[str], offsets: np.ndarray, times: np.ndarray) -> np.ndarray:
    items = task.items[split]
    if task.is_regression:
        return np.array([items[file] for file in files], dtype=np.float32)
    if not task.is_event:
        return one_hot([items[file] for file in files], task.labels)
    return np.concatenate(
        [targets.targets(items[file], times[offsets[i] : offsets[i + 1]], task.labels) for i, file in enumerate(files)]
    )
