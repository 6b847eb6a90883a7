"""Run one attempt in a process of its own, and say how it ended."""

import contextlib
import os
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


@dataclass(frozen=True)
class Ending:
    """How an attempt ended.

    Attributes:
        kind: "taken" (exit status 0), "one-line error", "traceback", "hang" (stopped after its limit), "crash" (ended
            by a signal), or "silent" (another exit status without a message).
        status: the exit status; of a signal its number below 0.
        peak_mb: memory at its highest, resident, in megabytes.
        output: what was printed.
    """

    kind: str
    status: int
    seconds: float
    peak_mb: float
    output: str


def attempt(call: Callable[[], object], log: Path, limit_s: float) -> Ending:
    """Call a function in a forked process, its output in `log`; it and its children are ended after the limit."""
    start = time.perf_counter()
    process = os.fork()
    if process == 0:
        _child(call, log)
    status, usage = _waited(process, start + limit_s)
    seconds = time.perf_counter() - start
    output = log.read_text(errors="replace")
    code = os.waitstatus_to_exitcode(status) if status is not None else 0
    return Ending(_kind(status is None, code, output), code, seconds, usage.ru_maxrss / 1000, output)


def _child(call: Callable[[], object], log: Path) -> None:
    """The forked process: never returns."""
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
    except BaseException:  # what a user would see
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _waited(process: int, until: float):
    """The wait status (None where the limit came first) and the resources that the process used."""
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
