"""Write splits as an embedding folder for hear-eval-kit.

`downstream.kit.read` describes its files.
"""

import json
import os
import pickle
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from downstream.disk.files import check_place, whole_folder
from downstream.kit.read import DIMENSIONS, EMBEDDINGS, LABELS, TIMESTAMPS, refuse_regression
from downstream.probes.features import pieces
from downstream.progress import Advance, Track, silent
from downstream.splits import LabelledSplit
from downstream.tasks.changed import names_in_folder
from downstream.tasks.task import Task


def write_folder(task: Task, splits: Mapping[str, LabelledSplit], target: Path, track: Track = silent) -> None:
    """Write every split of a task in its item order, and copy the task's files.

    The folder is complete or absent.

    Args:
        splits: from `splits.from_store` or `kit.read.read_folder`.
        target: the folder to make.

    Raises:
        FileExistsError: `target` exists.
        ValueError: the task is of regression, or has clean and changed sound of one split, which the folder can't hold.
    """
    refuse_regression(task)
    refuse_existing(target)
    names = names_in_folder(task)
    with whole_folder(target) as draft:
        for name in ("task_metadata.json", "labelvocabulary.csv", *(f"{split}.json" for split in names.values())):
            shutil.copyfile(task.folder / name, draft / name)
        with track(f"writing {target.name}", sum(data.x.shape[0] for data in splits.values())) as advance:
            for split in task.splits:
                _write_split(task, names[split], splits[split], draft, advance)
        refuse_existing(target)


def refuse_existing(target: Path) -> None:
    """Raise FileExistsError if something is at `target`, which nothing may overwrite.

    Raises:
        NotADirectoryError, PermissionError: nothing can be written there.
    """
    check_place(target)
    if target.exists():
        raise FileExistsError(f"{target} is there already; remove it or name another folder")


def _write_split(task: Task, split: str, data: LabelledSplit, folder: Path, advance: Advance) -> None:
    count, dim = data.x.shape
    (folder / f"{split}.{DIMENSIONS}").write_text(json.dumps([count, dim]))
    with (folder / f"{split}.{EMBEDDINGS}").open("wb") as file:
        for items in pieces(data.x):
            block = np.ascontiguousarray(data.x[items], dtype="<f4")
            file.write(block.data)
            advance(len(block))
        file.flush()
        os.fsync(file.fileno())
    (folder / f"{split}.{LABELS}").write_bytes(pickle.dumps(_names(data.y, task.labels)))
    if task.is_event:
        files = np.repeat(np.arange(len(data.files)), np.diff(data.offsets))
        pairs = [[f"{split}/{data.files[i]}", float(ms)] for i, ms in zip(files, data.timestamps, strict=True)]
        (folder / f"{split}.{TIMESTAMPS}").write_text(json.dumps(pairs, indent=4))


def _names(y: np.ndarray, vocabulary: Sequence[str]) -> list[list[str]]:
    """The names of the labels of each row of (items, labels)."""
    return [[vocabulary[int(i)] for i in np.flatnonzero(row)] for row in y]
