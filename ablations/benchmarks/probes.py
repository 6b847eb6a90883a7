"""Speed of training probes, by the number of probes in a pack, and beside hear-eval-kit."""

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import pandas as pd
import torch

from ablations.benchmarks import probe_memory
from ablations.benchmarks.record import Record, command_line, table_text
from ablations.kit.crosscheck import by_kit
from ablations.kit.process import interpreter
from ablations.system.machine import choose_device, product_rates
from ablations.terminal.options import DEVICE, PATH
from downstream.evaluate import evaluate
from downstream.kit.read import read_folder
from downstream.probes.features import ProbeData
from downstream.probes.fit import Fit, Fitting, fit
from downstream.probes.pack import fit_all
from downstream.probes.probe import ProbeConfig
from downstream.probes.protocol import GRID_POINTS
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


def measure(
    folder: Path | None = None,
    kit: Path | None = None,
    large: bool = False,
    device: str | None = None,
    packs: Sequence[int] = (),
    *,
    track: Track = silent,
) -> Record:
    """Measure the training of probes: packs of several sizes, and the one-at-a-time trainer.

    Features are made up, of ESC-10's size, in memory; every probe trains for the same number of epochs. FOLDER is an
    embedding folder of hear-eval-kit, on which the whole protocol is timed.

    Args:
        folder: such a folder.
        kit: an interpreter that has hear-eval-kit, which evaluates `folder` first.
        large: whether to measure the memory that features take which do not fit into it.
        device: cpu or cuda; None is CUDA if there is one.
        packs: numbers of probes in a pack; none are `PACKS`.
    """
    if kit and not folder:
        raise ValueError("--kit evaluates an embedding folder, expected FOLDER")
    kit, device = kit and interpreter(kit), choose_device(device)
    if folder:
        read_folder(folder)  # its errors come before anything is measured
    _, product_rate = product_rates(device)
    rows, packs = [], packs or PACKS[torch.device(device).type]
    with track("benchmark", 2 * (len(packs) + 1)) as advance:
        for layers in (1, 2):
            many = fittings(layers, max(packs))
            alone = seconds_an_epoch(lambda some: [fit(some[0], device)], many[:1], device)
            rows.append(_row(layers, "trainer", 1, alone, alone, product_rate))
            advance(1)
            for size in packs:
                seconds = seconds_an_epoch(lambda some: fit_all(some, device), many[:size], device)
                rows.append(_row(layers, "pack", size, seconds, alone, product_rate))
                advance(1)
    both = evaluation(folder, kit, device, track) if folder else None
    memory = probe_memory.memory(device, track=track) if large else None
    lines = [f"Machine's product rate: {product_rate / 1e9:.0f} GFLOP/s"]
    lines += [_evaluation_line(both)] if both else []
    lines += [f"\n{table_text(pd.DataFrame(memory))}"] if memory else []
    return Record(
        f"{ITEMS} items of {DIM} features, {LABELS} labels, {EPOCHS} epochs, hidden layers of "
        f"{ProbeConfig().hidden_dim} units, dropout {ProbeConfig().dropout}, batches of {ProbeConfig().batch_size}",
        rows,
        COLUMNS,
        facts={"product_gflops": product_rate / 1e9, "evaluation": both, "memory": memory},
        lines=lines,
        device=device,
    )


def operations(layers: int, items: int, valid_items: int, dim: int, valid_every: int) -> float:
    """Count the operations of the products in one epoch of one fit, two a multiply-add.

    Args:
        layers: hidden layers.
        items: of the training split.
        valid_items: of the validation split.
        dim: of the features.
        valid_every: epochs from one validation to the next.
    """
    hidden = ProbeConfig().hidden_dim
    first, inner, last = dim * hidden, (layers - 1) * hidden**2, hidden * LABELS
    training = 2 * first + 3 * (inner + last)  # the features need no gradient
    return 2.0 * (items * training + valid_items / valid_every * (first + inner + last))


