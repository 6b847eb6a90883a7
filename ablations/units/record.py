"""The files of a job: its record, which becomes JSON, and the arrays of its test splits."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from ablations.system.machine import versions
from ablations.units.job import Job, Part
from downstream.embedder import OWN_HOP, Tap
from downstream.fold_result import FoldResult, Solution
from downstream.probes.probe import ProbeConfig
from downstream.tasks.groups import Groups, groups_of


@dataclass(frozen=True)
class TriedRecord:
    """A probe configuration or a solution that was tried, and its validation score."""

    hidden_layers: int | None
    lr: float | None
    init: str | None
    setting: str | None
    validation_score: float

    @classmethod
    def of(cls, tried: ProbeConfig | Solution, score: float) -> "TriedRecord":
        """Describe what was tried."""
        if isinstance(tried, Solution):
            return cls(None, None, None, str(tried), score)
        return cls(tried.hidden_layers, tried.lr, tried.init, None, score)


@dataclass(frozen=True)
class FoldRecord:
    """One fold in a job's JSON: its scores, and the probe that was chosen.

    A probe without epochs has a `setting`, such as "k=5", and none of hidden_layers, lr, init and epoch. One that
    weights levels has level_weights; the JSON of others has no such key.
    """

    fold: str
    scores: dict[str, float]
    missing: dict[str, str]
    test_loss: float
    validation_score: float
    hidden_layers: int | None
    lr: float | None
    init: str | None
    setting: str | None
    epoch: int | None
    epochs_trained: int
    postprocessing: dict[str, float] | None
    tried: list[TriedRecord]
    level_weights: dict[str, float] | None = None

    @classmethod
    def of(cls, result: FoldResult, taps: Sequence[Tap]) -> "FoldRecord":
        """Describe the result of a fold, whose probes were of these taps."""
        chosen = result.chosen
        used, epoch = (chosen, None) if isinstance(chosen, Solution) else (chosen.config, chosen.best.epoch)
        return cls(
            fold=result.fold.name,
            scores=dict(result.scores),
            missing=dict(result.missing),
            test_loss=result.test_loss,
            **vars(TriedRecord.of(used, result.validation_score)),
            epoch=epoch,
            epochs_trained=result.epochs,
            postprocessing=vars(result.postprocessing) if result.postprocessing else None,
            tried=[TriedRecord.of(tried, score) for tried, score in result.tried],
            level_weights=_weights(result, taps),
        )


def _weights(result: FoldResult, taps: Sequence[Tap]) -> dict[str, float] | None:
    """Level -> its weight in the probe that was chosen; None where it has none."""
    if result.level_weights is None:
        return None
    return {level: weight for (level, _), weight in zip(taps, result.level_weights, strict=True)}


@dataclass(frozen=True)
class PartRecord:
    """One of several embedders in a job's JSON, and its taps."""

    embedder: str
    embedder_fp: str
    taps: tuple[Tap, ...]
    hop_ms: int | None
    own_hop_ms: float | None
    precision: str
    versions: dict[str, str]
    lookahead_ms: int | None

    @classmethod
    def of(cls, part: Part) -> "PartRecord":
        """Describe the taps of one embedder in a job."""
        embedder = part.embedder
        own_hop_ms = embedder.own_hop_ms if part.hop_ms == OWN_HOP else None
        taken = embedder.name, embedder.fingerprint, part.taps, part.hop_ms, own_hop_ms
        return cls(*taken, embedder.precision, dict(embedder.versions), part.lookahead_ms)


@dataclass(frozen=True)
class JobRecord:
    """A job's JSON; the attributes are its keys, in this order.

    Pooling and look-ahead stand there if a job has them. Only one of embedders side by side has `parts`, what was taken
    of each; `embedder` and `embedder_fp` are then of all of them together, `taps` and `hop_ms` of the first.
    """

    job: str
    embedder: str
    embedder_fp: str
    taps: tuple[Tap, ...]
    hop_ms: int | None
    own_hop_ms: float | None
    task_folder: str
    task_fp: str
    split_mode: str
    protocol: str
    seed: int
    precision: str
    device: str
    versions: dict[str, str]
    seconds: float
    folds: list[FoldRecord]
    pooling: str | None = None
    lookahead_ms: int | None = None
    parts: list[PartRecord] | None = None

    @classmethod
    def of(cls, job: Job, folds: Sequence[FoldResult], device: str, seconds: float) -> "JobRecord":
        """Describe a job that has ended.

        Args:
            job: what was evaluated.
            folds: the result of each fold.
            device: what probes were trained on.
            seconds: how long the probes took, in packs their share.
        """
        precisions = [part.embedder.precision for part in job.parts]
        of_parts = {name: version for part in reversed(job.parts) for name, version in part.embedder.versions.items()}
        embedder = job.embedder
        return cls(
            job=job.key,
            embedder=job.embedder_name,
            embedder_fp=job.embedder_fp,
            taps=job.taps,
            hop_ms=job.hop_ms,
            own_hop_ms=embedder.own_hop_ms if job.hop_ms == OWN_HOP else None,
            task_folder=job.named.task.name,
            task_fp=job.task_fp,
            split_mode=job.named.task.split_mode,
            protocol=job.protocol,
            seed=job.seed,
            precision=next((p for p in precisions if p != "fp32"), "fp32"),  # some models have no other
            device=torch.cuda.get_device_name(device) if device.startswith("cuda") else "cpu",
            versions={**of_parts, **versions()},
            seconds=round(seconds, 3),
            folds=[FoldRecord.of(fold, job.taps) for fold in folds],
            pooling=job.pooling.name if job.pooling else None,
            lookahead_ms=job.lookahead_ms,
            parts=[PartRecord.of(part) for part in job.parts] if job.beside else None,
        )

    def as_json(self) -> dict[str, Any]:
        """The record as JSON has it."""
        content = asdict(self)
        of_job = [(content, "pooling"), (content, "lookahead_ms"), (content, "parts")]
        of_job += [(part, "lookahead_ms") for part in content["parts"] or ()]
        for part, key in [*of_job, *((fold, "level_weights") for fold in content["folds"])]:
            if part[key] is None:  # as in the jobs of earlier versions
                del part[key]
        return content


def arrays_of(folds: Sequence[FoldResult], groups: Groups) -> dict[str, np.ndarray]:
    """Predictions and targets of every test split, and what each row is, for paired statistics.

    Args:
        folds: the result of each fold.
        groups: of the task's clips; a clip without one has the group "".

    Returns:
        Arrays by "<fold>.<name>": prediction and target (rows, labels), where a target of 0 and 1 alone is uint8, and
        of other numbers float32; files, groups, offsets and timestamps.
    """
    arrays = {}
    for result in folds:
        name = result.fold.name
        arrays[f"{name}.prediction"] = result.predictions.astype(np.float32, copy=False)
        arrays[f"{name}.target"] = _kept(result.test.y)
        arrays[f"{name}.files"] = np.array(result.test.files)
        arrays[f"{name}.groups"] = np.array(groups_of(groups, result.fold.test, result.test.files))
        arrays[f"{name}.offsets"] = result.test.offsets
        arrays[f"{name}.timestamps"] = result.test.timestamps
        if result.counts is not None:
            arrays[f"{name}.counts"] = result.counts
    return arrays


def _kept(targets: np.ndarray) -> np.ndarray:
    """Targets as they are kept: labels in one byte each, numbers as they are."""
    binary = bool(((targets == 0) | (targets == 1)).all())
    return targets.astype(np.uint8 if binary else np.float32)
