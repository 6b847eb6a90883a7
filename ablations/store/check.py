"""Whether a store and the rows of runs are what was written: `ablate store check`."""

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
    """A row a fault: `fault`, one line that names the file and says what to do, and `moved_to`, "" where it was not.

    Temporary files of dead processes are removed.

    Args:
        full: reads every file, to verify its sum; else headers, lengths and records.
        runs: a folder of runs, or one run, whose rows and jobs are checked too.
        fix: moves faulty parts to the folder `faulty` of the store, or of the run, so that they are made anew.

    Raises:
        FileNotFoundError: there is no such store, or no such run.
    """
    root = Path(store) if store else default_root()
    sweep(root, below=True)
    found = [(fault, root) for fault in faults(root, full=full)]
    for run in _runs(Path(runs)) if runs else ():
        sweep(run, below=True)
        found += [(fault, run) for fault in run_faults(run)]
    rows = []
    for fault, base in found:
        moved = fix and move_away(fault, base, base / FAULTY)
        rows.append((fault.text, str(base / FAULTY) if moved else ""))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _runs(folder: Path) -> list[Path]:
    if (folder / "jobs").is_dir():
        return [folder]
    found = sorted(path.parent for path in folder.glob("*/jobs") if path.is_dir())
    if not found:
        raise FileNotFoundError(f"{folder}: no run there; expected a folder with jobs/, or a folder of such")
    return found
