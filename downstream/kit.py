"""hear-eval-kit's embedding folders, read as splits ready for probes.

A folder holds the task's files (metadata, vocabulary, split JSONs) and per split ``<split>.embeddings.npy`` (raw
float32 without a .npy header), ``<split>.embedding-dimensions.json``, ``<split>.target-labels.pkl`` (labels by row)
and, for event tasks, ``<split>.filename-timestamps.json`` ([path, ms] of each row).
"""

import io
import itertools
import json
import pickle
from pathlib import Path

import numpy as np

from downstream.splits import LabelledSplit, one_hot
from downstream.task import Task


class _PlainUnpickler(pickle.Unpickler):
    """Admits lists, strings and numbers only: nothing that a pickle would have to import."""

    def find_class(self, module: str, name: str):
        raise pickle.UnpicklingError(f"it holds {module}.{name}, expected only lists, strings and numbers")


def read_folder(folder: str | Path) -> tuple[Task, dict[str, LabelledSplit]]:
    """The task and every split of an embedding folder.

    Raises:
        FileNotFoundError, ValueError: name the file, what it holds and what was expected.
    """
    task = Task.from_dir(folder)
    return task, {split: _read_split(task, split) for split in task.splits}


def _read_split(task: Task, split: str) -> LabelledSplit:
    stem = task.folder / split
    x = _embeddings(stem)
    labels = _labels(Path(f"{stem}.target-labels.pkl"))
    if len(labels) != len(x):
        raise ValueError(f"{stem}.target-labels.pkl: {len(labels)} rows, expected {len(x)} as in the embeddings")
    try:
        y = one_hot(labels, task.labels)
    except KeyError as error:
        raise ValueError(f"{stem}.target-labels.pkl: label {error} is not in labelvocabulary.csv") from None
    if not task.is_event:
        count = np.arange(len(x) + 1)
        return LabelledSplit(x, y, tuple(map(str, range(len(x)))), count, np.zeros(0))
    rows = json.loads(_existing(Path(f"{stem}.filename-timestamps.json")).read_text())
    files, lengths = [], []
    for file, group in itertools.groupby(Path(path).name for path, _ in rows):
        files.append(file)
        lengths.append(sum(1 for _ in group))
    timestamps = np.array([ms for _, ms in rows], dtype=np.float64)
    if len(timestamps) != len(x) or set(files) != set(task.items[split]) or len(files) != len(set(files)):
        raise ValueError(f"{stem}.filename-timestamps.json: its files and rows are not those of {split}.json")
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return LabelledSplit(x, y, tuple(files), offsets, timestamps)


def _embeddings(stem: Path) -> np.ndarray:
    path = _existing(Path(f"{stem}.embeddings.npy"))
    shape = json.loads(_existing(Path(f"{stem}.embedding-dimensions.json")).read_text())
    wanted = int(np.prod(shape)) * 4
    if len(shape) != 2 or path.stat().st_size != wanted:
        raise ValueError(f"{path}: {path.stat().st_size} bytes, expected {wanted} for {shape} float32")
    return np.memmap(path, dtype=np.float32, mode="r", shape=tuple(shape))


def _labels(path: Path) -> list[list[str]]:
    try:
        rows = _PlainUnpickler(io.BytesIO(_existing(path).read_bytes())).load()
    except (pickle.UnpicklingError, EOFError, AttributeError) as error:
        raise ValueError(f"{path}: not a list of label names: {error}") from None
    return [[str(label) for label in row] for row in rows]


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; an embedding folder of hear-eval-kit has one")
    return path
