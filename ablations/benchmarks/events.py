"""How fast a validation of an event task is, predictions in memory to chosen post-processing and scores.

Beside hear-eval-kit on the same predictions, where an interpreter that has it is given; its scores have to be the same.
"""

import json
import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import uniform_filter1d

from ablations.system import child
from ablations.system.machine import best, machine, versions
from downstream.events import decoding
from downstream.events import targets as events
from downstream.events.columns import event_columns
from downstream.progress import Track, silent
from downstream.scores import metrics
from downstream.scores.scoring import Scorer
from downstream.splits import LabelledSplit
from downstream.tasks.task import Event, Task

HOP_MS = 50
REPEATS = 5
EQUAL = 1e-9  # how far scores may be from the kit's
PEER = Path(__file__).parent / "peers" / "kit_peer.py"
MAESTRO_NOTES_PER_S = 6.18e6 / (172.3 * 3600)  # Hawthorne et al. 2019, table 1
COLUMNS = {
    "task": "",
    "step": "the whole, or one part: post-processing of all settings, one call of a metric",
    "seconds": "the best of 5 runs",
    "kit_seconds": "hear-eval-kit's, of one run",
    "times_kit": "kit_seconds over seconds",
}


@dataclass(frozen=True)
class Size:
    """A split to be made.

    Attributes:
        events: a file. length_ms: shortest and longest event. noise: standard deviation of that on the predictions.
        grid: of the post-processing; none for HEAR's default.
    """

    name: str
    files: int
    steps: int
    labels: int
    events: int
    length_ms: tuple[int, int]
    noise: float
    metrics: tuple[str, ...]
    grid: Mapping[str, Sequence[float]] | None = None


SIZES = {
    "dcase2016_task2": Size(
        "dcase2016_task2", 14, 2401, 11, 40, (200, 2000), 0.5, ("event_onset_200ms_fms", "segment_1s_er")
    ),
    "maestro": Size(
        "maestro",
        files=37,
        steps=2401,
        labels=88,
        events=round(MAESTRO_NOTES_PER_S * 120),
        length_ms=(100, 600),
        noise=0.22,
        metrics=("event_onset_50ms_fms", "event_onset_offset_50ms_20perc_fms"),
        grid={"median_filter_ms": [150], "min_duration": [50]},
    ),
}


def measure(
    kit: str | None = None, sizes: Sequence[Size] = tuple(SIZES.values()), *, track: Track = silent
) -> dict[str, Any]:
    """Validations of made splits, on one core.

    Args:
        kit: an interpreter that has hear-eval-kit, which validates the same predictions.

    Returns:
        A record to be written as JSON; its `rows` have the columns of `COLUMNS`, its `tasks` say what was validated.

    Raises:
        ValueError: where the kit can't be run, or gives other scores.
    """
    rows, tasks, peer_versions = [], [], None
    with track("benchmark", len(sizes)) as advance:
        for size in sizes:
            task, data, predictions = made(size)
            seconds, scores, setting = _ours(task, data, predictions)
            theirs = _theirs(kit, task, data, predictions) if kit else {}
            peer_versions = theirs.get("versions", peer_versions)
            off = _difference(size.name, scores, setting, theirs) if kit else None
            about = {"scores": scores, "postprocessing": vars(setting), "largest_difference": off}
            tasks.append({**asdict(size), **about})
            rows += _rows(size.name, seconds, theirs.get("seconds", {}))
            advance(1)
    return {
        "what": f"made splits, timestamps every {HOP_MS} ms; from predictions in memory to the chosen post-processing "
        "and all scores",
        "device": machine("cpu"),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "kit_versions": peer_versions,
        "tasks": tasks,
        "columns": COLUMNS,
        "rows": rows,
    }


def made(size: Size, seed: int = 0) -> tuple[Task, LabelledSplit, np.ndarray]:
    """A task of one split `test`, its items without embeddings, and predictions (items, labels): the truth, smoothed
    over three steps, and noise."""
    draw = np.random.Generator(np.random.Philox(key=seed))
    labels = tuple(f"label{i}" for i in range(size.labels))
    timestamps = np.arange(size.steps) * float(HOP_MS)
    items, wanted = {}, []
    for i in range(size.files):
        start = draw.integers(0, int(timestamps[-1]), size.events).astype(float)
        end = start + draw.integers(*size.length_ms, size.events)
        names = [labels[index] for index in draw.integers(0, size.labels, size.events)]
        items[f"file{i}.wav"] = tuple(map(Event, names, start.tolist(), end.tolist()))
        wanted.append(events.targets(items[f"file{i}.wav"], timestamps, labels))
    y = np.concatenate(wanted)
    smooth = np.concatenate([uniform_filter1d(truth, 3, axis=0) for truth in wanted])
    noise = draw.standard_normal(y.shape, dtype=np.float32) * np.float32(size.noise)
    params = {"event_postprocessing_grid": size.grid} if size.grid else {}
    splits = ("train", "valid", "test")
    kinds = ("event", "multilabel", "trainvaltest")
    task = Task(size.name, Path(), *kinds, splits, labels, size.metrics, {"test": items}, evaluation_params=params)
    offsets = np.arange(size.files + 1) * size.steps
    data = LabelledSplit(np.zeros((len(y), 0)), y, tuple(items), offsets, np.tile(timestamps, size.files))
    return task, data, np.clip(smooth + noise, 0, 1)


