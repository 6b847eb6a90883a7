"""What one variant on all of HEAR costs on the device: published sizes of the tasks times rates that were measured.

Nothing is computed unless every rate was measured. The base model's default embedding is taken: logits and features,
windows of 160 ms for events.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ablations.benchmarks.embeddings import BASE_MODEL, HOP_MS
from ablations.benchmarks.gpu.files import ROOT, PartFile
from ablations.benchmarks.gpu.steps.protocol import FOLDS, SHARES
from downstream.probes.protocol import GRID_POINTS
from passt.catalog import checkpoints
from results.rows.rows import TASKS_FILE

FSD50K_HOURS = 108.3  # Fonseca et al. 2022, "FSD50K: An Open Dataset of Human-Labeled Sound Events"; lengths vary
ESC10_FILE = ROOT / "results" / "benchmarks" / "probes_cpu.json"
PRECISION = "bf16"  # of embeddings
ESC10_FITS = GRID_POINTS + 4
EVENT_SIZES = {"dcase2016_task2": "dcase2016_task2", "maestro_5h": "maestro"}
"""Event task -> the size at which its validation was timed (`tests.campaigns.validation_cost`)."""
VALIDATE_EVERY = {"dcase2016_task2": 10}  # epochs; else 3
COLUMNS = {
    "task": "",
    "hours": "of sound",
    "embedding_s": "seconds of the network and its front end, windows that overlap counted",
    "files_s": "seconds of reading and of the store",
    "fits": "of the protocol",
    "items": "to train on, in a fold; of a train split all clips",
    "probes_s": "seconds of all fits",
    "events_s": "seconds of the validations of an event task",
}


@dataclass(frozen=True)
class Rates:
    """What was measured.

    Attributes:
        scenes: seconds of sound a second.
        timestamps: seconds of sound a second, a timestamp every 50 ms.
        reading: seconds for a second of sound.
        writing: seconds for a clip.
        small: items that a fit trains on, and seconds of one of its epochs, of a task like ESC-10.
        large: likewise, of a task like FSD50K.
        validations: size of an event task -> seconds of the validation of one probe of a pack.
        epochs: of a fit, as ESC-10's fits took.
    """

    scenes: float
    timestamps: float
    reading: float
    writing: float
    small: tuple[float, float]
    large: tuple[float, float]
    validations: Mapping[str, float]
    epochs: float

    def epoch(self, items: float) -> float:
        """Seconds of an epoch of a fit: on the line through both sizes, and at least those of the small one."""
        (few, short), (many, long) = self.small, self.large
        return max(short, short + (long - short) / (many - few) * (items - few))


def estimate(parts: Mapping[str, PartFile], precision: str = PRECISION) -> pd.DataFrame | None:
    """Compute a row for each task, and one for all; None if a rate was not measured.

    Args:
        parts: name -> the file of a part.
        precision: of the embeddings.
    """
    rates = rates_of(parts, precision)
    if rates is None:
        return None
    rows = [_row(task, rates) for task in pd.read_csv(TASKS_FILE).to_dict("records")]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    total = table.drop(columns=["task", "items"]).sum()
    return pd.concat([table, pd.DataFrame([{"task": "all", "items": math.nan, **total}])], ignore_index=True)


def total_seconds(table: pd.DataFrame) -> float:
    """Return the seconds of everything, one thing after the other."""
    seconds = [name for name in COLUMNS if name.endswith("_s")]
    return float(table.iloc[-1][seconds].sum())


def in_words(rates: Rates) -> str:
    """Say which rates the table is made of."""
    (few, short), (many, long) = rates.small, rates.large
    validations = ", ".join(f"{seconds:.3g} s at the size of {name}" for name, seconds in rates.validations.items())
    return (
        f"Rates: {rates.scenes:.4g} s of scenes and {rates.timestamps:.4g} s of sound with timestamps a second; "
        f"reading {rates.reading:.3g} s a second of sound, the store {rates.writing:.3g} s a clip; an epoch of a fit "
        f"{1e3 * short:.3g} ms on {few:.0f} items, {1e3 * long:.3g} ms on {many:.0f}; {rates.epochs:.0f} epochs a fit; "
        f"a validation of a probe on events {validations}."
    )


def _row(task: Mapping[str, Any], rates: Rates) -> dict[str, Any]:
    clips, folds = task["clips"], task["splits"].partition("-fold")
    length = 3600 * FSD50K_HOURS / clips if math.isnan(task["clip_s"]) else task["clip_s"]
    is_event = task["key"] in EVENT_SIZES
    steps = length * 1000 / HOP_MS + 1 if is_event else 1
    k = int(folds[0]) if folds[1] else 0
    items = clips * steps * ((k - 2) / k if k else 1)
    fits = GRID_POINTS + max(0, k - 1)
    validation = rates.validations[EVENT_SIZES[task["key"]]] if is_event else 0.0
    count = fits * rates.epochs / VALIDATE_EVERY.get(task["key"], 3)
    embedding = clips * (length / rates.timestamps if is_event else _scene_s(length) / rates.scenes)
    files = clips * (length * rates.reading + rates.writing)
    probes = fits * rates.epochs * rates.epoch(items)
    values = (task["key"], clips * length / 3600, embedding, files, fits, round(items), probes, count * validation)
    return dict(zip(COLUMNS, values, strict=True))


def _scene_s(length: float) -> float:
    """Seconds of sound that go through the network for a clip: longer ones than a window are cut into several."""
    checkpoint = checkpoints.get(BASE_MODEL)
    window = checkpoint.max_window_s
    return length if length <= window else window * (length * 1000 // checkpoint.scene_hop_ms + 1)


def rates_of(parts: Mapping[str, PartFile], precision: str = PRECISION) -> Rates | None:
    """Find the rates in the files of the parts; None if one is missing."""
    speeds = {
        row["embedding"]: row["times_real_time"]
        for row in _rows(parts, "embeddings", "every precision")
        if (row["precision"], row["levels"]) == (precision, "base")
    }
    small = _rows(parts, "probes", "the protocol at ESC-10's size")
    large = _rows(parts, "probes", "the protocol at FSD50K's size")
    validations = {
        row["task"]: row["validation_seconds"]
        for row in _rows(parts, "scoring", "validations")
        if row["task"] in EVENT_SIZES.values()
    }
    study = parts["study"].step("scenes") if "study" in parts else None
    if not (small and large and study and {"scenes", "timestamps"} <= set(speeds)):
        return None
    if not set(EVENT_SIZES.values()) <= set(validations):
        return None
    facts = study.facts
    stages = facts["stage_seconds"]
    esc10 = json.loads(Path(ESC10_FILE).read_text(encoding="utf-8"))["evaluation"]["ours"]
    return Rates(
        speeds["scenes"],
        speeds["timestamps"],
        stages["reading"] / facts["seconds_of_sound"],
        (stages["writing"] + stages["verifying"]) / facts["clips"],
        ((FOLDS - 2) / FOLDS * small[0]["clips"], small[0]["ms_per_fit_epoch"] / 1e3),
        (SHARES["train"] * large[0]["clips"], large[0]["ms_per_fit_epoch"] / 1e3),
        validations,
        esc10["epochs"] / ESC10_FITS,
    )


def _rows(parts: Mapping[str, PartFile], part: str, step: str) -> list[dict[str, Any]]:
    found = parts[part].step(step) if part in parts else None
    return found.rows if found else []
