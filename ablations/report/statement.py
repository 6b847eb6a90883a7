"""State what the comparisons that a study asks for establish on its run."""

from pathlib import Path

from ablations.report.compare import Pair
from results.scores.records import read_record
from results.statistics.statement import NOTHING, statement
from results.statistics.versus import comparisons


def pairs_of(folder: str | Path) -> tuple[Pair, ...]:
    """List the pairs of models that the run's study asks to compare; none where its record names none."""
    record = read_record(folder)
    return record.comparisons if record else ()


def run_statement(folder: str | Path) -> str:
    """Compare the recorded pairs of a run on its test clips, and state the outcome in one to three brief sentences.

    Returns "" for a run whose study names no pairs.

    Raises:
        FileNotFoundError: for a folder without rows.
        ValueError: for files that are not a run's.
    """
    pairs = pairs_of(folder)
    if not pairs:
        return ""
    try:
        return statement(comparisons(folder, pairs), brief=True)
    except FileNotFoundError:
        if not (Path(folder) / "rows.csv").is_file():
            raise
        return f"{NOTHING.removesuffix('.')}: the run's folder has no predictions (jobs/)."
