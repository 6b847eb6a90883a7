"""A made-up store of any number of folders, each with a tap, as extractions leave them."""

import os
import time
from pathlib import Path

import numpy as np

from downstream.disk.files import fingerprint
from downstream.disk.locks import LOCK, USED
from downstream.disk.sums import DIGITS
from downstream.store.index import NAME as INDEX_NAME
from downstream.store.index import Index
from downstream.store.store import TapFolder, tap_folder
from downstream.store.tap_file import HEADER_BYTES, TapRecord, header_of, sum_of_part

FOLDERS_A_MODEL = 20  # ten splits of scenes, and of timestamps
CLIPS, WIDTH = 8, 16
TAP = ("block1", None)
OLD_S = 60 * 86400.0
"""Half of the folders were last used that long ago."""


def make(root: Path, folders: int) -> None:
    """Make a store of so many folders."""
    for number in range(folders):
        model, place = divmod(number, FOLDERS_A_MODEL)
        split, timed = divmod(place, 2)
        kind = 50 if timed else None
        folder = tap_folder(root, fingerprint(f"model {model}"), fingerprint("audio"), f"fold{split:02d}", kind)
        _fill(folder, f"model{model}", f"task/fold{split:02d}", bool(timed))
        if number % 2:
            used = time.time() - OLD_S
            os.utime(folder.path / USED, (used, used))


def _fill(folder: TapFolder, embedder: str, clips: str, timed: bool) -> None:
    folder.path.mkdir(parents=True)
    files = tuple(f"clip{number}.wav" for number in range(CLIPS))
    steps = 2 if timed else 1
    rows = np.ones((steps * CLIPS, WIDTH), dtype=np.float32)
    times = np.tile(np.arange(steps) * 50.0, CLIPS) if timed else np.zeros(0)
    index = Index(files, steps * np.arange(CLIPS + 1), times)
    index.write(folder.path / INDEX_NAME)
    tap = folder.file(TAP)
    tap.write_bytes(header_of(rows.shape) + rows.tobytes())
    total = sum_of_part(tap, HEADER_BYTES, rows.nbytes).hexdigest()[:DIGITS]
    TapRecord(len(rows), WIDTH, total, index.digest, {"embedder": embedder, "clips": clips}).write(tap)
    for name in (LOCK, USED):
        (folder.path / name).touch()
