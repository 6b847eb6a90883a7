"""List the store as a table, and make space in it: `ablate store ls` and `prune`."""

import fnmatch
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from downstream.disk.files import sweep
from downstream.store.inventory import OTHERS, StoreEntry, earlier_clips, entries, inside, remove, size_of
from downstream.store.store import default_root

logger = logging.getLogger(__name__)

COLUMNS = (
    *("embedder", "embedder_fp", "clips", "audio_fp", "split", "kind", "taps", "dims", "items", "rows", "bytes"),
    *("last_used", "state", "path"),
)
"""The attributes of `downstream.store.inventory.StoreEntry`; `last_used` is a time in UTC."""


def store_table(store: str | Path | None = None) -> pd.DataFrame:
    """List a store.

    Returns:
        The columns `COLUMNS`: a row for the complete taps of a folder, one for each unfinished extraction, and one for
        each folder of anything else (resampled clips, hashes, packaged tasks), whose `kind` is other.

    Raises:
        FileNotFoundError: there is no store.
    """
    root = _root(store)
    return pd.concat([_frame(entries(root)), _others(root)], ignore_index=True)


@dataclass(frozen=True)
class Conditions:
    """What an entry of the store must meet to be removed: all conditions that are set.

    Attributes:
        older_than_s: not used for so many seconds.
        models: patterns of embedders' names or fingerprints, such as "passt*".
        partial: an unfinished extraction.
        earlier: made by an earlier version, and not used any more.
    """

    older_than_s: float | None = None
    models: tuple[str, ...] = ()
    partial: bool = False
    earlier: bool = False

    def holds(self, entry: StoreEntry) -> bool:
        """Whether an entry meets them."""
        return (
            (entry.state == "partial" or not self.partial)
            and (entry.state == "earlier" or not self.earlier)
            and (self.older_than_s is None or time.time() - (entry.last_used or 0.0) >= self.older_than_s)
            and (not self.models or any(_matches(entry, pattern) for pattern in self.models))
        )


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
    """Remove taps that meet all conditions from the store, the least recently used first.

    What lies outside of the store, behind a link, stays. Temporary files of dead processes are removed, too.

    Args:
        older_than_s: not used for so many seconds.
        keep_bytes: stop when all taps that remain, of all models, take no more than this.
        models: patterns of embedders' names or fingerprints, such as "passt*".
        partial: only unfinished extractions.
        earlier: only what an earlier version made and this one does not use, resampled clips included.
        dry_run: remove nothing.

    Returns:
        The columns `COLUMNS` of what was removed, and `removed`: False for what a running process holds.

    Raises:
        ValueError: no condition is set.
        FileNotFoundError: there is no store.
    """
    conditions = Conditions(older_than_s, tuple(models), partial, earlier)
    if conditions == Conditions() and keep_bytes is None:
        raise ValueError("prune needs at least one of an age, a size to keep, a model, partial ones, earlier ones")
    root = _root(store)
    if not dry_run:
        sweep(root, below=True)
        if earlier:
            _remove_clips(root)
    present = [entry for entry in entries(root) if inside(entry.path, root)]
    by_use = sorted(present, key=lambda entry: entry.last_used or 0.0)
    total = sum(entry.bytes for entry in present)
    chosen, removed = [], []
    for entry in filter(conditions.holds, by_use):
        if keep_bytes is not None and total <= keep_bytes:
            break
        done = dry_run or remove(entry)
        total -= entry.bytes if done else 0
        chosen.append(entry)
        removed.append(done)
    return _frame(chosen).assign(removed=np.array(removed, dtype=bool))


def _remove_clips(root: Path) -> None:
    """Remove resampled clips of earlier versions."""
    clips = earlier_clips(root)
    for path in clips:
        path.unlink(missing_ok=True)
    if clips:
        logger.warning("%s: %d resampled clips of an earlier version were removed", root, len(clips))


def _root(store: str | Path | None) -> Path:
    root = Path(store) if store else default_root()
    if not root.is_dir():
        raise FileNotFoundError(f"no store at {root}")
    return root


def _matches(entry: StoreEntry, pattern: str) -> bool:
    return fnmatch.fnmatch(entry.embedder, pattern) or entry.embedder_fp.startswith(pattern)


def _others(root: Path) -> pd.DataFrame:
    rows = []
    for name, content in OTHERS.items():
        folder = root / name
        if folder.is_dir():
            files = sum(1 for path in folder.rglob("*") if path.is_file())
            rows.append(
                StoreEntry(
                    folder, clips=f"({content})", kind="other", items=files, bytes=size_of(folder), state="complete"
                )
            )
    return _frame(rows)


def _frame(rows: Iterable[StoreEntry]) -> pd.DataFrame:
    values = [{name: getattr(entry, name) for name in COLUMNS} for entry in rows]
    frame = pd.DataFrame(values, columns=list(COLUMNS))
    frame["last_used"] = pd.to_datetime(frame["last_used"].astype(float), unit="s", utc=True)
    counts = {name: pd.array([row[name] for row in values], dtype="Int64") for name in ("items", "rows")}
    return frame.assign(**counts).astype({"bytes": "int64"})