def fittings(layers: int, count: int) -> list[Fitting]:
    """Make fits on made-up features of ESC-10's size, which differ in their seeds.

    Args:
        layers: hidden layers of each probe.
        count: how many.
    """
    draw = np.random.default_rng(0)

    def made_up(size: int) -> ProbeData:
        x = draw.standard_normal((size, DIM), dtype=np.float32)
        return ProbeData(x, np.eye(LABELS, dtype=np.float32)[draw.integers(0, LABELS, size)])

    def score(predictions: np.ndarray) -> tuple[dict[str, float], None]:
        return {"top1_acc": float((predictions.argmax(1) == np.asarray(valid.y).argmax(1)).mean())}, None

    train, valid = made_up(ITEMS), made_up(VALID_ITEMS)
    config = ProbeConfig(hidden_layers=layers, max_epochs=EPOCHS, patience=EPOCHS)
    return [Fitting(config, train, valid, "multiclass", Selection(), score, seed) for seed in range(count)]


def seconds_an_epoch(run: Callable[[list[Fitting]], list[Fit]], some: list[Fitting], device: str) -> float:
    """Return the seconds of an epoch of a fit: the median over runs, after one that warms up.

    Args:
        run: trains probes.
        some: what it trains.
        device: on which it does.
    """
    seconds = []
    for _ in range(1 + REPEATS):
        start = time.perf_counter()
        fits = run(some)
        if device.startswith("cuda"):
            torch.cuda.synchronize(device)
        seconds.append((time.perf_counter() - start) / sum(fit.epochs for fit in fits))
    return statistics.median(seconds[1:])


def _row(layers: int, way: str, probes: int, seconds: float, trainer: float, product_rate: float) -> dict[str, Any]:
    rate = operations(layers, ITEMS, VALID_ITEMS, DIM, ProbeConfig().check_val_every_n_epoch) / seconds
    values = (layers, way, probes, 1e3 * seconds, 1 / seconds, rate / 1e9, rate / product_rate, trainer / seconds)
    return dict(zip(COLUMNS, values, strict=True))


def evaluation(
    folder: Path, kit: Path | None, device: str, track: Track, kit_points: int = GRID_POINTS
) -> dict[str, Any]:
    """Time the whole protocol on an embedding folder: by hear-eval-kit on the CPU, then by ours.

    Args:
        folder: the embedding folder.
        kit: an interpreter that has hear-eval-kit; None times ours alone.
        device: of ours.
        track: shows how far ours is.
        kit_points: probe configurations that the kit tries; its time for an epoch does not depend on them.

    Returns:
        `kit` and `ours`, each with `seconds` and `epochs` of all fits, and `times_kit`: the kit's seconds an epoch over
        ours.
    """
    task, splits = read_folder(folder)
    kits = None
    if kit:
        (measured,) = by_kit(task, kit, [0], kit_points, torch.get_num_threads())
        kits = {"seconds": measured.seconds, "epochs": measured.epochs}
    start = time.perf_counter()
    results = evaluate(task, splits, device=device, track=track)
    ours = {"seconds": time.perf_counter() - start, "epochs": sum(result.epochs for result in results)}
    ratio = kits and kits["seconds"] / kits["epochs"] / (ours["seconds"] / ours["epochs"])
    return {"folder": task.name, "kit": kits, "ours": ours, "times_kit": ratio}


def _evaluation_line(both: dict[str, Any]) -> str:
    parts = [
        f"{side} {run['seconds']:.1f} s, {run['epochs']} epochs, {1e3 * run['seconds'] / run['epochs']:.2f} ms each"
        for side, run in (("hear-eval-kit", both["kit"]), ("here", both["ours"]))
        if run
    ]
    ratio = f": {both['times_kit']:.2f} times per fit and epoch" if both["times_kit"] else ""
    return f"Evaluation of {both['folder']}: {'; '.join(parts)}{ratio}"


main = command_line(
    measure,
    "ablate benchmark probes",
    click.argument("folder", required=False, type=PATH, metavar="[FOLDER]"),
    click.option("--kit", type=PATH, metavar="PYTHON", help="Has hear-eval-kit, which evaluates FOLDER (minutes)."),
    click.option("--large", is_flag=True, help="Also the memory for features that do not fit into it (minutes)."),
    DEVICE,
)
