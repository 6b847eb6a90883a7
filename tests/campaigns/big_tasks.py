"""Made-up tasks of any size: many short clips with labels, or long ones with events; a seed decides everything.

Labels are tones over noise, so that a probe has something to learn.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from downstream.progress import Track, silent

TONE, NOISE = 0.05, 0.02  # amplitude, standard deviation
LOWEST_HZ, HIGHEST_HZ = 80.0, 12000.0
LABELS_A_CLIP = 3  # of a scene, at most
EVENTS_A_SECOND, EVENT_S = 8.0, (0.1, 1.0)  # the range of lengths


@dataclass(frozen=True)
class Size:
    """The size of a made-up task.

    Attributes:
        kind: scenes or events.
        clips: in all splits.
        seconds: of a clip.
        labels: of the task.
        metric: the primary one.
        split_mode: HEAR's.
        splits: name -> share of the clips.
        rate: of the sound, in Hz.
    """

    kind: str
    clips: int
    seconds: float
    labels: int
    metric: str
    split_mode: str
    splits: dict[str, float]
    rate: int = 32000


SIZES = {
    "scenes": Size("scenes", 50_000, 1.0, 200, "mAP", "trainvaltest", {"train": 0.8, "valid": 0.1, "test": 0.1}),
    "events": Size(
        "events", 185, 120.0, 88, "event_onset_50ms_fms", "presplit_kfold", {f"fold{i:02d}": 0.2 for i in range(5)}
    ),
}
"""Clips and labels of FSD50K, shortened to 1 s; clips, labels and folds of MAESTRO 5h."""


def make(size: Size, folder: Path, *, seed: int = 0, max_epochs: int | None = None, track: Track = silent) -> Path:
    """Make a HEAR task folder in `folder` if it does not exist, complete or not at all.

    Args:
        size: of the task.
        folder: of task folders.
        seed: of sounds and labels.
        max_epochs: of a probe, None for HEAR's default.
    """
    epochs = "" if max_epochs is None else f"-{max_epochs}epochs"
    task = folder / f"big_{size.kind}-{size.clips}x{size.seconds:g}s-seed{seed}{epochs}"
    if task.is_dir():
        return task
    partial = task.with_name(f".{task.name}.partial")
    labels = [f"tone{i:03d}" for i in range(size.labels)]
    with track(f"making {task.name}", size.clips) as advance:
        for split, files in _dealt(size):
            place = partial / str(size.rate) / split
            place.mkdir(parents=True, exist_ok=True)
            items = {}
            for number, file in files:
                sound, items[file] = _clip(size, np.random.default_rng((seed, number)), labels)
                soundfile.write(place / file, sound, size.rate, subtype="PCM_16")
                advance(1)
            (partial / f"{split}.json").write_text(json.dumps(items))
    rows = "".join(f"{index},{label}\n" for index, label in enumerate(labels))
    (partial / "labelvocabulary.csv").write_text("idx,label\n" + rows)
    (partial / "task_metadata.json").write_text(json.dumps(_metadata(size, task.name, max_epochs)))
    partial.rename(task)
    return task


def _dealt(size: Size) -> Iterator[tuple[str, list[tuple[int, str]]]]:
    """Yield every split with the numbers and names of its clips, at least one."""
    start, share = 0, 0.0
    for split, part in size.splits.items():
        share += part
        stop = max(start + 1, round(share * size.clips))
        yield split, [(number, f"clip{number:06d}.wav") for number in range(start, stop)]
        start = stop


def _clip(size: Size, draw: np.random.Generator, labels: list[str]) -> tuple[np.ndarray, list[Any]]:
    """Make a clip and its labels, or its events in ms."""
    samples = round(size.seconds * size.rate)
    sound = draw.standard_normal(samples, dtype=np.float32) * NOISE
    if size.kind == "scenes":
        chosen = sorted(draw.choice(len(labels), draw.integers(1, LABELS_A_CLIP + 1), replace=False).tolist())
        for label in chosen:
            sound += _tone(size, label, samples)
        return sound, [labels[label] for label in chosen]
    count = max(1, round(EVENTS_A_SECOND * size.seconds))
    events = []
    for start, length, label in zip(
        np.sort(draw.random(count)) * (size.seconds - EVENT_S[0]),
        draw.uniform(*EVENT_S, count),
        draw.integers(len(labels), size=count).tolist(),
        strict=True,
    ):
        first, stop = round(start * size.rate), min(samples, round((start + length) * size.rate))
        sound[first:stop] += _tone(size, label, stop - first)
        events.append({"label": labels[label], "start": 1000 * first / size.rate, "end": 1000 * stop / size.rate})
    return np.clip(sound, -1, 1), events


def _tone(size: Size, label: int, samples: int) -> np.ndarray:
    hertz = LOWEST_HZ * (HIGHEST_HZ / LOWEST_HZ) ** (label / size.labels)
    return (TONE * np.sin(2 * np.pi * hertz / size.rate * np.arange(samples))).astype(np.float32)


def _metadata(size: Size, name: str, max_epochs: int | None) -> dict[str, Any]:
    grid = {} if max_epochs is None else {"task_specific_param_grid": {"max_epochs": [max_epochs]}}
    post = {"event_postprocessing_grid": {"median_filter_ms": [150], "min_duration": [50]}}
    return {
        "task_name": name,
        "version": "1",
        "embedding_type": "scene" if size.kind == "scenes" else "event",
        "prediction_type": "multilabel",
        "split_mode": size.split_mode,
        "sample_duration": size.seconds,
        "evaluation": [size.metric],
        "splits": list(size.splits),
        "evaluation_params": grid | (post if size.kind == "events" else {}),
    }
