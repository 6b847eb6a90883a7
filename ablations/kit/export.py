"""Write a model's taps on a task as an embedding folder of hear-eval-kit."""

import contextlib
import logging
from collections.abc import Sequence
from pathlib import Path

from ablations.models import registry
from ablations.system.compute import DEFAULT, Machine
from ablations.system.machine import choose_device
from ablations.tasks import names
from ablations.units.jobs import tap_folders, taps_on, times_on
from ablations.units.where import Where
from downstream import splits
from downstream.disk.files import check_place
from downstream.disk.locks import in_use
from downstream.embedder import Embedder, Tap, released
from downstream.extract import extract
from downstream.kit.read import refuse_regression
from downstream.kit.write import refuse_existing, write_folder
from downstream.lookahead import looking_ahead
from downstream.progress import Track, silent
from downstream.splits import LabelledSplit, StoredTaps
from downstream.tasks.audio import SplitAudio
from downstream.tasks.changed import names_in_folder
from downstream.tasks.task import Task
from passt import EmbeddingSpec

logger = logging.getLogger(__name__)


def export(
    spec: str,
    task: str,
    out: str | Path = "embeddings",
    *,
    where: Where | None = None,
    machine: Machine = DEFAULT,
    weights: str | Path | None = None,
    python: str | Path | None = None,
    track: Track = silent,
) -> list[Path]:
    """Write a spec's embedding of a task to `out`/<task folder's name>; the store gets the taps that it lacks.

    Args:
        spec: the text of a spec or a name, of any family of models.
        task: a packaged task, a HEAR key below the folder of tasks, a folder or a glob of folders.
        out: the folder of the new folders.
        where: the folders of embeddings and tasks; None are the defaults of `ablate run`.
        machine: the device and the precision of the network.
        weights: a file, for a spec that names no weights.
        python: the interpreter that has a HEAR module, None for this one. Models side by side have neither weight
            files nor interpreters.

    Returns:
        The folders that were written, all complete.

    Raises:
        FileExistsError: if such a folder exists; nothing is computed then.
        ValueError, FileNotFoundError: for a wrong or absent spec, weight file, task or clip.
    """
    where = where or Where()
    resolved, file = registry.resolve_with_file(spec, weights)
    places = names.places(task, where.tasks, where.store, Path())
    sources = [names.read(place, ()).task for place in places]
    targets = [Path(out) / source.name for source in sources]
    if len(set(targets)) < len(targets):
        paths = ", ".join(str(place.folder) for place in places)
        raise ValueError(f"task {task!r}: expected folders of different names, got {paths}")
    for source, target in zip(sources, targets, strict=True):
        refuse_regression(source)
        refuse_existing(target)
        check_place(target)
        names_in_folder(source)
        for part in resolved.parts:
            _taps(part, source)
    device, precision = choose_device(machine.device), machine.precision or "fp32"
    with contextlib.ExitStack() as embedders:
        built = [
            embedders.enter_context(released(registry.build_alone(part, device, file, precision, track, python)))
            for part in resolved.parts
        ]
        for source, target in zip(sources, targets, strict=True):
            logger.info("%s on %s to %s", resolved, source.name, target)
            write_folder(source, extracted(built, resolved, source, where.store, track), target, track)
    return targets


def extracted(
    embedders: Sequence[Embedder], spec: EmbeddingSpec, task: Task, store: Path, track: Track = silent
) -> dict[str, LabelledSplit]:
    """Return every split of a task with the embedding of a spec, extracted into the store.

    Args:
        embedders: of each part of the spec.
        spec: of one model, or of models side by side.
        task: what is embedded.
        store: the folder of embeddings.
    """
    stored = []
    with contextlib.ExitStack() as locks:  # memory-mapped files must not be removed meanwhile
        for part, embedder in zip(spec.parts, embedders, strict=True):
            taps, (hop_ms, lookahead_ms) = _taps(part, task), times_on(task, part)
            embedder = looking_ahead(embedder, lookahead_ms)
            audio = {split: SplitAudio.of(task, split, embedder.sample_rate, store) for split in task.splits}
            folders = tap_folders(store, embedder, audio, hop_ms)
            locks.enter_context(in_use(folder.path for folder in folders.values()))
            for split, clips in audio.items():
                extract(embedder, clips, taps, hop_ms, folders[split], track)
            stored.append(StoredTaps(embedder.name, folders, taps))
        return splits.side_by_side(task, stored)


def _taps(spec: EmbeddingSpec, task: Task) -> Sequence[Tap]:
    spec.refuse_pooling()
    taps = taps_on(task, spec)
    if not taps:
        raise ValueError(f"{spec}: has no scene embedding, its only level is mel, and {task.name} is a scene task")
    return taps
