"""A study of any number of models that has been run, made up: sealed jobs and predictions, nothing is trained.

Half of the models have an embedder each, the others are variants of one. Scores and predictions are drawn, better for
later models, so that comparisons have something to tell.
"""

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ablations.engines.loaded import Loaded
from ablations.study.study import Study
from ablations.units import execute
from ablations.units.jobs import jobs_of
from ablations.units.unit import Settings, find_tasks, grouped, units_of
from ablations.units.where import Where
from downstream.fold_result import FoldResult
from downstream.probes.fit import Fit
from downstream.probes.probe import ProbeConfig
from downstream.probes.selection import Validation
from downstream.splits import LabelledSplit, one_hot
from downstream.tasks.task import Fold, Task
from tests.campaigns import big_tasks

NAME = "growth"
SEEDS = (0, 1, 2)
GRID = (ProbeConfig(lr=1e-3), ProbeConfig(lr=3.2e-3), ProbeConfig(lr=1e-4))
THREE = {"train": 0.4, "valid": 0.2, "test": 0.4}
FIVE = {f"fold{number:02d}": 0.2 for number in range(5)}
SIZES = (
    big_tasks.Size("scenes", 60, 0.1, 5, "top1_acc", "trainvaltest", THREE, rate=16000),
    big_tasks.Size("scenes", 50, 0.1, 5, "top1_acc", "presplit_kfold", FIVE, rate=16000),
    big_tasks.Size("events", 10, 2.0, 3, "event_onset_200ms_fms", "trainvaltest", THREE, rate=16000),
)
"""Of its tasks, small because predictions of every job are made of them."""
STEP_MS = 100
OWN_WEIGHTS = "melproj"  # a model that is built in milliseconds with any seed of its weights
VARIANTS = "passt_demo"
BLOCKS = 10


@dataclass(frozen=True)
class Place:
    """The folders of a made-up study: of its file, its tasks, its runs and its store."""

    folder: Path

    @property
    def study(self) -> Path:
        return self.folder / f"{NAME}.yaml"

    @property
    def where(self) -> Where:
        return Where(self.folder / "runs", self.folder / "store", self.folder / "tasks")

    @property
    def run(self) -> Path:
        return self.where.runs / NAME


def declare(
    place: Place, models: int, tasks: Path, *, protocol: str = "hear2021", seeds: Sequence[int] = SEEDS
) -> None:
    """Write the file of a study of so many models, and make its tasks in a folder if they are not there.

    Args:
        place: of the study.
        models: how many, at least four.
        tasks: a folder of task folders, which studies may share.
        protocol, seeds: of the study.
    """
    folders = [_single_labels(big_tasks.make(size, tasks)) for size in SIZES]
    place.folder.mkdir(parents=True, exist_ok=True)
    own = [{"checkpoint": OWN_WEIGHTS, "weights": f"untrained-{number}"} for number in range(models // 2)]
    levels = list(itertools.islice(_levels(), models - len(own)))
    variants = {"checkpoint": VARIANTS, "weights": "untrained-0", "levels": levels, "timestamp_hop_ms": STEP_MS}
    content = {"name": NAME, "models": [*own, variants], "tasks": list(map(str, folders))}
    content |= {"protocol": protocol, "seeds": list(seeds)}
    place.study.write_text(yaml.safe_dump(content))


def _levels() -> Iterator[list[str]]:
    """Sets of blocks: single ones, then pairs, and so on."""
    for count in range(1, BLOCKS + 1):
        for blocks in itertools.combinations(range(1, BLOCKS + 1), count):
            yield [f"block{block}" for block in blocks]


def _single_labels(folder: Path) -> Path:
    """Leave one label to each clip of a scene task."""
    file = folder / "task_metadata.json"
    metadata = json.loads(file.read_text())
    if metadata["embedding_type"] == "scene":
        file.write_text(json.dumps({**metadata, "prediction_type": "multiclass"}))
        for split in metadata["splits"]:
            items = json.loads((folder / f"{split}.json").read_text())
            (folder / f"{split}.json").write_text(json.dumps({clip: labels[:1] for clip, labels in items.items()}))
    return folder


def make_jobs(place: Place) -> int:
    """Write every job of a study, as its run would name and seal it; return how many."""
    study = Study.load(place.study)
    settings = Settings(study, place.run, place.where.store, "cpu")
    number = 0
    ranks = {model: place / len(study.models) for place, model in enumerate(study.models)}
    tasks = find_tasks(study, place.where.tasks, place.where.store, stop)
    with Loaded(settings) as loaded:
        for group in grouped(units_of(study, tasks)):
            embedders = loaded.of(group[0].models)
            for unit in group:
                shared = jobs_of(unit, embedders, study.protocol, settings.store).shared
                for job in itertools.chain(*shared.values()):
                    draw, rank = np.random.default_rng(number), ranks[job.models[0]]
                    folds = [_fold(unit.named.task, fold, rank, draw) for fold in unit.named.task.folds()]
                    execute._write_job(job, folds, settings)
                    number += 1
    return number


def stop(models: Any, task: str, error: Exception) -> None:
    """Stop at a task that can't be read."""
    raise error


def _fold(task: Task, fold: Fold, rank: float, draw: np.random.Generator) -> FoldResult:
    """Draw the result of a fold; a model of a higher rank, from 0 to 1, is right more often."""
    split = _split(task, fold.test)
    right = draw.random(len(split.y)) < 0.4 + 0.3 * rank
    predicted = np.where(right[:, None], split.y, np.roll(split.y, 1, axis=0))
    predictions = (0.8 * predicted + 0.2 * draw.random(split.y.shape)).astype(np.float32)
    counts = None
    if task.is_event:
        reference = np.array([len(task.items[fold.test][file]) for file in split.files], dtype=np.int64)
        matched = draw.binomial(reference, 0.4 + 0.3 * rank)
        counts = np.stack([matched, reference, reference], axis=1)
    score = float(right.mean()) if counts is None else float(2 * counts[:, 0].sum() / counts[:, 1:].sum())
    tried = tuple((config, float(score - 0.01 * place)) for place, config in enumerate(GRID))
    best = Validation(8, score, 0.5)
    chosen = Fit(GRID[0], (best,), best, {}, 1.0)
    scores = {task.metrics[0]: score}
    return FoldResult(fold, chosen, None, 0.5, scores, {}, tried, 30, 1.0, split, predictions, counts)


def _split(task: Task, name: str) -> LabelledSplit:
    files = tuple(task.items[name])
    if not task.is_event:
        y = one_hot([task.items[name][file] for file in files], task.labels)
        return LabelledSplit(y, y, files, np.arange(len(files) + 1), np.zeros(0))
    steps = round(1000 * float(task.metadata["sample_duration"])) // STEP_MS
    y = np.zeros((steps * len(files), len(task.labels)), dtype=np.float32)
    y[::3, 0] = 1
    times = np.tile(np.arange(steps) * float(STEP_MS), len(files))
    return LabelledSplit(y, y, files, steps * np.arange(len(files) + 1), times)
