"""Small tasks and searches for the tests of searches."""

from pathlib import Path

import numpy as np

from tests.conftest import RATE, metadata, tone, write_clip, write_task

SPLITS = ["fold00", "fold01", "fold02"]
SPACE = {
    "checkpoint": "logmel",
    "levels": {"any_of": ["mean", "std"], "at_most": 2},
    "scene_window_ms": [100, 200, 300],
}


def tones(folder: Path, *, turned: str = "") -> Path:
    """A scene task of three folds with low and high tones; a `turned` label file has the other label everywhere."""
    items = {}
    for number, split in enumerate(SPLITS):
        items[split] = {f"{split}{i}.wav": [("low", "high")[(i + (split == turned)) % 2]] for i in range(4)}
        for i, file in enumerate(items[split]):
            stream = np.random.default_rng(10 * number + i)
            sound = tone((300, 1500)[i % 2] * (1 + 0.05 * i), 0.4) + stream.normal(0, 0.2, int(0.4 * RATE))
            write_clip(folder / str(RATE) / split / file, np.clip(sound, -1, 1))
    meta = metadata(split_mode="new_split_kfold", splits=SPLITS)
    return write_task(folder, meta, ["low", "high"], items)


def declared(task: Path, **changes) -> dict:
    """A search of 9 variants of log-mel statistics, as parsed YAML."""
    base = {"name": "mine", "tasks": [str(task)], "space": SPACE, "protocol": "hear2021+grid1", "trials": 5}
    return {**base, "pruning": False, **changes}
