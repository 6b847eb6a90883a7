"""passt.hear through hear-eval-kit's own embedding runner, against what `export` writes of the same spec and task."""

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
import soundfile
import torch

from ablations.kit import process
from ablations.kit.export import export
from ablations.models import registry
from downstream.kit.read import read_folder
from downstream.progress import Track, silent
from downstream.splits import LabelledSplit
from downstream.store.store import default_root
from downstream.tasks.audio import SplitAudio
from downstream.tasks.packaged import MAKERS, demo_task
from downstream.tasks.task import Task

SPEC = "passt_s_swa_p16_128_ap476@features@w160@untrained-0"
COLUMNS = ("task", "split", "rows", "dim", "max_difference", "largest", "same_labels", "same_timestamps")


def compare_embeddings(
    kit: Path,
    spec: str = SPEC,
    tasks: Iterable[str] = tuple(MAKERS),
    *,
    store: Path | None = None,
    track: Track = silent,
) -> pd.DataFrame:
    """Embed packaged tasks by the kit's runner and by ours, on the CPU, and compare the folders that they write.

    Returns:
        A row a split: rows, dim, the largest absolute difference of embeddings beside their largest value, and whether
        labels and timestamps are the same.

    Raises:
        ValueError: for a spec or a task that is none, or a kit that ends with an error.
    """
    store = store or default_root()
    resolved = registry.resolve(spec)
    if registry.card(resolved.checkpoint).family != "passt":
        raise ValueError(f"spec: expected one of PaSST, which passt.hear is, got {spec!r}")
    rows = []
    for name in tasks:
        task = Task.from_dir(demo_task(name, store))
        with tempfile.TemporaryDirectory() as temporary, track(f"hear-eval-kit embeds {name}", 1) as advance:
            folder = task_at(task, registry.card(resolved.checkpoint).sample_rate, Path(temporary) / name, store)
            theirs = Path(temporary) / "theirs" / name
            options = {"spec": str(resolved), "device": "cpu"}
            request = {"module": "passt.hear", "options": options, "task": str(folder), "out": str(theirs)}
            list(process.ask(kit, request, torch.get_num_threads()))
            advance(1)
            (ours,) = export(spec, name, Path(temporary) / "ours", store=store, device="cpu", track=track)
            found, wanted = read_folder(ours)[1], read_folder(theirs)[1]
            rows += [_compared(name, split, found[split], wanted[split]) for split in task.splits]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def task_at(task: Task, sample_rate: int, folder: Path, store: Path) -> Path:
    """The task with its clips at one rate, as float WAVE files: the kit resamples nothing."""
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


def _compared(task: str, split: str, ours: LabelledSplit, theirs: LabelledSplit) -> tuple:
    if ours.x.shape != theirs.x.shape:
        raise ValueError(f"{task}: {split}: our embeddings are {ours.x.shape}, the kit's {theirs.x.shape}")
    difference = float(np.abs(ours.x[:] - theirs.x[:]).max())
    same = [np.array_equal(getattr(ours, name), getattr(theirs, name)) for name in ("y", "timestamps")]
    return (task, split, *ours.x.shape, difference, float(np.abs(theirs.x[:]).max()), *same)
