"""Compare hear-eval-kit's own predictions with ours on the same embedding folders, over seeds.

The probes' random numbers differ, so scores differ; their distributions over seeds should agree. The kit's grid points
stay those of its seed 42, as ours do. Both sides run on the CPU, with the same number of threads.
"""

import logging
import math
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
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

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Evaluation:
    """One evaluation of a folder by one side.

    Attributes:
        seed: of initial weights and dropout.
        scores: metric -> mean over folds.
        seconds: wall time.
        epochs: over all fits.
    """

    seed: int
    scores: dict[str, float]
    seconds: float
    epochs: int


@dataclass(frozen=True)
class FolderEvaluations:
    """The evaluations of a folder, one a seed.

    Attributes:
        folder: its name in tables.
        kit: hear-eval-kit's.
        ours: this project's.
    """

    folder: str
    kit: Sequence[Evaluation]
    ours: Sequence[Evaluation]

    def differences(self) -> list[dict[str, Any]]:
        """Return a row for each metric: mean and standard deviation (ddof 1) over seeds of both sides.

        `difference` is ours minus the kit's, `standard_errors` the same in units of its standard error; NaN with one
        seed.
        """
        rows = []
        for metric in self.ours[0].scores:
            kit, ours = (np.array([run.scores[metric] for run in side]) for side in (self.kit, self.ours))
            difference = ours.mean() - kit.mean()
            spreads = [side.std(ddof=1) if len(side) > 1 else math.nan for side in (kit, ours)]
            error = math.hypot(spreads[0] / math.sqrt(len(kit)), spreads[1] / math.sqrt(len(ours)))
            units = difference / error if error else (0.0 if difference == 0 else math.copysign(math.inf, difference))
            values = {"kit": kit.mean(), "kit_std": spreads[0], "ours": ours.mean(), "ours_std": spreads[1]}
            values |= {"difference": difference, "standard_errors": units}
            rows.append({"folder": self.folder, "metric": metric} | {name: float(v) for name, v in values.items()})
        return rows

    def costs(self) -> dict[str, Any]:
        """Return wall seconds and trained epochs of an evaluation by each side, means over seeds.

        `times_kit_per_epoch` is the kit's seconds per epoch over ours; an epoch is one of one fit.
        """
        seconds = [float(np.mean([run.seconds for run in side])) for side in (self.kit, self.ours)]
        epochs = [float(np.mean([run.epochs for run in side])) for side in (self.kit, self.ours)]
        ratio = seconds[0] / epochs[0] / (seconds[1] / epochs[1])
        costs = {"folder": self.folder, "kit_seconds": seconds[0], "our_seconds": seconds[1]}
        return costs | {"kit_epochs": epochs[0], "our_epochs": epochs[1], "times_kit_per_epoch": ratio}


@dataclass(frozen=True)
class Crosscheck:
    """The evaluations of all folders, and the conditions of both sides."""

    machine: str
    threads: int
    seeds: int
    grid_points: int
    versions: Mapping[str, str]
    kit_versions: Mapping[str, str]
    folders: Sequence[FolderEvaluations]

    def summary(self) -> pd.DataFrame:
        """Return the differences of scores, a row for each folder and metric."""
        return pd.DataFrame([row for folder in self.folders for row in folder.differences()])

    def costs(self) -> pd.DataFrame:
        """Return seconds and epochs, a row for each folder."""
        return pd.DataFrame([folder.costs() for folder in self.folders])

    def to_json(self) -> dict[str, Any]:
        """Return everything, the summary among it."""
        return asdict(self) | {"summary": self.summary().to_dict("records")}


def crosscheck(
    folders: Mapping[str, Path],
    kit: Path,
    *,
    seeds: int = 3,
    grid_points: int = GRID_POINTS,
    track: Track = silent,
) -> Crosscheck:
    """Evaluate every folder by both sides, once for each seed.

    Args:
        folders: name in tables -> embedding folder.
        kit: the interpreter that has hear-eval-kit.
        seeds: how many, from 0.
        grid_points: probe configurations that are tried on a task; the protocol tries 8.

    Raises:
        ValueError: for too few seeds or grid points, a broken folder, a kit that ends with an error.
    """
    if seeds < 1 or not 1 <= grid_points <= 16:
        raise ValueError(f"expected at least 1 seed and 1 to 16 grid points, got {seeds} and {grid_points}")
    kit_versions, threads = process.describe(kit), torch.get_num_threads()
    protocol, evaluations = str(Protocol(grid_points=grid_points)), []
    for name, folder in folders.items():
        task, _ = read_folder(folder)
        logger.info("%s: %d evaluations by hear-eval-kit, then by ours, on %d threads", name, seeds, threads)
        with track(f"hear-eval-kit on {task.name}", seeds) as advance:
            kits = by_kit(task, kit, range(seeds), grid_points, threads, advance)
        ours = [_by_us(folder, protocol, seed, track) for seed in range(seeds)]
        evaluations.append(FolderEvaluations(name, kits, ours))
    return Crosscheck(machine("cpu"), threads, seeds, grid_points, versions(), kit_versions, evaluations)


def by_kit(
    task: Task,
    kit: Path,
    seeds: Sequence[int],
    grid_points: int,
    threads: int,
    advance: Advance = lambda amount: None,
) -> list[Evaluation]:
    """Evaluate a copy of a task's embedding folder by the kit, which adds files to the folder, once for each seed.

    Raises:
        ValueError: if the kit ends with an error.
    """
    evaluations = []
    with tempfile.TemporaryDirectory() as temporary:
        copy = _copied(task, Path(temporary) / task.name)
        request = {"folder": str(copy), "seeds": list(seeds), "grid_points": grid_points}
        for answer in process.ask(kit, request, threads):
            folds = [answer["scores"][fold.test] for fold in task.folds()]
            metrics = {name.removeprefix("test_"): [fold[name] for fold in folds] for name in folds[0]}
            scores = {name: float(np.mean(values)) for name, values in metrics.items()}
            evaluations.append(Evaluation(answer["seed"], scores, answer["seconds"], answer["epochs"]))
            advance(1)
    if len(evaluations) != len(seeds):
        raise ValueError(f"kit: {len(evaluations)} evaluations of {task.folder}, expected {len(seeds)}")
    return evaluations


def _copied(task: Task, target: Path) -> Path:
    """Copy the files of a task's embedding folder, without what else is in it, and return the copy."""
    target.mkdir(parents=True)
    kinds = ("json", EMBEDDINGS, DIMENSIONS, LABELS, *([TIMESTAMPS] if task.is_event else []))
    files = [f"{split}.{kind}" for split in task.splits for kind in kinds]
    for name in ("task_metadata.json", "labelvocabulary.csv", *files):
        shutil.copyfile(task.folder / name, target / name)
    return target


def _by_us(folder: Path, protocol: str, seed: int, track: Track) -> Evaluation:
    """Evaluate the folder; reading it counts, as it does for the kit."""
    start = time.perf_counter()
    results = evaluate(*read_folder(folder), protocol=protocol, seed=seed, track=track)
    seconds = time.perf_counter() - start
    scores = {name: float(np.mean([result.scores[name] for result in results])) for name in results[0].scores}
    return Evaluation(seed, scores, seconds, sum(result.epochs for result in results))
