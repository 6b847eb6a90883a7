"""Check a store, and the jobs and rows of runs: `ablate store check`."""

from pathlib import Path

import pandas as pd

from ablations.store.run_check import run_faults
from downstream.disk.files import sweep
from downstream.store.check import FAULTY, faults, move_away
from downstream.store.store import default_root

COLUMNS = ("fault", "moved_to")


def check(
    store: str | Path | None = None, *, full: bool = False, runs: str | Path | None = None, fix: bool = False
) -> pd.DataFrame:
    """Check a store; temporary files of dead processes are removed.

    Args:
        store: its folder; None for the default one.
        full: read every file to verify its sum; else only headers, lengths and records.
        runs: a run or a folder of runs, whose jobs and rows are checked too.
        fix: move faulty parts to the folder `faulty` of the store or the run, so that they are made anew.

    Returns:
        A row for each fault: `fault`, one line that names the file and says what to do, and `moved_to`, "" if it was
        not moved.

    Raises:
        FileNotFoundError: there is no such store or run.
    """
    root = Path(store) if store else default_root()
    sweep(root, below=True)
    located = [(fault, root) for fault in faults(root, full=full)]
    for run in _runs(Path(runs)) if runs else ():
        sweep(run, below=True)
        located += [(fault, run) for fault in run_faults(run)]
    rows = []
    for fault, folder in located:
        moved = fix and move_away(fault, folder, folder / FAULTY)
        rows.append((fault.text, str(folder / FAULTY) if moved else ""))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _runs(folder: Path) -> list[Path]:
    if (folder / "jobs").is_dir():
        return [folder]
    runs = sorted(path.parent for path in folder.glob("*/jobs") if path.is_dir())
    if not runs:
        raise FileNotFoundError(f"{folder}: no run there; expected a folder with jobs/, or a folder of such")
    return runs
