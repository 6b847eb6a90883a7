"""Compare passt.hear in hear-eval-kit's own embedding runner with what `export` writes for the same spec and task."""

import shutil
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch

from ablations.kit import process
from ablations.kit.export import export
from ablations.models import registry
from ablations.system.compute import Machine
from ablations.units.where import Where
from downstream.kit.read import read_folder
from downstream.progress import Track, silent
from downstream.splits import LabelledSplit
from downstream.store.store import default_root
from downstream.tasks.audio import SplitAudio
from downstream.tasks.packaged import MAKERS, demo_task
from downstream.tasks.task import Task

SPEC = "passt_s_swa_p16_128_ap476@features@w160@untrained-0"


@dataclass(frozen=True)
class SplitComparison:
    """The embeddings of a split by both sides.

    Attributes:
        task: name of a packaged task.
        split: of the task.
        rows: embeddings of the split.
        dim: of an embedding.
        max_difference: the largest absolute difference.
        largest: the largest absolute value of the kit's embeddings.
        same_labels: whether both sides wrote the same labels.
        same_timestamps: whether both sides wrote the same timestamps.
    """

    task: str
    split: str
    rows: int
    dim: int
    max_difference: float
    largest: float
    same_labels: bool
    same_timestamps: bool


def compare_embeddings(
    kit: Path,
    spec: str = SPEC,
    tasks: Iterable[str] = tuple(MAKERS),
    *,
    store: Path | None = None,
    track: Track = silent,
) -> pd.DataFrame:
    """Embed packaged tasks by the kit's runner and by ours, on the CPU, and compare the folders that they write.

    Args:
        kit: the interpreter that has hear-eval-kit.
        spec: of a PaSST model.
        tasks: names of packaged tasks.
        store: folder of embeddings, None for the default one.

    Returns:
        A row for each split, with the columns of `SplitComparison`.

    Raises:
        ValueError: for a spec of another model, an unknown task, or a kit that ends with an error.
    """
    store = store or default_root()
    resolved = registry.resolve(spec)
    if registry.card(resolved.checkpoint).family != "passt":
        raise ValueError(f"spec: expected one of PaSST, the family of passt.hear, got {spec!r}")
    rows = []
    for name in tasks:
        task = Task.from_dir(demo_task(name, store))
        with tempfile.TemporaryDirectory() as temporary, track(f"hear-eval-kit embeds {name}", 1) as advance:
            folder = task_at(task, registry.card(resolved.checkpoint).sample_rate, Path(temporary) / name, store)
            by_kit = Path(temporary) / "by_kit" / name
            options = {"spec": str(resolved), "device": "cpu"}
            request = {"module": "passt.hear", "options": options, "task": str(folder), "out": str(by_kit)}
            list(process.ask(kit, request, torch.get_num_threads()))
            advance(1)
            (by_us,) = export(
                spec, name, Path(temporary) / "by_us", where=Where(store=store), machine=Machine("cpu"), track=track
            )
            ours, kits = read_folder(by_us)[1], read_folder(by_kit)[1]
            rows += [_compared(name, split, ours[split], kits[split]) for split in task.splits]
    return pd.DataFrame(rows)


def task_at(task: Task, sample_rate: int, folder: Path, store: Path) -> Path:
    """Copy a task with its clips at one rate in Hz, as float WAVE files: the kit does not resample."""
    for name in ("task_metadata.json", "labelvocabulary.csv", *(f"{split}.json" for split in task.splits)):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(task.folder / name, folder / name)
    for split in task.splits:
        audio = SplitAudio.of(task, split, sample_rate, store)
        for file in audio.files:
            path = folder / str(sample_rate) / split / file
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, audio.load(file).numpy(), sample_rate, format="WAV", subtype="FLOAT")
    return folder


def _compared(task: str, split: str, ours: LabelledSplit, kits: LabelledSplit) -> SplitComparison:
    if ours.x.shape != kits.x.shape:
        raise ValueError(f"{task}: {split}: our embeddings are {ours.x.shape}, the kit's {kits.x.shape}")
    difference, largest = np.abs(ours.x[:] - kits.x[:]).max(), np.abs(kits.x[:]).max()
    same_labels, same_timestamps = np.array_equal(ours.y, kits.y), np.array_equal(ours.timestamps, kits.timestamps)
    rows, dim = ours.x.shape
    return SplitComparison(task, split, rows, dim, float(difference), float(largest), same_labels, same_timestamps)
