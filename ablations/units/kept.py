"""The kept probes of a job: a file beside its JSON that holds the chosen probe of every fold, if a study asks for it.

They belong to the scores of the job, which the file repeats. A job that was done without its probes trains them again;
they are kept if they have the same scores.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ablations.study.study import Study
from ablations.units.job import Job
from ablations.units.jobs import Shared, job_file
from downstream.fold_result import FoldResult
from downstream.notices import warn_once
from downstream.probes.protocol import Protocol
from downstream.solvers import has_weights
from downstream.trained.file import KeptProbes, read_probes, write_probes
from results.rows.job_files import read_job

SUFFIX = ".probes.safetensors"

Scores = Mapping[str, Mapping[str, float]]
"""Fold -> metric -> score."""


def probes_file(folder: Path, key: str) -> Path:
    """The path of a job's kept probes in the folder of a run."""
    return job_file(folder, key).with_suffix(SUFFIX)


def keeps_probes(study: Study) -> bool:
    """Whether a study keeps its probes: those of nearest neighbors would be all training items."""
    return study.keep_probes and has_weights(Protocol.parse(study.protocol).base)


def lacks_probes(study: Study, folder: Path, key: str) -> bool:
    """Whether the probes of a job that is done are to be kept, and are not there or were changed."""
    if not keeps_probes(study):
        return False
    try:
        read_kept(folder, key)
    except FileNotFoundError:
        return True
    except ValueError as error:
        warn_once(f"{error}; its probes are trained again")
        return True
    return False


def read_kept(folder: Path, key: str) -> KeptProbes:
    """Read the kept probes of a job that is done.

    Raises:
        FileNotFoundError: none are kept.
        ValueError: names a file that was changed, or is of other scores than the job's.
    """
    path = probes_file(folder, key)
    kept = read_probes(path)
    scores = kept.facts.get("scores")
    if not isinstance(scores, Mapping) or _difference(scores, _scores_of(read_job(job_file(folder, key)))):
        raise ValueError(f"{path}: not the probes of the scores in {key}.json")
    return kept


def keep(shared: Shared, folds: Sequence[FoldResult], folder: Path) -> None:
    """Write the chosen probes of a job."""
    probes = {result.fold.name: result.probe for result in folds if result.probe is not None}
    write_probes(probes_file(folder, shared.job.key), KeptProbes(_facts(shared, folds), probes))


def keep_again(shared: Shared, folds: Sequence[FoldResult], folder: Path) -> str:
    """Write the probes of a job that was done before, and trained again.

    Returns:
        Why they are not kept, in one line: their scores are others than the job's. Empty if they are kept.
    """
    path = job_file(folder, shared.job.key)
    if difference := _difference(_scores_of(read_job(path)), _scores_made(folds)):
        return (
            f"its probes are not kept: trained again they give another score, {difference}, as on another device or by "
            f"other versions; remove {path}, and the next run makes scores and probes together"
        )
    keep(shared, folds, folder)
    return ""


def _facts(shared: Shared, folds: Sequence[FoldResult]) -> dict[str, Any]:
    """What the file says of a job, as JSON."""
    job: Job = shared.job
    task, embedder = job.named.task, job.embedder
    return {
        "job": job.key,
        "specs": [str(model.spec) for model in shared.models],
        "embedder": job.embedder_name,
        "embedder_fp": job.embedder_fp,
        "precision": embedder.precision,
        "taps": [list(tap) for tap in job.taps],
        "hop_ms": job.hop_ms,
        "task": job.named.key,
        "task_fp": job.task_fp,
        "is_event": task.is_event,
        "labels": list(task.labels),
        "metrics": list(task.metrics),
        "protocol": job.protocol,
        "seed": job.seed,
        "scores": _scores_made(folds),
    }


def _scores_of(job: Mapping[str, Any]) -> Scores:
    return {fold["fold"]: fold["scores"] for fold in job["folds"]}


def _scores_made(folds: Sequence[FoldResult]) -> Scores:
    return {result.fold.name: dict(result.scores) for result in folds}


def _difference(before: Scores, now: Scores) -> str:
    """Describe the first score that is another one; empty if all are equal. NaN equals NaN."""
    if before.keys() != now.keys():
        return f"of folds {', '.join(now)}, expected {', '.join(before)}"
    for fold, scores in before.items():
        for metric, score in scores.items():
            other = now[fold].get(metric, math.inf)
            if other != score and not (math.isnan(other) and math.isnan(score)):
                return f"fold {fold}: {metric} {other:.6g}, expected {score:.6g}"
    return ""