def to_markdown(found: dict[str, Any]) -> str:
    """The rows of a record as a table, and what was validated in lines below."""
    table = pd.DataFrame(found["rows"])[list(COLUMNS)].dropna(axis=1, how="all")
    lines = [table.to_markdown(index=False, floatfmt=".4g"), ""]
    for task in found["tasks"]:
        parts = ", ".join(f"{name} {task['scores'][name]:.4f}" for name in task["metrics"])
        size = (
            f"{task['files']} files x {task['steps']} steps x {task['labels']} labels, {task['events']} events a file"
        )
        off = task["largest_difference"]
        equal = "" if off is None else f"; hear-eval-kit's scores differ by {off:.1g} at most"
        lines.append(f"{task['name']}: {size}; {parts}{equal}")
    return "\n".join(lines)


def _ours(
    task: Task, data: LabelledSplit, predictions: np.ndarray
) -> tuple[dict[str, float], dict[str, float], events.PostProcessing]:
    """Seconds by step, scores, post-processing."""
    scorer = Scorer(task, "test", data)
    scores, setting = scorer.validate(predictions)
    line = decoding.timeline(data.timestamps, data.offsets)
    reference = event_columns([task.items["test"][file] for file in data.files], task.labels)
    widths = {line.widths(point.median_filter_ms) for point in events.postprocessing_grid(task.evaluation_params)}
    runs = decoding.runs(predictions, line, line.widths(setting.median_filter_ms))
    steps = {
        "first validation": lambda: Scorer(task, "test", data).validate(predictions),
        "validation": lambda: scorer.validate(predictions),
        "postprocessing": lambda: [decoding.runs(predictions, line, each) for each in widths],
    }
    for name in task.metrics:
        steps[name] = lambda name=name: metrics.get(name).score(reference, runs.lasting(setting.min_duration))
    return {name: best(run, REPEATS) for name, run in steps.items()}, scores, setting


def _theirs(kit: str, task: Task, data: LabelledSplit, predictions: np.ndarray) -> dict[str, Any]:
    """hear-eval-kit's answer (`event_peer.py`)."""
    reference = {file: [vars(event) for event in task.items["test"][file]] for file in data.files}
    grid = task.evaluation_params.get("event_postprocessing_grid", events.DEFAULT_GRID)
    with tempfile.TemporaryDirectory() as folder:
        files = np.repeat(data.files, np.diff(data.offsets))
        arrays = {"predictions": predictions, "timestamps": data.timestamps, "files": files}
        np.savez(Path(folder) / "predictions.npz", **arrays)
        (Path(folder) / "events.json").write_text(json.dumps(reference))
        about = {"threads": torch.get_num_threads(), "folder": folder, "grid": grid}
        request = json.dumps({**about, "metrics": task.metrics, "labels": task.labels})
        return child.ask([kit, str(PEER), request], child.PEER_S, f"{kit}: hear-eval-kit can't be timed with it")


def _difference(name: str, scores: Mapping[str, float], setting: events.PostProcessing, theirs: Mapping) -> float:
    """The largest of the differences of scores; ValueError where they, or the chosen settings, are not the same."""
    same = vars(setting) == theirs["postprocessing"] and set(scores) == set(theirs["scores"])
    pairs = [(score, theirs["scores"][metric]) for metric, score in scores.items()] if same else []
    off = [0.0 if score != score and other != other else abs(score - other) for score, other in pairs]
    if not same or not all(difference <= EQUAL for difference in off):
        got = f"{theirs['scores']} at {theirs['postprocessing']}"
        raise ValueError(f"{name}: hear-eval-kit gives {got}, expected {dict(scores)} at {vars(setting)}")
    return max(off)


def _rows(task: str, seconds: Mapping[str, float], kit: Mapping[str, float]) -> list[dict[str, Any]]:
    rows = []
    for step, here in seconds.items():
        there = kit.get("validation" if step == "first validation" else step, math.nan)
        rows.append({"task": task, "step": step, "seconds": here, "kit_seconds": there, "times_kit": there / here})
    return [{name: None if value != value else value for name, value in row.items()} for row in rows]
