"""Speed of validating an event task: from predictions in memory to the chosen post-processing and all scores.

If an interpreter has hear-eval-kit, the kit validates the same predictions, and its scores must be the same.
"""

import functools
import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
from scipy.ndimage import uniform_filter1d

from ablations.benchmarks import peer
from ablations.benchmarks.record import Record, command_line
from ablations.kit.process import interpreter
from ablations.system.machine import best
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
    """The size of a made-up split, named after the task that has it."""

    name: str
    files: int
    steps: int  # timestamps of a file
    labels: int
    events: int  # of a file
    length_ms: tuple[int, int]  # shortest and longest event
    noise: float  # standard deviation of the noise on predictions
    metrics: tuple[str, ...]  # the primary one first
    grid: Mapping[str, Sequence[float]] | None = None  # of the post-processing, None for HEAR's default


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


def measure(kit: str | Path | None = None, tasks: Sequence[str] = (), *, track: Track = silent) -> Record:
    """Measure a validation of an event task: post-processing of predictions and scores, against hear-eval-kit.

    Args:
        kit: an interpreter that has hear-eval-kit.
        tasks: names in `SIZES`, whose sizes the made-up splits have; none are all.

    Raises:
        FileNotFoundError: if there is no such interpreter.
        ValueError: if the kit can't be run, or gives other scores.
    """
    kit = kit and interpreter(kit)
    rows, validated, lines, kit_versions = [], [], [], None
    sizes = [SIZES[name] for name in tasks or SIZES]
    with track("benchmark", len(sizes)) as advance:
        for size in sizes:
            task, data, predictions = made_up(size)
            scores, setting = _validated(Scorer(task, "test", data), predictions)
            seconds = {step: best(run, REPEATS) for step, run in _steps(task, data, predictions, setting).items()}
            answer = _ask_kit(kit, task, data, predictions) if kit else {}
            difference = _difference(size.name, scores, setting, answer) if kit else None
            kit_versions = answer.get("versions", kit_versions)
            outcome = {"scores": scores, "postprocessing": vars(setting), "largest_difference": difference}
            validated.append({**asdict(size), **outcome})
            lines.append(_line(size, scores, difference))
            rows += _rows(size.name, seconds, answer.get("seconds", {}))
            advance(1)
    return Record(
        f"made splits, timestamps every {HOP_MS} ms; from predictions in memory to the chosen post-processing and all "
        "scores",
        rows,
        COLUMNS,
        facts={"kit_versions": kit_versions, "tasks": validated},
        lines=lines,
    )


def made_up(size: Size, seed: int = 0) -> tuple[Task, LabelledSplit, np.ndarray]:
    """Make a task with one split `test`, the split without embeddings, and predictions (items, labels).

    Predictions are the targets, smoothed over three steps, plus noise.
    """
    draw = np.random.Generator(np.random.Philox(key=seed))
    labels = tuple(f"label{i}" for i in range(size.labels))
    timestamps = np.arange(size.steps) * float(HOP_MS)
    items, targets = {}, []
    for i in range(size.files):
        start = draw.integers(0, int(timestamps[-1]), size.events).astype(float)
        end = start + draw.integers(*size.length_ms, size.events)
        names = [labels[index] for index in draw.integers(0, size.labels, size.events)]
        items[f"file{i}.wav"] = tuple(map(Event, names, start.tolist(), end.tolist()))
        targets.append(events.targets(items[f"file{i}.wav"], timestamps, labels))
    y = np.concatenate(targets)
    smooth = np.concatenate([uniform_filter1d(target, 3, axis=0) for target in targets])
    noise = draw.standard_normal(y.shape, dtype=np.float32) * np.float32(size.noise)
    params = {"event_postprocessing_grid": size.grid} if size.grid else {}
    splits = ("train", "valid", "test")
    kinds = ("event", "multilabel", "trainvaltest")
    task = Task(size.name, Path(), *kinds, splits, labels, size.metrics, {"test": items}, evaluation_params=params)
    offsets = np.arange(size.files + 1) * size.steps
    data = LabelledSplit(np.zeros((len(y), 0)), y, tuple(items), offsets, np.tile(timestamps, size.files))
    return task, data, np.clip(smooth + noise, 0, 1)


