"""The phase in which a run was killed, by the files that it left.

- start: the store has nothing yet; end: all jobs are done, rows, table and figure may be missing
- extraction: an extraction is unfinished, and its journal has all data; probes: no extraction is, and jobs are missing
- writing: a temporary file, or data that the journal of an extraction does not have yet
"""

import json
from pathlib import Path

from downstream.store.tap_file import HEADER_BYTES

PHASES = ("extraction", "writing", "probes")
"""The phases that kills wait for."""


def phase_of(folder: Path, store: Path, jobs: int) -> str:
    """Return the phase of a run.

    Args:
        folder: has all its files.
        store: its store.
        jobs: that are missing.
    """
    if any(folder.rglob(".*.tmp")):
        return "writing"
    partials = list(store.glob("*/*/*/*/.partial-*"))
    if partials:
        return "extraction" if all(map(_is_in_journal, partials)) else "writing"
    if not any(store.glob("*/*/*/*/index.npz")):
        return "start"
    return "probes" if jobs else "end"


def _is_in_journal(partial: Path) -> bool:
    """Tell whether the journal has all data of an unfinished extraction."""
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
    except FileNotFoundError:  # it begins, or is renamed
        return False
    return True
