"""Write scores in the format of hear-eval-kit's ``test.predicted-scores.json`` (2021.1.3).

There are two differences: scores are float64, while the kit's went through float32, and ``initialization`` lacks the
memory address that the kit adds.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from downstream.disk.files import write_atomically
from downstream.evaluate import selection_of
from downstream.fold_result import FoldResult, Solution
from downstream.probes.fit import Fit
from downstream.probes.protocol import BASE, Protocol
from downstream.scores import metrics
from downstream.scores.missing import has_positives
from downstream.tasks.task import Task

NAME = "test.predicted-scores.json"
PARTS = ("precision", "recall")  # of an event metric, behind its main one


def write_scores(path: Path, record: dict[str, Any]) -> None:
    """Write `scores_record` as JSON, atomically.

    NaN, Infinity and -Infinity are written as the kit writes them.
    """
    text = json.dumps(record, indent=4, allow_nan=True)
    write_atomically(path, lambda file: file.write(text.encode()))


def scores_record(task: Task, results: Sequence[FoldResult], protocol: str = BASE) -> dict[str, Any]:
    """The kit's record of an evaluation.

    It has the scores of folds, their mean and standard deviation over folds, and the chosen probe.

    Args:
        results: of `evaluate`; all folds have the probe configuration of the first.
        protocol: of the evaluation; if it differs from the kit's, the record names it under a key of its own.
    """
    folds = {result.fold.name: fold_scores(task, result) for result in results}
    record: dict[str, Any] = dict(folds)
    if len(folds) > 1:
        record["aggregated_scores"] = _aggregated(folds)
    beyond = {} if str(Protocol.parse(protocol)) == BASE else {"protocol": protocol}
    return (
        record
        | beyond
        | {
            "hparams": _hparams(results[0].chosen),
            "postprocessing": _postprocessing(results[0]),
            "score_mode": selection_of(task).mode,
            "embedding_path": str(task.folder),
        }
    )


def fold_scores(task: Task, result: FoldResult) -> dict[str, float]:
    """The scores of a fold under the kit's keys: test loss, test scores, and the best validation score."""
    scores = dict(result.scores)
    if "mAP" in scores and not has_positives(result.test.y):
        scores["mAP"] = 0.0  # it is NaN in `result.scores` (`downstream.scores.missing`)
    record = {"test_loss": result.test_loss, "test_score": scores[task.metrics[0]]}
    for name in task.metrics:
        record[f"test_{name}"] = scores[name]
        if task.is_event:
            main = "f_measure" if metrics.get(name).higher_is_better else "error_rate"
            record[f"test_{name}_{main}"] = scores[name]
            parts = [f"{name}_{part}" for part in PARTS if f"{name}_{part}" in scores]
            record |= {f"test_{part}": scores[part] for part in parts}
    record["validation_score"] = result.validation_score
    if isinstance(result.chosen, Solution):
        return record
    return record | {"epoch": result.chosen.best.epoch, "time_in_min": result.chosen.seconds / 60}


def _aggregated(folds: dict[str, dict[str, float]]) -> dict[str, float]:
    """Mean and standard deviation (ddof 1) over folds, without NaN."""
    scores = pd.DataFrame.from_dict(folds, orient="index")
    aggregated: dict[str, float] = {}
    for name in scores:
        aggregated |= {f"{name}_mean": float(scores[name].mean()), f"{name}_std": float(scores[name].std())}
    return aggregated


def _hparams(chosen: Fit | Solution) -> dict[str, Any]:
    if isinstance(chosen, Solution):
        return {chosen.setting: chosen.value}
    config = chosen.config
    return {
        "batch_size": config.batch_size,
        "check_val_every_n_epoch": config.check_val_every_n_epoch,
        "dropout": config.dropout,
        "embedding_norm": "<class 'torch.nn.modules.linear.Identity'>",
        "hidden_dim": config.hidden_dim,
        "hidden_layers": config.hidden_layers,
        "hidden_norm": "<class 'torch.nn.modules.batchnorm.BatchNorm1d'>",
        "initialization": f"<function {config.init}_>",
        "lr": config.lr,
        "max_epochs": config.max_epochs,
        "norm_after_activation": False,
        "optim": "<class 'torch.optim.adam.Adam'>",
        "patience": config.patience,
    }


def _postprocessing(result: FoldResult) -> list[list[str | float]]:
    chosen = result.postprocessing
    if chosen is None:
        return []
    return [["median_filter_ms", chosen.median_filter_ms], ["min_duration", chosen.min_duration]]
