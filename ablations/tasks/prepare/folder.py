"""Write clips and labels as a task folder: whole, or not at all.

The folder is made in ``.<name>.partial`` beside its place, under a lock, then renamed. A run after one that was killed
takes over the clips that are complete if its plan is the same; otherwise it starts anew.
"""

import contextlib
import csv
import io
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import soundfile
from scipy.io import wavfile

from ablations.tasks.prepare.clips import in_parallel
from ablations.tasks.prepare.items import Item, is_copied
from downstream.disk.files import fingerprint, write_atomically, write_json
from downstream.disk.locks import lock
from downstream.kit.write import refuse_existing
from downstream.progress import Track
from downstream.tasks.audio import read_clip, resample
from downstream.tasks.groups import GROUPS
from downstream.tasks.task import Task

PLAN = "plan.json"


def write_task(
    target: Path,
    metadata: Mapping[str, Any],
    labels: Sequence[str],
    items: Sequence[Item],
    rates: Sequence[int],
    texts: Mapping[str, bytes],
    workers: int | None,
    track: Track,
) -> None:
    """Write the task folder.

    Args:
        target: the folder to be.
        metadata: task_metadata.json; `sample_duration` is added: the length of the clips in s, None if they differ.
        labels: the vocabulary in order.
        items: the clips of all splits.
        rates: sample rates in Hz, a folder each.
        texts: further files, name -> content.
        workers: number of threads; None for one a core.
        track: shows how far the writing is.

    Raises:
        FileExistsError, BlockingIOError, ValueError: names the place, or the clip.
    """
    plan = fingerprint([[(item.name, item.split, item.clip.digest, item.clip.samples) for item in items], list(rates)])
    with _partial(target, plan) as folder:
        for rate in rates:
            for split in metadata["splits"]:
                (folder / str(rate) / split).mkdir(parents=True, exist_ok=True)
        pairs = [(item, rate) for item in items for rate in rates]
        lengths = in_parallel(lambda pair: _write_clip(folder, *pair), pairs, workers, track, f"writing {target.name}")
        for split in metadata["splits"]:
            write_json(folder / f"{split}.json", {item.name: item.value for item in items if item.split == split})
        if any(item.group for item in items):
            write_json(folder / GROUPS, _groups(metadata["splits"], items))
        for name, content in {"labelvocabulary.csv": vocabulary_csv(labels), **texts}.items():
            write_bytes(folder / name, content)
        different = {(rate, length) for (_, rate), length in zip(pairs, lengths, strict=True)}
        duration = lengths[0] / rates[0] if len(different) == len(rates) else None
        write_json(folder / "task_metadata.json", {**metadata, "sample_duration": duration})
        Task.from_dir(folder)  # raises if it can't be read
        (folder / PLAN).unlink()
        folder.rename(target)


def _write_clip(folder: Path, item: Item, rate: int) -> int:
    """Write a clip in mono unless it is there already, and return its length in samples."""
    path = folder / str(rate) / item.split / item.name
    if path.is_file():
        return int(soundfile.info(os.fsencode(path)).frames)
    if is_copied(item.clip, [rate]) and path.suffix.lower() == item.clip.path.suffix.lower():
        write_bytes(path, item.clip.path.read_bytes())
        return item.clip.samples
    sound = resample(read_clip(item.clip.path, item.clip.rate), item.clip.rate, rate)
    content = io.BytesIO()
    wavfile.write(content, rate, sound)  # 32-bit float; libsndfile would write the time into the file
    write_bytes(path, content.getvalue())
    return len(sound)


def _groups(splits: Sequence[str], items: Sequence[Item]) -> dict[str, dict[str, str]]:
    """Split -> file -> group, for the files that have one."""
    return {split: {item.name: item.group for item in items if item.split == split and item.group} for split in splits}


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all."""
    write_atomically(path, lambda file: file.write(content))


def vocabulary_csv(labels: Sequence[str]) -> bytes:
    """The content of HEAR's labelvocabulary.csv: idx,label."""
    text = io.StringIO()
    plain = csv.writer(text, lineterminator="\n")
    quoted = csv.writer(text, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in [("idx", "label"), *enumerate(labels)]:
        (quoted if "\r" in row[1] else plain).writerow(row)  # csv does not quote it, but readers take it for a line end
    return text.getvalue().encode()


@contextlib.contextmanager
def _partial(target: Path, plan: str) -> Iterator[Path]:
    """The folder to write in, for one run at a time.

    It keeps what a run with an equal plan left.
    """
    refuse_existing(target)
    folder = target.with_name(f".{target.name}.partial")
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)  # the lock goes with the folder when that is renamed
    try:
        try:
            lock(descriptor, folder, wait=False)
        except BlockingIOError:
            raise BlockingIOError(f"{target} is being made by another run") from None
        refuse_existing(target)
        if not (folder / PLAN).is_file() or (folder / PLAN).read_text() != plan:
            for path in folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            write_bytes(folder / PLAN, plan.encode())
        for path in folder.rglob(".*.tmp"):
            path.unlink()
        yield folder
    finally:
        os.close(descriptor)
