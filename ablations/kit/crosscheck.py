"""hear-eval-kit's own predictions and ours on the same embedding folders, side by side, over seeds.

The probes' random numbers differ, so scores differ; what should agree is their distribution over seeds. The kit's grid
points stay those of its seed 42, as ours do. Both sides run on the CPU, with the same number of threads.
"""

import logging
import math
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ablations.kit import process
from ablations.system.machine import machine, versions
from downstream.evaluate import evaluate
from downstream.kit.read import DIMENSIONS, EMBEDDINGS, LABELS, TIMESTAMPS, read_folder
from downstream.probes.protocol import GRID_POINTS, Protocol
from downstream.progress import Advance, Track, silent
from downstream.tasks.task import Task

COLUMNS = ("folder", "metric", "kit", "kit_std", "ours", "ours_std", "difference", "standard_errors")

logger = logging.getLogger(__name__)


def crosscheck(
    folders: Mapping[str, Path],
    kit: Path,
    *,
    seeds: int = 3,
    grid_points: int = GRID_POINTS,
    track: Track = silent,
) -> dict[str, Any]:
    """Evaluate every folder by both sides, once a seed.

    Args:
        folders: embedding folders, by what the tables call them.
        kit: the interpreter that has hear-eval-kit. seeds: how many. grid_points: tried a task; 8 is the protocol's.

    Returns:
        What `to_table` shows, to be kept as JSON: per folder the scores and wall seconds of each side by seed, and how
        many epochs the kit trained in all. A score is the mean over folds.

    Raises:
        ValueError: for seeds or grid points that are none, a broken folder, a kit that ends with an error.
    """
    if seeds < 1 or not 1 <= grid_points <= 16:
        raise ValueError(f"expected at least 1 seed and 1 to 16 grid points, got {seeds} and {grid_points}")
    kit_versions, threads = process.describe(kit), torch.get_num_threads()
    found = []
    for name, folder in folders.items():
        task, _ = read_folder(folder)
        logger.info("%s: %d evaluations by hear-eval-kit, then by ours, on %d threads", name, seeds, threads)
        with track(f"hear-eval-kit on {task.name}", seeds) as advance:
            theirs = _theirs(task, kit, range(seeds), grid_points, threads, advance)
        protocol = str(Protocol(grid_points))
        ours = [_ours(folder, protocol, seed, track) for seed in range(seeds)]
        found.append({"folder": name, "kit": theirs, "ours": ours})
    shared = {"machine": machine("cpu"), "threads": threads, "seeds": seeds, "grid_points": grid_points}
    record = {**shared, "versions": versions(), "kit_versions": kit_versions, "folders": found}
    return record | {"summary": to_table(record).to_dict("records")}


def to_table(record: Mapping[str, Any]) -> pd.DataFrame:
    """A row a folder and metric: mean and standard deviation (ddof 1) over seeds of both sides, and their difference.

    `standard_errors` is the difference, ours minus the kit's, in units of its standard error; NaN with one seed.
    """
    rows = []
    for entry in record["folders"]:
        for metric in entry["ours"][0]["scores"]:
            theirs, ours = (np.array([run["scores"][metric] for run in entry[side]]) for side in ("kit", "ours"))
            difference = ours.mean() - theirs.mean()
            spreads = [side.std(ddof=1) if len(side) > 1 else math.nan for side in (theirs, ours)]
            error = math.hypot(spreads[0] / math.sqrt(len(theirs)), spreads[1] / math.sqrt(len(ours)))
            units = difference / error if error else (0.0 if difference == 0 else math.copysign(math.inf, difference))
            values = (theirs.mean(), spreads[0], ours.mean(), spreads[1], difference, units)
            rows.append((entry["folder"], metric, *map(float, values)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def costs(record: Mapping[str, Any]) -> pd.DataFrame:
    """A row a folder: wall seconds of an evaluation on each side, trained epochs, and the ratio of seconds per epoch.

    All but the ratio are means over seeds; an epoch is one of one fit.
    """
    rows = []
    for entry in record["folders"]:
        seconds = [float(np.mean([run["seconds"] for run in entry[side]])) for side in ("kit", "ours")]
        epochs = [float(np.mean([run["epochs"] for run in entry[side]])) for side in ("kit", "ours")]
        ratio = seconds[0] / epochs[0] / (seconds[1] / epochs[1])
        rows.append((entry["folder"], *seconds, *epochs, ratio))
    columns = ["folder", "kit_seconds", "our_seconds", "kit_epochs", "our_epochs", "times_kit_per_epoch"]
    return pd.DataFrame(rows, columns=columns)


def _theirs(
    task: Task, kit: Path, seeds: Sequence[int], grid_points: int, threads: int, advance: Advance
) -> list[dict[str, Any]]:
    """The kit's runs on a copy of the folder, whose files it would add to."""
    runs = []
    with tempfile.TemporaryDirectory() as temporary:
        copy = copied(task, Path(temporary) / task.name)
        request = {"folder": str(copy), "seeds": list(seeds), "grid_points": grid_points}
        for answer in process.ask(kit, request, threads):
            folds = [answer["scores"][fold.test] for fold in task.folds()]
            metrics = {name.removeprefix("test_"): [fold[name] for fold in folds] for name in folds[0]}
            runs.append({**answer, "scores": {name: float(np.mean(values)) for name, values in metrics.items()}})
            advance(1)
    if len(runs) != len(seeds):
        raise ValueError(f"kit: {len(runs)} evaluations of {task.folder}, expected {len(seeds)}")
    return runs


def copied(task: Task, target: Path) -> Path:
    """The task's embedding folder at another place, without what else is in it."""
    target.mkdir(parents=True)
    kinds = ("json", EMBEDDINGS, DIMENSIONS, LABELS, *([TIMESTAMPS] if task.is_event else []))
    files = [f"{split}.{kind}" for split in task.splits for kind in kinds]
    for name in ("task_metadata.json", "labelvocabulary.csv", *files):
        shutil.copyfile(task.folder / name, target / name)
    return target


def _ours(folder: Path, protocol: str, seed: int, track: Track) -> dict[str, Any]:
    """One evaluation; the folder is read within its time, as the kit does."""
    start = time.perf_counter()
    results = evaluate(*read_folder(folder), protocol=protocol, seed=seed, track=track)
    seconds = time.perf_counter() - start
    scores = {name: float(np.mean([result.scores[name] for result in results])) for name in results[0].scores}
    return {"seed": seed, "scores": scores, "seconds": seconds, "epochs": sum(result.epochs for result in results)}
