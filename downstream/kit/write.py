"""Splits written as an embedding folder that hear-eval-kit reads; see `kit` for what is in one."""

import json
import os
import pickle
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from downstream.disk.files import check_place, sweep, temporary_beside
from downstream.kit.read import DIMENSIONS, EMBEDDINGS, LABELS, TIMESTAMPS
from downstream.probes.features import pieces
from downstream.progress import Advance, Track, silent
from downstream.splits import LabelledSplit
from downstream.tasks.task import Task


def write_folder(task: Task, splits: Mapping[str, LabelledSplit], target: Path, track: Track = silent) -> None:
    """Write every split of a task, in its item order, and copy the task's files: the whole folder or nothing.

    Args:
        splits: as `splits.from_store` or `kit.read_folder` gives them.
        target: the folder to be; it is made beside its place, then renamed.

    Raises:
        FileExistsError: where there is something at `target`.
    """
    refuse_existing(target)
    sweep(target.parent)
    temporary = temporary_beside(target)
    temporary.mkdir(parents=True)
    try:
        for name in ("task_metadata.json", "labelvocabulary.csv", *(f"{split}.json" for split in task.splits)):
            shutil.copyfile(task.folder / name, temporary / name)
        with track(f"writing {target.name}", sum(data.x.shape[0] for data in splits.values())) as advance:
            for split in task.splits:
                _write_split(task, split, splits[split], temporary, advance)
        refuse_existing(target)
        temporary.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def refuse_existing(target: Path) -> None:
    """Raise FileExistsError where something is at `target`, for what is there might be somebody's.

    NotADirectoryError where nothing can be there.
    """
    check_place(target)
    if target.exists():
        raise FileExistsError(f"{target} is there already; remove it or name another folder")


def _write_split(task: Task, split: str, data: LabelledSplit, folder: Path, advance: Advance) -> None:
    count, dim = data.x.shape
    (folder / f"{split}.{DIMENSIONS}").write_text(json.dumps([count, dim]))
    with (folder / f"{split}.{EMBEDDINGS}").open("wb") as file:
        for rows in pieces(data.x):
            block = np.ascontiguousarray(data.x[rows], dtype="<f4")
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
    """Per row of (items, labels) the names of its labels."""
    return [[vocabulary[i] for i in np.flatnonzero(row)] for row in y]
