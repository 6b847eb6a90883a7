"""Memory of training probes on features that do not fit into it: made-up files, read through memory maps."""

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from ablations.system.memory import anonymous, give_back, watched
from downstream.probes.features import MappedFeatures, ProbeData
from downstream.probes.fit import Fitting
from downstream.probes.pack import fit_all
from downstream.probes.probe import ProbeConfig
from downstream.probes.selection import Selection
from downstream.progress import Track, silent

SIZES = {"scenes": (50_000, 1295, 200, "multilabel"), "event steps": (100_000, 3358, 88, "multilabel")}
VALID_SHARE = 10  # one item of so many
EPOCHS = 2
PROBES = 8
PIECE = 4096
COLUMNS = {
    "data": "",
    "items": "to train on; a tenth as many to validate on",
    "dim": "of the features",
    "labels": "",
    "file_mb": "the features on the disk",
    "probes": "in the pack, of two hidden layers",
    "ms_per_fit_epoch": "milliseconds, the validation within",
    "peak_anonymous_mb": "the process's anonymous memory at its highest, beyond that before",
}


def memory(device: str = "cpu", *, track: Track = silent) -> list[dict[str, Any]]:
    """Return a row of `COLUMNS` for each size."""
    rows = []
    with track("memory", len(SIZES)) as advance:
        for name, (items, dim, labels, kind) in SIZES.items():
            rows.append(_row(name, items, dim, labels, kind, device))
            advance(1)
    return rows


def _row(name: str, items: int, dim: int, labels: int, kind: str, device: str) -> dict[str, Any]:
    config = ProbeConfig(hidden_layers=2, max_epochs=EPOCHS, check_val_every_n_epoch=EPOCHS)
    with tempfile.TemporaryDirectory() as folder:
        train, valid = (_made_up(Path(folder) / f"{n}.npy", n, dim, labels) for n in (items, items // VALID_SHARE))
        fittings = [
            Fitting(config, train, valid, kind, Selection(by_loss=True), lambda predictions: ({}, None), seed)
            for seed in range(PROBES)
        ]
        give_back()  # otherwise memory that malloc kept would be used again and not be counted
        before, start = anonymous(), time.perf_counter()
        with watched(every_s=0.02) as peak:
            fits = fit_all(fittings, device)
        seconds = (time.perf_counter() - start) / sum(fit.epochs for fit in fits)
    values = (name, items, dim, labels, 4e-6 * items * dim, PROBES, 1e3 * seconds, (peak.bytes - before) / 1e6)
    return dict(zip(COLUMNS, values, strict=True))


def _made_up(path: Path, items: int, dim: int, labels: int) -> ProbeData:
    """Write noise to a .npy file, and read its rows in a random order, as from a store."""
    draw = np.random.default_rng(items)
    array = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(items, dim))
    for start in range(0, items, PIECE):
        array[start : start + PIECE] = draw.standard_normal((min(PIECE, items - start), dim), dtype=np.float32)
    array.flush()
    y = (draw.random((items, labels)) < 0.1).astype(np.float32)
    return ProbeData(MappedFeatures([np.load(path, mmap_mode="r")], draw.permutation(items)), y)
