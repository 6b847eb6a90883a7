"""How fast probes train: seconds per fit and epoch by the number of probes in a pack, and beside hear-eval-kit."""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ablations.kit import process
from ablations.kit.crosscheck import copied
from ablations.system.machine import machine, product_rates, versions
from downstream.evaluate import evaluate
from downstream.kit.read import read_folder
from downstream.probes.features import ProbeData
from downstream.probes.fit import Fit, Fitting, fit
from downstream.probes.pack import fit_all
from downstream.probes.probe import ProbeConfig
from downstream.probes.selection import Selection
from downstream.progress import Track, silent

ITEMS, VALID_ITEMS, DIM, LABELS = 240, 80, 1295, 10  # ESC-10 at the width of PaSST's logits and features
EPOCHS = 30
REPEATS = 3
PACKS = {"cpu": (1, 2, 4, 8, 16), "cuda": (1, 4, 16, 64, 256)}
COLUMNS = {
    "hidden_layers": "",
    "way": "packs, or the one-at-a-time trainer",
    "probes": "in the pack",
    "ms_per_fit_epoch": "milliseconds, validations within, the median of 3 runs",
    "fit_epochs_per_s": "",
    "gflops": "10^9 operations (two a multiply-add) of the probes' products a second",
    "share": "gflops over the machine's own product rate",
    "times_trainer": "the trainer's time over this",
}


def probes(
    device: str = "cpu", *, folder: Path | None = None, kit: Path | None = None, track: Track = silent
) -> dict[str, Any]:
    """Made-up features of ESC-10's size, so many epochs of each probe, inputs in memory.

    Args:
        folder: an embedding folder of hear-eval-kit, which is evaluated too; by the kit first, where `kit` is an
            interpreter that has it.

    Returns:
        A record to be written as JSON; its `rows` have the columns of `COLUMNS`.
    """
    if folder:
        read_folder(folder)  # what is wrong with it is said before anything is measured
    _, rate = product_rates(device)
    rows, packs = [], PACKS[torch.device(device).type]
    with track("benchmark", 2 * (len(packs) + 1)) as advance:
        for layers in (1, 2):
            fittings = _fittings(layers, max(packs))
            alone = _seconds(lambda some: [fit(some[0], device)], fittings[:1], device)
            rows.append(_row(layers, "trainer", 1, alone, alone, rate))
            advance(1)
            for size in packs:
                seconds = _seconds(lambda some: fit_all(some, device), fittings[:size], device)
                rows.append(_row(layers, "pack", size, seconds, alone, rate))
                advance(1)
    return {
        "what": f"{ITEMS} items of {DIM} features, {LABELS} labels, {EPOCHS} epochs, hidden layers of "
        f"{ProbeConfig().hidden_dim} units, dropout {ProbeConfig().dropout}, batches of {ProbeConfig().batch_size}",
        "device": machine(device),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "product_gflops": rate / 1e9,
        "evaluation": _evaluations(folder, kit, device, track) if folder else None,
        "columns": COLUMNS,
        "rows": rows,
    }


def to_markdown(found: dict[str, Any]) -> str:
    """The rows of a record as a table, and what else it says in lines below."""
    table = pd.DataFrame(found["rows"])[list(COLUMNS)]
    lines = [table.to_markdown(index=False, floatfmt=".4g"), "", found["what"]]
    lines.append(f"Machine's product rate: {found['product_gflops']:.0f} GFLOP/s")
    if whole := found["evaluation"]:
        parts = [
            f"{side} {run['seconds']:.1f} s, {run['epochs']} epochs, {1e3 * run['seconds'] / run['epochs']:.2f} ms each"
            for side, run in (("hear-eval-kit", whole["kit"]), ("here", whole["ours"]))
            if run
        ]
        ratio = f": {whole['times_kit']:.2f} times per fit and epoch" if whole["times_kit"] else ""
        lines.append(f"Evaluation of {whole['folder']}: {'; '.join(parts)}{ratio}")
    return "\n".join(lines)


def operations(layers: int, items: int, valid_items: int, dim: int, every: int) -> float:
    """Of the products of one epoch of one fit, its share of a validation within; two a multiply-add."""
    hidden = ProbeConfig().hidden_dim
    first, inner, last = dim * hidden, (layers - 1) * hidden**2, hidden * LABELS
    training = 2 * first + 3 * (inner + last)  # the features need no gradient
    return 2.0 * (items * training + valid_items / every * (first + inner + last))


def _fittings(layers: int, count: int) -> list[Fitting]:
    draw = np.random.default_rng(0)

    def made(size: int) -> ProbeData:
        x = draw.standard_normal((size, DIM), dtype=np.float32)
        return ProbeData(x, np.eye(LABELS, dtype=np.float32)[draw.integers(0, LABELS, size)])

    def score(predictions: np.ndarray) -> tuple[dict[str, float], None]:
        return {"top1_acc": float((predictions.argmax(1) == valid.y.argmax(1)).mean())}, None

    train, valid = made(ITEMS), made(VALID_ITEMS)
    config = ProbeConfig(hidden_layers=layers, max_epochs=EPOCHS, patience=EPOCHS)
    return [Fitting(config, train, valid, "multiclass", Selection(), score, seed) for seed in range(count)]


def _seconds(run: Any, fittings: list[Fitting], device: str) -> float:
    """Per fit and epoch: the median over runs behind one that warms up."""
    found = []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        fits: list[Fit] = run(fittings)
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        found.append((time.perf_counter() - start) / sum(each.epochs for each in fits))
    return statistics.median(found[1:])


def _row(layers: int, way: str, probes: int, seconds: float, trainer: float, rate: float) -> dict[str, Any]:
    speed = operations(layers, ITEMS, VALID_ITEMS, DIM, ProbeConfig().check_val_every_n_epoch) / seconds
    values = (layers, way, probes, 1e3 * seconds, 1 / seconds, speed / 1e9, speed / rate, trainer / seconds)
    return dict(zip(COLUMNS, values, strict=True))


def _evaluations(folder: Path, kit: Path | None, device: str, track: Track) -> dict[str, Any]:
    """The whole protocol on an embedding folder: hear-eval-kit's run, on the CPU, and ours."""
    task, splits = read_folder(folder)
    theirs = None
    if kit:
        with tempfile.TemporaryDirectory() as temporary:
            request = {"folder": str(copied(task, Path(temporary) / task.name)), "seeds": [0], "grid_points": 8}
            (answer,) = process.ask(kit, request, torch.get_num_threads())
        theirs = {name: answer[name] for name in ("seconds", "epochs")}
    start = time.perf_counter()
    results = evaluate(task, splits, device=device, track=track)
    ours = {"seconds": time.perf_counter() - start, "epochs": sum(result.epochs for result in results)}
    ratio = theirs and theirs["seconds"] / theirs["epochs"] / (ours["seconds"] / ours["epochs"])
    return {"folder": task.name, "kit": theirs, "ours": ours, "times_kit": ratio}
