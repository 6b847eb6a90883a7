"""Seconds that one variant takes under each protocol, from features in memory to the scores of every fold.

python -m tests.campaigns.protocol_cost --out results/benchmarks/protocols_cpu.json
"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from ablations.benchmarks.record import Record, command_line
from ablations.system.machine import choose_device
from ablations.terminal.options import DEVICE
from downstream.evaluate import evaluate
from downstream.progress import Track, silent
from downstream.splits import LabelledSplit
from downstream.tasks.task import Task

PROTOCOLS = ("knn", "ridge", "logistic", "hear2021+grid3+linear+standardized", "hear2021+grid1", "hear2021")
SIZES = {
    "esc10": (tuple(f"fold{i}" for i in range(5)), 80, 1295, 10),
    "large": (("train", "valid", "test"), 16_667, 768, 50),
}
"""Splits, items of each, width and labels: ESC-10 with PaSST's logits and features, and 50,000 items."""
TOO_LONG = {("large", "hear2021"), ("large", "hear2021+grid3+linear+standardized")}
"""Not measured: many minutes each. `hear2021` makes the fit of `hear2021+grid1` and seven more."""
COLUMNS = {
    "task": "whose size the made-up features have",
    "items": "of all splits",
    "dim": "of the features",
    "labels": "",
    "folds": "",
    "protocol": "",
    "seconds": "of all folds, one run",
    "score": "the mean test accuracy",
}


def measure(
    device: str | None = None, sizes: Sequence[str] = (), protocols: Sequence[str] = (), *, track: Track = silent
) -> Record:
    """Measure the seconds of a variant by protocol, on made-up features of classes that overlap.

    Args:
        device: cpu or cuda; None is CUDA if there is one.
        sizes: names in `SIZES`; none are all.
        protocols: none are `PROTOCOLS`.
    """
    device = choose_device(device)
    pairs = [
        (size, protocol)
        for size in sizes or SIZES
        for protocol in protocols or PROTOCOLS
        if (size, protocol) not in TOO_LONG
    ]
    rows = []
    with track("protocols", len(pairs)) as advance:
        for size, protocol in pairs:
            rows.append(_row(size, protocol, device))
            advance(1)
    return Record("one variant by protocol, features in memory", rows, COLUMNS, device=device)


def _row(size: str, protocol: str, device: str) -> dict[str, Any]:
    task, splits = made_up(size)
    start = time.perf_counter()
    results = evaluate(task, splits, protocol=protocol, device=device)
    seconds = time.perf_counter() - start
    items, dim = sum(len(split.y) for split in splits.values()), splits[task.splits[0]].x.shape[1]
    known = {"task": size, "items": items, "dim": dim, "labels": len(task.labels), "folds": len(results)}
    score = float(np.mean([result.scores["top1_acc"] for result in results]))
    return {**known, "protocol": protocol, "seconds": seconds, "score": score}


def made_up(size: str) -> tuple[Task, dict[str, LabelledSplit]]:
    """Make a task of one label a clip, and features: the center of its label plus noise."""
    names, items, dim, labels = SIZES[size]
    draw = np.random.default_rng(0)
    centers = draw.standard_normal((labels, dim), dtype=np.float32)
    vocabulary = tuple(f"label{i}" for i in range(labels))
    splits, files = {}, {}
    for name in names:
        owners = draw.integers(0, labels, items)
        x = centers[owners] + 6 * draw.standard_normal((items, dim), dtype=np.float32)
        clips = tuple(f"{name}{i}.wav" for i in range(items))
        y = np.eye(labels, dtype=np.float32)[owners]
        splits[name] = LabelledSplit(x, y, clips, np.arange(items + 1), np.zeros(0))
        files[name] = {clip: (vocabulary[owner],) for clip, owner in zip(clips, owners, strict=True)}
    mode = "trainvaltest" if "train" in names else "presplit_kfold"
    task = Task(size, Path(size), "scene", "multiclass", mode, names, vocabulary, ("top1_acc",), files)
    return task, splits


main = command_line(
    measure,
    "python -m tests.campaigns.protocol_cost",
    click.option("--size", "sizes", type=click.Choice(list(SIZES)), multiple=True, help="[default: all]"),
    click.option("--protocol", "protocols", multiple=True, help="[default: all]"),
    DEVICE,
)

if __name__ == "__main__":
    main()
