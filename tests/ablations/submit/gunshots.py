"""A folder that has the name, the splits and the number of clips of HEAR's smallest task, with sounds of our own."""

import json
from pathlib import Path

import numpy as np

from tests.conftest import metadata, tone, write_clip, write_task

NAME = "gunshot_triangulation-v1.0-full"
SPLITS = tuple(f"fold{number:02d}" for number in range(7))
LABELS = ("a", "b", "c", "d")


def write_gunshots(tasks: Path, clips: int = 88) -> Path:
    """Write noisy tones of four labels, whose pitches overlap."""
    stream, changes = np.random.default_rng(0), {"split_mode": "presplit_kfold", "splits": SPLITS, "nfolds": 7}
    items: dict[str, dict[str, list[str]]] = {split: {} for split in SPLITS}
    for clip in range(clips):
        split, label = SPLITS[clip % 7], clip % 4
        frequency = 300 * 1.5**label * 2 ** stream.normal(0, 0.4)
        sound = tone(frequency, 0.25) + stream.normal(0, 0.1, 4000)
        write_clip(tasks / NAME / "16000" / split / f"{clip}.wav", sound.clip(-1, 1))
        items[split][f"{clip}.wav"] = [LABELS[label]]
    folder = write_task(tasks / NAME, metadata(**changes), list(LABELS), items)
    assert json.loads((folder / "task_metadata.json").read_text())["splits"]
    return folder
