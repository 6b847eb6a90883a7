"""The whole protocol of probes on made-up embeddings: at the sizes of ESC-10 and FSD50K."""

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ablations.benchmarks.record import Record
from downstream.evaluate import evaluate
from downstream.probes.protocol import GRID_POINTS
from downstream.splits import LabelledSplit, item_order, one_hot
from downstream.tasks.task import Task

DIM = 1295  # of PaSST's logits and features
CLASS_NORM = 8.0  # of the mean of a class, among noise of norm sqrt(DIM): accuracy and mAP are between chance and 1
LABELS_A_CLIP = 2
EPOCHS = 6  # of each fit at the large size, two validations
MAX_EPOCHS = 500  # of each fit at the small size, HEAR's default
COLUMNS = {
    "clips": "in all splits",
    "labels": "",
    "fits": "of the protocol",
    "epochs": "over all fits",
    "seconds": "of the whole protocol, tests within",
    "ms_per_fit_epoch": "milliseconds, everything within",
}


@dataclass(frozen=True)
class Size:
    """The size of a made-up task with labels.

    Attributes:
        name: of the task.
        labels: how many.
        split_mode: HEAR's.
        splits: name -> share of the clips.
        metrics: the primary one first.
        multilabel: whether a clip has several labels.
        max_epochs: of a fit.
    """

    name: str
    labels: int
    split_mode: str
    splits: Mapping[str, float]
    metrics: tuple[str, ...]
    max_epochs: int
    multilabel: bool = False


SHARES = {"train": 0.72, "valid": 0.08, "test": 0.2}  # FSD50K's, about
FOLDS = 5


def esc10() -> Size:
    """Return a size like ESC-10's."""
    folds = {f"fold{i:02d}": 1 / FOLDS for i in range(FOLDS)}
    return Size("made_esc10", 10, "presplit_kfold", folds, ("top1_acc",), MAX_EPOCHS)


def fsd50k() -> Size:
    """Return a size like FSD50K's, with few epochs."""
    metrics = ("mAP", "top1_acc", "d_prime", "aucroc")
    return Size("made_fsd50k", 200, "trainvaltest", SHARES, metrics, min(EPOCHS, MAX_EPOCHS), multilabel=True)


def small(device: str, clips: int) -> Record:
    """Time the protocol at ESC-10's size.

    Args:
        device: that trains.
        clips: in all splits.
    """
    return _timed(device, esc10(), clips)


def large(device: str, clips: int) -> Record:
    """Time the protocol at FSD50K's size, with few epochs.

    Args:
        device: that trains.
        clips: in all splits.
    """
    return _timed(device, fsd50k(), clips)


def _timed(device: str, size: Size, clips: int) -> Record:
    with tempfile.TemporaryDirectory() as folder:
        task, splits = made_up(size, clips, Path(folder))
        start = time.perf_counter()
        results = evaluate(task, splits, device=device)
        seconds, epochs = time.perf_counter() - start, sum(result.epochs for result in results)
    what = f"{clips} clips of {DIM} made-up features; {size.max_epochs} epochs a fit at most"
    facts = {"scores": [dict(result.scores) for result in results]}
    return Record(what, [row_of(task, clips, seconds, epochs)], COLUMNS, facts=facts, device=device)


def made_up(size: Size, clips: int, folder: Path) -> tuple[Task, dict[str, LabelledSplit]]:
    """Make a task's folder without sound, and embeddings in which each label has a direction, among noise."""
    draw = np.random.default_rng(0)
    names = [f"label{i:03d}" for i in range(size.labels)]
    bounds = np.round(np.cumsum([0, *size.splits.values()]) * clips).astype(int)
    place = folder / "tasks" / size.name
    place.mkdir(parents=True)
    for split, start, stop in zip(size.splits, bounds[:-1], bounds[1:], strict=True):
        items = {f"{i:06d}.wav": [names[label] for label in _labels(size, i, draw)] for i in range(start, stop)}
        (place / f"{split}.json").write_text(json.dumps(items))
    (place / "labelvocabulary.csv").write_text("idx,label\n" + "".join(f"{i},{n}\n" for i, n in enumerate(names)))
    (place / "task_metadata.json").write_text(json.dumps(_metadata(size)))
    task = Task.from_dir(place)
    directions = draw.standard_normal((size.labels, DIM), dtype=np.float32) * np.float32(CLASS_NORM / DIM**0.5)
    splits = {}
    for split, files in item_order(task).items():
        y = one_hot([list(task.items[split][file]) for file in files], task.labels)
        x = draw.standard_normal((len(y), DIM), dtype=np.float32) + y @ directions
        splits[split] = LabelledSplit(x, y, tuple(files), np.arange(len(y) + 1), np.zeros(0))
    return task, splits


def _labels(size: Size, number: int, draw: np.random.Generator) -> Sequence[int]:
    """Choose the labels of a clip; the clips of each split go through all labels."""
    others = draw.integers(size.labels, size=LABELS_A_CLIP - 1).tolist() if size.multilabel else []
    return sorted({number % size.labels, *others})


def _metadata(size: Size) -> dict[str, Any]:
    return {
        "task_name": size.name,
        "version": "1",
        "embedding_type": "scene",
        "prediction_type": "multilabel" if size.multilabel else "multiclass",
        "split_mode": size.split_mode,
        "sample_duration": 5.0,
        "evaluation": list(size.metrics),
        "splits": list(size.splits),
        "evaluation_params": {"task_specific_param_grid": {"max_epochs": [size.max_epochs]}},
    }


def row_of(task: Task, clips: int, seconds: float, epochs: int) -> dict[str, Any]:
    """Return a row of `COLUMNS`, from the seconds of the whole protocol and the epochs of all fits."""
    fits = GRID_POINTS + len(task.folds()) - 1
    values = (clips, len(task.labels), fits, epochs, seconds, 1e3 * seconds / epochs)
    return dict(zip(COLUMNS, values, strict=True))
