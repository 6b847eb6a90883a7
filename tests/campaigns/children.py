"""Run one attempt in a process of its own, and classify its ending."""

import contextlib
import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TRACEBACK = "Traceback (most recent call last)"
MESSAGES = ("Error:", "Failed:", " faults (")
LOOK_S = 0.005
RIGHT = ("taken", "one-line error")
"""The endings that are right."""


@dataclass(frozen=True)
class Ending:
    """The ending of an attempt.

    Attributes:
        kind: "taken" (exit status 0), "one-line error", "traceback", "hang" (stopped after its limit), "crash" (ended
            by a signal), or "silent" (another exit status without a message).
        status: the exit status; minus its number for a signal.
        seconds: wall time.
        peak_mb: peak of resident memory in megabytes.
        output: stdout and stderr.
        cpu_s: user and system time, of its ended children too.
    """

    kind: str
    status: int
    seconds: float
    peak_mb: float
    output: str
    cpu_s: float = 0.0


def attempt(call: Callable[[], object], log: Path, limit_s: float) -> Ending:
    """Call a function in a forked process; it and its children are ended after the limit.

    Args:
        call: the function.
        log: file for its output.
        limit_s: seconds that it may take.
    """
    start = time.perf_counter()
    process = os.fork()
    if process == 0:
        _child(call, log)
    status, usage = _waited(process, start + limit_s)
    seconds = time.perf_counter() - start
    output = log.read_text(errors="replace")
    code = os.waitstatus_to_exitcode(status) if status is not None else 0
    used = usage.ru_utime + usage.ru_stime
    return Ending(_kind(status is None, code, output), code, seconds, usage.ru_maxrss / 1000, output, used)


def _child(call: Callable[[], object], log: Path) -> None:
    """Run in the forked process; never return."""
    os.setsid()
    with log.open("wb", buffering=0) as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    code = 1
    try:
        call()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # as a user would see it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _waited(process: int, until: float) -> tuple[int | None, resource.struct_rusage]:
    """Wait for a process; return its wait status (None if the limit came first) and the resources that it used."""
    while time.perf_counter() < until:
        done, status, usage = os.wait4(process, os.WNOHANG)
        if done:
            _end_group(process)
            return status, usage
        time.sleep(LOOK_S)
    _end_group(process)
    _, _, usage = os.wait4(process, 0)
    return None, usage


def _end_group(process: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)


def _kind(late: bool, code: int, output: str) -> str:
    if late:
        return "hang"
    if TRACEBACK in output:
        return "traceback"
    if code < 0:
        return "crash"
    if code == 0:
        return "taken"
    return "one-line error" if any(message in output for message in MESSAGES) else "silent"
