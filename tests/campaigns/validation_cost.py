"""The cost of one validation: of a probe's scores alone, and of a pack of eight probes from features to scores.

    python -m tests.campaigns.validation_cost --before CHECKOUT --out results/benchmarks/validation_cpu.json

CHECKOUT is a folder with an earlier version, whose packages are measured in a process of their own by this file.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from ablations.benchmarks import events
from ablations.benchmarks.record import Record, command_line
from ablations.system.machine import best
from downstream.evaluate import Evaluation
from downstream.probes.fit import Fitting
from downstream.probes.pack import fit_all
from downstream.probes.probe import ProbeConfig
from downstream.progress import Track, silent
from downstream.scores.scoring import Scorer
from downstream.splits import LabelledSplit
from downstream.tasks.task import Task

PROBES, VALIDATIONS, REPEATS = 8, 2, 3
EQUAL = 1e-12  # how far scores may be from those of the earlier version
SPLITS = ("train", "valid", "test")
COLUMNS = {
    "task": "whose size the made-up split has",
    "items": "to validate on",
    "labels": "",
    "metrics": "of the task, the primary one first",
    "score_seconds": f"of the scores of one probe, from its probabilities; the best of {REPEATS}",
    "validation_seconds": f"of the validation of one of {PROBES} probes of a pack, features, loss and scores within",
    "before_score_seconds": "the same in the earlier version",
    "before_validation_seconds": "the same in the earlier version",
    "score": "the primary one",
}


@dataclass(frozen=True)
class Scenes:
    """The size of a made-up validation split of scenes."""

    items: int
    labels: int
    metrics: tuple[str, ...]
    multilabel: bool


SCENES = {
    "fsd50k": Scenes(4170, 200, ("mAP", "top1_acc", "d_prime", "aucroc"), True),
    "esc50": Scenes(400, 50, ("top1_acc",), False),
}
TASKS = (*SCENES, *events.SIZES)


def measure(
    before: Path | None = None, tasks: Sequence[str] = (), device: str = "cpu", *, track: Track = silent
) -> Record:
    """Measure the scores of a probe and the validation of a pack, at the sizes of several tasks.

    Probes have no hidden layer, and features from which they make the same realistic predictions in every validation.

    Args:
        before: a checkout of an earlier version, measured first.
        tasks: in `TASKS`; none are all.
        device: of the pack; scores of one probe are computed on the CPU.

    Raises:
        ValueError: the earlier version can't be measured, or has other scores.
    """
    names = tuple(tasks) or TASKS
    with track("benchmark", (1 + bool(before)) * len(names)) as advance:
        earlier = {}
        for name in names if before else ():
            earlier[name] = _of_checkout(before, name, device)
            advance(1)
        rows = []
        for name in names:
            row = cost(name, device)
            if name in earlier:
                if not abs(row["score"] - earlier[name]["score"]) <= EQUAL:
                    raise ValueError(f"{name}: the score was {earlier[name]['score']}, now it is {row['score']}")
                row |= {f"before_{key}": value for key, value in earlier[name].items() if key.endswith("seconds")}
            rows.append(row)
            advance(1)
    what = f"made-up predictions in memory; packs of {PROBES} probes without hidden layers, {VALIDATIONS} validations"
    return Record(what, rows, COLUMNS, device=device)


def cost(name: str, device: str) -> dict[str, Any]:
    """Measure one task with the packages of this process."""
    task, valid, predictions = _made_up(name)
    fittings, scorer = _fittings(task, valid, predictions), Scorer(task, "valid", valid)
    scorer.validate(predictions)  # the first of an event task prepares the reference
    (fit, *_) = fit_all(fittings, device)
    return {
        "task": name,
        "items": len(valid.y),
        "labels": valid.y.shape[1],
        "metrics": ", ".join(task.metrics),
        "score_seconds": best(lambda: scorer.validate(predictions), REPEATS),
        "validation_seconds": best(lambda: fit_all(fittings, device), REPEATS) / (PROBES * len(fit.validations)),
        "score": fit.best.score,
    }


def _fittings(task: Task, valid: LabelledSplit, predictions: np.ndarray) -> list[Fitting]:
    """Probes that predict these probabilities: their features are the logits, their weights the identity."""
    logits = torch.logit(torch.from_numpy(predictions), 1e-6).numpy()
    few = LabelledSplit(logits[:4], valid.y[:4], valid.files[:4], np.arange(5), np.zeros(4))
    splits = {"train": few, "valid": dataclasses.replace(valid, x=logits), "test": few}
    labels, every = valid.y.shape[1], ProbeConfig().check_val_every_n_epoch
    config = ProbeConfig(hidden_layers=0, lr=0.0, max_epochs=every * VALIDATIONS, patience=VALIDATIONS + 1)
    initial = {"projection.weight": torch.eye(labels), "projection.bias": torch.zeros(labels)}
    (first, *_) = Evaluation(task, splits).first()
    return [dataclasses.replace(first, config=config, initial=initial, seed=seed) for seed in range(PROBES)]


def _made_up(name: str) -> tuple[Task, LabelledSplit, np.ndarray]:
    """Make a task, its validation split without features, and predictions (items, labels) for it."""
    if name in events.SIZES:
        task, valid, predictions = events.made_up(events.SIZES[name])
        items = task.items["test"]
        few = {file: items[file] for file in list(items)[:4]}
        return dataclasses.replace(task, items={"train": few, "valid": items, "test": few}), valid, predictions
    size, draw = SCENES[name], np.random.default_rng(0)
    if size.multilabel:
        y = (draw.random((size.items, size.labels)) < 0.015).astype(np.float32)
        y[0] = 1
    else:
        y = np.eye(size.labels, dtype=np.float32)[draw.integers(0, size.labels, size.items)]
    predictions = (draw.random(y.shape) * 0.5 + 0.3 * y).astype(np.float32)
    labels, files = tuple(f"label{i}" for i in range(size.labels)), tuple(f"{i}.wav" for i in range(size.items))
    items = {split: dict.fromkeys(files, ()) for split in SPLITS}
    kind = "multilabel" if size.multilabel else "multiclass"
    task = Task(name, Path(), "scene", kind, "trainvaltest", SPLITS, labels, size.metrics, items)
    return task, LabelledSplit(np.zeros((size.items, 0)), y, files, np.arange(size.items + 1), np.zeros(0)), predictions


def _of_checkout(folder: Path, name: str, device: str) -> Mapping[str, Any]:
    """Measure one task with the packages of another folder."""
    if not (folder / "downstream" / "__init__.py").is_file():  # else the installed version would be measured
        raise ValueError(f"{folder}: not a checkout, it has no folder downstream")
    with tempfile.NamedTemporaryFile("r", suffix=".json") as answer:
        # -P: the folder of this file has modules that are named like Python's own
        command = [sys.executable, "-P", str(Path(__file__).resolve()), "one", name, device, answer.name]
        done = subprocess.run(
            command, cwd=folder, env=os.environ | {"PYTHONPATH": str(folder)}, capture_output=True, text=True
        )
        if done.returncode:
            raise ValueError(f"{folder}: can't be measured: {(done.stderr.strip() or 'no message').splitlines()[-1]}")
        found: Mapping[str, Any] = json.loads(answer.read())
        return found


main = command_line(
    measure,
    "python -m tests.campaigns.validation_cost",
    click.option(
        "--before",
        type=click.Path(exists=True, file_okay=False, path_type=Path, resolve_path=True),
        metavar="CHECKOUT",
        help="An earlier version, measured beside this one.",
    ),
    click.option("--task", "tasks", type=click.Choice(list(TASKS)), multiple=True, help="Whose size  [default: all]"),
    click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True),
)

if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        Path(sys.argv[4]).write_text(json.dumps(cost(sys.argv[2], sys.argv[3])))
    else:
        main()
