"""The top of a run's part of the page: what is established, how far the run came, and what made it."""

from collections.abc import Sequence

import pandas as pd

from ablations.report import facts
from results.scores.records import RecordedCall, RunRecord
from results.statistics.statement import statement

NO_PAIRS = (
    "No difference is established: the study names no pairs of models to compare (its key `comparisons`; "
    "`ablate compare` takes any)."
)
NO_PREDICTIONS = "No difference is established: the run's folder has no predictions (jobs/), which comparisons need."
NOT_RECORDED = "Date, command and commit of the run were not recorded: an earlier version made it."


def lead(clips: pd.DataFrame | None, notes: Sequence[str]) -> str:
    """Say what comparisons on clips establish.

    Args:
        clips: `ablations.report.compare.Compared.clips`.
        notes: why a comparison could not be made.
    """
    if clips is not None:
        return statement(clips)
    return NO_PREDICTIONS if any(note.startswith("no comparison on clips") for note in notes) else NO_PAIRS


def state(rows: pd.DataFrame, record: RunRecord | None, clips: int | None) -> str:
    """Count models, tasks, clips, and what is missing."""
    measured = facts.measured(rows)
    parts = [_count(measured["spec"].nunique(), "model"), f"{_count(measured['task'].nunique(), 'task')} measured"]
    parts += [_count(clips, "test clip")] if clips is not None else []
    if record is not None:
        failed = sum(not failure.absent for failure in record.failures)
        absent = len(record.failures) - failed
        parts += [f"{absent} absent"] if absent else []
        parts += [_count(failed, "failure")] if failed else []
        parts += [] if record.finished else ["not finished"]
    return ", ".join(parts)


def origin(rows: pd.DataFrame, record: RunRecord | None) -> str:
    """Say when, by which command and by which code the run was made, and of how many jobs this is not known."""
    calls = record.calls if record else ()
    if not calls:
        return NOT_RECORDED
    days = sorted({day(call.started) for call in calls})
    when = days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}"
    last = calls[-1]
    times = "" if len(calls) == 1 else f" (the last of {len(calls)} calls)"
    codes = ", then ".join(dict.fromkeys(map(code, calls)))
    jobs, recorded = facts.measured(rows)["job"].nunique(), sum(call.jobs for call in calls)
    others = f" It made {recorded} of {jobs} jobs; how the others were made is not recorded." if recorded < jobs else ""
    return f"Run: {when} UTC, by {command(last)}{times}; {codes}.{others}"


def command(call: RecordedCall) -> str:
    """The command line of a call, or that there was none."""
    return f"`{call.command}`" if call.command else "a call from Python"


def code(call: RecordedCall) -> str:
    """The version and the commit of the code that a call ran."""
    return f"version {call.version}, commit {call.commit or 'not known'}"


def day(started: str) -> str:
    """The date and the minute of a time in ISO 8601."""
    return started[:16].replace("T", " ")


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
