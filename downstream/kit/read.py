"""Read hear-eval-kit's embedding folders as splits ready for probes.

A folder holds the task's files (metadata, vocabulary, split JSONs) and per split ``<split>.embeddings.npy`` (raw
float32 without a .npy header), ``<split>.embedding-dimensions.json`` ([rows, dim]), ``<split>.target-labels.pkl``
(label names by row) and, for event tasks, ``<split>.filename-timestamps.json`` ([path, ms] by row). Rows are in the
order of `splits.item_order`. Source: hear-eval-kit 2021.1.3. `downstream.kit.write` writes such folders.
"""

import logging
from pathlib import Path
from typing import Any

import numpy as np

from downstream.disk.fields import shown
from downstream.disk.memory import check_memory
from downstream.disk.text_file import read_json
from downstream.kit.labels import read_labels
from downstream.probes.features import first_bad_item
from downstream.splits import LabelledSplit, item_order, one_hot
from downstream.tasks.task import Task

EMBEDDINGS, DIMENSIONS, LABELS, TIMESTAMPS = (
    "embeddings.npy",
    "embedding-dimensions.json",
    "target-labels.pkl",
    "filename-timestamps.json",
)
BATCH_ROWS = 1024  # of embeddings, which must fit the memory together
LAST_MS = 1e12  # 30 years: no clip is that long
logger = logging.getLogger(__name__)


def read_folder(folder: str | Path) -> tuple[Task, dict[str, LabelledSplit]]:
    """Read the task and every split of an embedding folder.

    Embeddings stay on disk, memory-mapped.

    Raises:
        FileNotFoundError, ValueError: name the file, what it holds and what was expected.
    """
    folder = Path(folder)
    if not (folder / "task_metadata.json").is_file() and (inside := sorted(folder.glob("*/task_metadata.json"))):
        raise ValueError(f"{folder}: expected an embedding folder, got a folder of such: name {inside[0].parent}")
    task = Task.from_dir(folder)
    refuse_regression(task)
    if not any(file_of(task, split, EMBEDDINGS).is_file() for split in task.splits):
        missing = file_of(task, task.splits[0], EMBEDDINGS)
        raise FileNotFoundError(f"{missing} is missing: a task folder without embeddings, expected an embedding folder")
    splits = {split: _read_split(task, split) for split in task.splits}
    dims = {split: data.x.shape[1] for split, data in splits.items()}
    if len(set(dims.values())) > 1:
        raise ValueError(f"{folder}: embeddings of all splits must have one dimension, got {dims}")
    return task, splits


def refuse_regression(task: Task) -> None:
    """Raise ValueError for a regression task, which hear-eval-kit and its folders do not know."""
    if task.is_regression:
        raise ValueError(f"{task.folder}: a regression task; hear-eval-kit has no form for one, expected labels")


def file_of(task: Task, split: str, name: str) -> Path:
    """The path of a split's file; `name` is EMBEDDINGS, DIMENSIONS, LABELS or TIMESTAMPS."""
    return task.folder / f"{split}.{name}"


def _read_split(task: Task, split: str) -> LabelledSplit:
    x = _embeddings(task, split)  # its values are checked last, since the file may be of any size
    source = file_of(task, split, LABELS)
    labels = read_labels(_existing(source), task.labels, exactly_one=task.prediction_type == "multiclass")
    if len(labels) != len(x):
        raise ValueError(f"{source}: {len(labels)} rows, expected {len(x)} as in the embeddings")
    y = one_hot(labels, task.labels)
    if task.is_event:
        files, offsets, timestamps = _rows(task, split, len(x))
        _check_finite(task, split, x)
        return LabelledSplit(x, y, files, offsets, timestamps)
    if len(x) != len(task.items[split]):
        expected = f"{len(task.items[split])}, one for each item of {split}.json"
        raise ValueError(f"{file_of(task, split, EMBEDDINGS)}: {len(x)} rows, expected {expected}")
    _check_finite(task, split, x)
    return LabelledSplit(x, y, _scene_files(task, split, labels), np.arange(len(x) + 1), np.zeros(0))


