"""A job: one embedder's taps on one task under one protocol and seed; and the record it leaves behind."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from ablations.system.machine import versions
from ablations.tasks.names import NamedTask
from downstream.disk.files import fingerprint
from downstream.embedder import OWN_HOP, Embedder, Tap
from downstream.events.targets import rests_on_slack
from downstream.fold_result import FoldResult
from downstream.tasks.audio import SplitAudio
from downstream.tasks.groups import Groups, groups_of
from downstream.tasks.task import Task

FORMAT = 2  # part of a job's key; raised when its protocols give other numbers
ENDS = "start <= t < end + 1e-4 ms"
"""Part of a job's key where this labels a timestamp that start <= t <= end, the rule of earlier versions, does not."""


@dataclass(frozen=True)
class Job:
    """One embedder's taps on one task under one protocol and seed; several models of a study may share it.

    Attributes:
        hop_ms: distance of timestamps; None for scenes. slack: see `needs_slack`.
    """

    embedder: Embedder
    taps: tuple[Tap, ...]
    hop_ms: int | None
    named: NamedTask
    task_fp: str
    audio_fp: str
    protocol: str
    seed: int
    slack: bool = False

    @property
    def key(self) -> str:
        """16 hex digits that name the job's files."""
        embedding = [self.embedder.fingerprint, self.taps, self.hop_ms]
        targets = [ENDS] if self.slack else []
        return fingerprint([FORMAT, *embedding, self.task_fp, self.audio_fp, self.protocol, self.seed, *targets])


def fingerprints(task: Task, audio: Mapping[str, SplitAudio]) -> tuple[str, str]:
    """Of the task, which is sound, labels and metadata, and of its sound as the model hears it, at its rate."""
    labels = {split: [[f, *map(str, items)] for f, items in task.items[split].items()] for split in task.splits}
    content = {split: sorted(clips.hashes.items()) for split, clips in audio.items()}
    heard = {split: clips.fingerprint for split, clips in audio.items()}
    return fingerprint([content, labels, task.labels, dict(task.metadata)]), fingerprint(heard)


def needs_slack(task: Task, hop_ms: int | None) -> bool:
    """Whether labels of timestamps so far apart differ from those of earlier versions (see `ENDS`).

    Timestamps of a model's own are taken to be whole milliseconds.
    """
    if not task.is_event or hop_ms is None:
        return False
    events = (event for files in task.items.values() for found in files.values() for event in found)
    return rests_on_slack(events, hop_ms or 1)


def record(job: Job, folds: Sequence[FoldResult], device: str, seconds: float) -> dict[str, Any]:
    """A job's JSON."""
    return {
        "job": job.key,
        "embedder": job.embedder.name,
        "embedder_fp": job.embedder.fingerprint,
        "taps": job.taps,
        "hop_ms": job.hop_ms,
        "own_hop_ms": job.embedder.own_hop_ms if job.hop_ms == OWN_HOP else None,
        "task_folder": job.named.task.name,
        "task_fp": job.task_fp,
        "split_mode": job.named.task.split_mode,
        "protocol": job.protocol,
        "seed": job.seed,
        "precision": getattr(job.embedder, "precision", "fp32"),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu",
        "versions": {**getattr(job.embedder, "versions", {}), **versions()},
        "seconds": round(seconds, 3),
        "folds": [_fold_record(fold) for fold in folds],
    }


def _fold_record(result: FoldResult) -> dict[str, Any]:
    config, best = result.chosen.config, result.chosen.best
    setting = result.postprocessing
    return {
        "fold": result.fold.name,
        "scores": dict(result.scores),
        "missing": dict(result.missing),
        "test_loss": result.test_loss,
        "validation_score": best.score,
        "hidden_layers": config.hidden_layers,
        "lr": config.lr,
        "init": config.init,
        "epoch": best.epoch,
        "epochs_trained": result.epochs,
        "postprocessing": vars(setting) if setting else None,
        "tried": [
            {"hidden_layers": tried.hidden_layers, "lr": tried.lr, "init": tried.init, "validation_score": score}
            for tried, score in result.tried
        ],
    }


def test_arrays(folds: Sequence[FoldResult], groups: Groups) -> dict[str, np.ndarray]:
    """Predictions and targets of every test split, with what each row is, for paired statistics.

    Args:
        groups: of the task's clips. A clip on its own has the group "".
    """
    arrays = {}
    for result in folds:
        name = result.fold.name
        arrays[f"{name}.prediction"] = result.predictions.astype(np.float32, copy=False)
        arrays[f"{name}.target"] = result.test.y.astype(np.uint8)
        arrays[f"{name}.files"] = np.array(result.test.files)
        arrays[f"{name}.groups"] = np.array(groups_of(groups, result.fold.test, result.test.files))
        arrays[f"{name}.offsets"] = result.test.offsets
        arrays[f"{name}.timestamps"] = result.test.timestamps
        if result.counts is not None:
            arrays[f"{name}.counts"] = result.counts
    return arrays
