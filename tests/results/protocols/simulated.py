"""Runs made of what models get right, for tests of protocols."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from results.rows import rows
from tests.results.tables.test_compose import crossed

FOLDS = 2
EVENTS = "dcase2016_task2"


def write_run(
    folder: Path, protocol: str, right: Mapping[str, Mapping[str, np.ndarray]], groups: int | None = None
) -> Path:
    """Write a run under a protocol.

    Args:
        right: of each task, of each model, what it gets right: (clips,) bool. Clips are parted into `FOLDS` folds. In
            the task `EVENTS`, a clip has one event, and a model that is wrong predicts none.
        groups: the number of groups that clips are in by turns; None for none.
    """
    (folder / "jobs").mkdir(parents=True)
    tables = []
    for task, models in right.items():
        table = crossed(models=tuple(models), tasks=(task,), folds=FOLDS, seeds=1)
        table["job"] = table["model"] + table["task"]
        table["task_fp"] = task
        table["embedder_fp"] = table["model"]
        for model, answers in models.items():
            folds = np.array_split(np.arange(len(answers)), FOLDS)
            arrays: dict[str, np.ndarray] = {}
            for number, places in enumerate(folds):
                hits = np.asarray(answers)[places]
                of_fold = (table["model"] == model) & (table["fold"] == f"fold{number:02d}")
                table.loc[of_fold, "score"] = _score(hits, task)
                for name, values in _arrays(hits, places, task, groups).items():
                    arrays[f"fold{number:02d}.{name}"] = values
            np.savez(folder / "jobs" / f"{model}{task}.npz", **arrays)
        tables.append(table)
    whole = pd.concat(tables).assign(protocol=protocol)
    rows.write_rows(whole.astype(object).where(whole.notna(), None).to_dict("records"), folder / "rows.csv")
    return folder


def _score(right: np.ndarray, task: str) -> float:
    return 2 * right.sum() / (right.sum() + len(right)) if task == EVENTS else right.mean()


def _arrays(right: np.ndarray, places: np.ndarray, task: str, groups: int | None) -> dict[str, np.ndarray]:
    label = places % 3
    arrays = {
        "files": np.array([f"{place:04d}" for place in places]),
        "groups": np.array(["" if groups is None else f"g{place % groups}" for place in places]),
        "prediction": np.eye(3, dtype=np.float32)[np.where(right, label, (label + 1) % 3)],
        "target": np.eye(3, dtype=np.uint8)[label],
        "offsets": np.arange(len(places) + 1),
        "timestamps": np.arange(len(places)) * 50.0 if task == EVENTS else np.array([]),
    }
    if task == EVENTS:
        arrays["counts"] = np.stack([right, right, np.ones(len(right))], 1).astype(int)
    return arrays


def answers(shares: Mapping[str, float], clips: int, seed: int) -> dict[str, np.ndarray]:
    """Draw what models get right of the same clips; some clips are harder than others, for all of them."""
    rng = np.random.default_rng(seed)
    difficulty = rng.normal(0, 0.15, clips)
    return {model: rng.random(clips) < np.clip(share + difficulty, 0, 1) for model, share in shares.items()}
