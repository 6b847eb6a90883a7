"""What a run was at when it was killed, by what it left on the disk.

- start: nothing of the store is there yet; end: all jobs are done, rows, table and figure may not be
- extraction: an extraction is unfinished, between two batches; probes: none is, and jobs are to be done
- writing: a temporary file, or data beyond the journal of an extraction
"""

import json
from pathlib import Path

from downstream.store.tap_file import HEADER_BYTES

PHASES = ("extraction", "writing", "probes")
"""Those that kills are aimed at."""


def phase_of(folder: Path, store: Path, jobs: int) -> str:
    """What a run was at.

    Args:
        folder: where all of it lies. jobs: how many were still to be done.
    """
    if any(folder.rglob(".*.tmp")):
        return "writing"
    partials = list(store.glob("*/*/*/*/.partial-*"))
    if partials:
        return "extraction" if all(map(_between_batches, partials)) else "writing"
    if not any(store.glob("*/*/*/*/index.npz")):
        return "start"
    return "probes" if jobs else "end"


def _between_batches(partial: Path) -> bool:
    """Whether all that lies there is in the journal."""
    try:
        plan = json.loads((partial / "plan.json").read_text())
        journal = (partial / "journal.jsonl").read_text() if (partial / "journal.jsonl").is_file() else ""
        if journal and not journal.endswith("\n"):
            return False
        rows = sum(sum(json.loads(line)[0]) for line in journal.splitlines())
        for level, window, dim in plan["taps"]:
            part = partial / f"{level}@{'own' if window is None else window}.npy"
            if part.is_file() and part.stat().st_size > HEADER_BYTES + 4 * rows * dim:
                return False
    except FileNotFoundError:  # being begun, or being put in its place
        return False
    return True