def _steps(
    task: Task, data: LabelledSplit, predictions: np.ndarray, setting: events.PostProcessing
) -> dict[str, Callable[[], object]]:
    """Return what is timed, by the step's name."""
    scorer = Scorer(task, "test", data)
    scorer.validate(predictions)  # the first validation takes longer
    line = decoding.timeline(data.timestamps, data.offsets)
    reference = event_columns([task.items["test"][file] for file in data.files], task.labels)
    widths = {line.widths(point.median_filter_ms) for point in events.postprocessing_grid(task.evaluation_params)}
    runs = decoding.runs(predictions, line, line.widths(setting.median_filter_ms))

    def score(name: str) -> object:
        return metrics.get(name).score(reference, runs.lasting(setting.min_duration))

    return {
        "first validation": lambda: _validated(Scorer(task, "test", data), predictions),
        "validation": lambda: _validated(scorer, predictions),
        "postprocessing": lambda: [decoding.runs(predictions, line, width) for width in widths],
        **{name: functools.partial(score, name) for name in task.metrics},
    }


def _validated(scorer: Scorer, predictions: np.ndarray) -> tuple[dict[str, float], events.PostProcessing]:
    """Choose the post-processing; return it with all scores, as the kit does."""
    _, setting = scorer.validate(predictions)
    assert setting is not None, "an event task has a post-processing"
    return scorer.scores(predictions, setting), setting


def _ask_kit(kit: str | Path, task: Task, data: LabelledSplit, predictions: np.ndarray) -> dict[str, Any]:
    """Return the answer of `kit_peer.py`."""
    reference = {file: [vars(event) for event in task.items["test"][file]] for file in data.files}
    grid = task.evaluation_params.get("event_postprocessing_grid", events.DEFAULT_GRID)
    with tempfile.TemporaryDirectory() as folder:
        files = np.repeat(data.files, np.diff(data.offsets))
        arrays = Path(folder) / "predictions.npz"
        np.savez(arrays, predictions=predictions, timestamps=data.timestamps, files=files)
        (Path(folder) / "events.json").write_text(json.dumps(reference))
        request = {"folder": folder, "grid": grid, "metrics": task.metrics, "labels": task.labels}
        answer: dict[str, Any] = peer.ask("kit_peer.py", kit, "hear-eval-kit", **request)
        return answer


def _difference(
    name: str, scores: Mapping[str, float], setting: events.PostProcessing, answer: Mapping[str, Any]
) -> float:
    """Return the largest difference from the kit's scores; ValueError if they, or the chosen setting, are others."""
    same = vars(setting) == answer["postprocessing"] and set(scores) == set(answer["scores"])
    pairs = [(score, answer["scores"][metric]) for metric, score in scores.items()] if same else []
    differences = [0.0 if math.isnan(ours) and math.isnan(kits) else abs(ours - kits) for ours, kits in pairs]
    if not same or not all(difference <= EQUAL for difference in differences):
        got = f"{answer['scores']} at {answer['postprocessing']}"
        raise ValueError(f"{name}: hear-eval-kit gives {got}, expected {dict(scores)} at {vars(setting)}")
    return max(differences)


def _rows(task: str, seconds: Mapping[str, float], kit: Mapping[str, float]) -> list[dict[str, Any]]:
    rows = []
    for step, ours in seconds.items():
        kits = kit.get("validation" if step == "first validation" else step, math.nan)
        rows.append({"task": task, "step": step, "seconds": ours, "kit_seconds": kits, "times_kit": kits / ours})
    return rows


def _line(size: Size, scores: Mapping[str, float], difference: float | None) -> str:
    parts = ", ".join(f"{name} {scores[name]:.4f}" for name in size.metrics)
    equal = "" if difference is None else f"; hear-eval-kit's scores differ by {difference:.1g} at most"
    split = f"{size.files} files x {size.steps} steps x {size.labels} labels, {size.events} events a file"
    return f"{size.name}: {split}; {parts}{equal}"


main = command_line(
    measure,
    "ablate benchmark events",
    click.option("--kit", type=click.Path(), metavar="PYTHON", help="An interpreter with hear-eval-kit (minutes)."),
    click.option("--task", "tasks", type=click.Choice(list(SIZES)), multiple=True, help="Whose size  [default: all]"),
)