def _embeddings(task: Task, split: str) -> np.ndarray:
    """The embeddings, (rows, dim) float32, memory-mapped, their size checked."""
    path, source = _existing(file_of(task, split, EMBEDDINGS)), file_of(task, split, DIMENSIONS)
    shape = _read_json(source)
    whole = isinstance(shape, list) and len(shape) == 2 and all(type(n) is int and 0 < n < 1 << 48 for n in shape)
    if not whole:
        raise ValueError(f"{source}: expected [rows, dim], two whole numbers above 0, got {shown(shape)}")
    size, expected = path.stat().st_size, shape[0] * shape[1] * 4
    if size != expected:
        raise ValueError(f"{path}: {size} bytes, expected {expected} for {shape} float32")
    check_memory(f"{path}: {BATCH_ROWS} rows of {shape[1]} numbers", BATCH_ROWS * 4 * shape[1])
    return np.memmap(path, dtype="<f4", mode="r", shape=tuple(shape))


def _check_finite(task: Task, split: str, x: np.ndarray) -> None:
    if (bad := first_bad_item(x)) is not None:
        raise ValueError(f"{file_of(task, split, EMBEDDINGS)}: row {bad} is not finite, expected finite numbers only")


def _scene_files(task: Task, split: str, labels: list[list[str]]) -> tuple[str, ...]:
    """The clips of the rows, if the labels confirm the kit's order; else the numbers of the rows."""
    files = item_order(task)[split]
    if all(set(task.items[split][file]) == set(row) for file, row in zip(files, labels, strict=True)):
        return tuple(files)
    return tuple(map(str, range(len(labels))))


def _rows(task: Task, split: str, count: int) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """Files, offsets and timestamps (ms) of an event split.

    The rows of a file lie together, in any order of time.
    """
    source = file_of(task, split, TIMESTAMPS)
    pairs = _read_json(source)
    if not isinstance(pairs, list) or len(pairs) != count:
        got = f"{len(pairs)} rows" if isinstance(pairs, list) else shown(pairs)
        raise ValueError(f"{source}: expected a list of {count} rows as in the embeddings, got {got}")
    files: list[str] = []
    offsets: list[int] = []
    before, is_logged = 0.0, False
    for row, pair in enumerate(pairs):
        name, ms = _pair(source, row, pair)
        if not files or name != files[-1]:
            files.append(name)
            offsets.append(row)
        elif ms <= before and not is_logged:
            is_logged = True
            logger.warning("%s: row %d: %g ms after %g ms: rows are put in the order of time", source, row, ms, before)
        before = ms
    if len(set(files)) < len(files):
        twice = next(name for i, name in enumerate(files) if name in files[:i])
        raise ValueError(f"{source}: expected the rows of a file to lie together, those of {twice} are apart")
    if set(files) != set(task.items[split]):
        odd = sorted(set(files) ^ set(task.items[split]))[0]
        raise ValueError(f"{source}: expected the files of {split}.json, but {odd} is in one of them only")
    return tuple(files), np.array([*offsets, count], dtype=np.int64), np.array([float(pair[1]) for pair in pairs])


def _pair(source: Path, row: int, pair: Any) -> tuple[str, float]:
    if not (isinstance(pair, list) and len(pair) == 2 and isinstance(pair[0], str) and type(pair[1]) in (int, float)):
        raise ValueError(f"{source}: row {row}: expected [path, ms], got {shown(pair)}")
    if not 0 <= pair[1] < LAST_MS:
        raise ValueError(f"{source}: row {row}: expected a timestamp in ms of at least 0, got {shown(pair[1])}")
    return Path(pair[0]).name, float(pair[1])


def _read_json(path: Path) -> Any:
    return read_json(_existing(path))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing; an embedding folder of hear-eval-kit has one")
    return path
