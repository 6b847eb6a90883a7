"""What the store holds as a table, and room made in it: `ablate store ls` and `prune`."""

import dataclasses
import fnmatch
import logging
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from downstream.disk.files import sweep
from downstream.store.inventory import OTHERS, Stored, earlier_clips, inside, remove, size_of, stored
from downstream.store.store import default_root

logger = logging.getLogger(__name__)

COLUMNS = (
    *("embedder", "embedder_fp", "clips", "audio_fp", "split", "kind", "taps", "dims", "items", "rows", "bytes"),
    *("last_used", "state", "path"),
)
"""`clips` is a task's folder, `kind` scene, t<hop in ms> or town; `items` are clips; `last_used` is a time in UTC."""


def store_table(store: str | Path | None = None) -> pd.DataFrame:
    """The columns `COLUMNS`, a row for the complete taps of a folder and for each unfinished extraction.

    What else lies in the store (resampled clips, hashes, packaged tasks) has a row each, whose `kind` is other.

    Raises:
        FileNotFoundError: there is no store.
    """
    root = _root(store)
    return pd.concat([_frame(stored(root)), _others(root)], ignore_index=True)


def prune(
    store: str | Path | None = None,
    *,
    older_than_s: float | None = None,
    keep_bytes: int | None = None,
    models: Sequence[str] = (),
    partial: bool = False,
    earlier: bool = False,
    dry_run: bool = False,
) -> pd.DataFrame:
    """Remove taps from the store; all conditions have to hold, the least recently used go first.

    What lies outside of the store, behind a link, stays. Temporary files of dead processes go, too.

    Args:
        older_than_s: not used for so many seconds.
        keep_bytes: until the taps that remain, of all models, take no more than this.
        models: patterns of embedders' names or fingerprints, such as "passt*".
        partial: unfinished extractions only.
        earlier: what an earlier version made and this one does not use, resampled clips included.

    Returns:
        The columns `COLUMNS` of what was removed, and `removed`: False of what a running process holds.

    Raises:
        ValueError: for no condition at all. FileNotFoundError: there is no store.
    """
    if older_than_s is None and keep_bytes is None and not models and not partial and not earlier:
        raise ValueError("prune needs at least one of an age, a size to keep, a model, partial ones, earlier ones")
    root = _root(store)
    if not dry_run:
        sweep(root, below=True)
        clips = earlier_clips(root) if earlier else []
        for path in clips:
            path.unlink(missing_ok=True)
        if clips:
            logger.warning("%s: %d resampled clips of an earlier version were removed", root, len(clips))
    items = sorted((item for item in stored(root) if inside(item.path, root)), key=lambda item: item.last_used)
    total = sum(item.bytes for item in items)
    chosen, removed = [], []
    for item in items:
        if (partial and item.state != "partial") or (earlier and item.state != "earlier"):
            continue
        if older_than_s is not None and time.time() - item.last_used < older_than_s:
            continue
        if models and not any(_matches(item, pattern) for pattern in models):
            continue
        if keep_bytes is not None and total <= keep_bytes:
            break
        done = dry_run or remove(item)
        total -= item.bytes if done else 0
        chosen.append(item)
        removed.append(done)
    return _frame(chosen).assign(removed=np.array(removed, dtype=bool))


def _root(store: str | Path | None) -> Path:
    root = Path(store) if store else default_root()
    if not root.is_dir():
        raise FileNotFoundError(f"no store at {root}")
    return root


def _matches(item: Stored, pattern: str) -> bool:
    return fnmatch.fnmatch(item.embedder, pattern) or item.embedder_fp.startswith(pattern)


def _frame(items: Iterable[Stored]) -> pd.DataFrame:
    return _typed([dataclasses.asdict(item) for item in items])


def _others(root: Path) -> pd.DataFrame:
    rows = []
    for name, what in OTHERS.items():
        folder = root / name
        if folder.is_dir():
            files = sum(1 for path in folder.rglob("*") if path.is_file())
            rows.append({"clips": f"({what})", "kind": "other", "items": files, "bytes": size_of(folder)})
            rows[-1] |= {"path": folder, "state": "complete", "embedder": "", "taps": (), "dims": ()}
    return _typed(rows)


def _typed(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["last_used"] = pd.to_datetime(frame["last_used"].astype(float), unit="s", utc=True)
    counts = {name: pd.array([row.get(name) for row in rows], dtype="Int64") for name in ("items", "rows")}
    return frame.assign(**counts).astype({"bytes": "int64"})
