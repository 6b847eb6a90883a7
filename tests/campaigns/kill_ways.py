"""Ways of ending a run, or one of its processes, and the right answer of the run."""

import os
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ablations.system.again import STOPPED
from tests.campaigns.kill_runs import Running, WrongEnding
from tests.campaigns.processes import PROC

NOTICE_S = 30.0  # for a waiting run to say so
STOP_S = 60.0  # for a run to end after a signal, or after the loss of Ray
REMEDY = "the same command goes on"

Way = Callable[[Running, random.Random], str]
"""Ends a process of a run, waits for the answer, and returns the phase of the run; "" if the run ended before.

It raises WrongEnding if the answer is wrong.
"""


def kill_run(running: Running, _: random.Random) -> str:
    """Kill the first process of a run; `compare` checks that the others end."""
    running.processes()
    running.process.kill()
    running.process.join()
    running.place.orphans.update(running.place.seen)
    running.place.seen.clear()
    return running.place.phase() if running.process.exitcode else ""


def _stop_run(number: int) -> Way:
    def stop(running: Running, _: random.Random) -> str:
        """Stop a run by a signal: it must say so in one line."""
        running.processes()
        phase = running.place.phase()
        os.kill(running.process.pid, number)
        if running.expect(128 + number, 0, limit_s=STOP_S) == 0:
            return ""
        if running.text().count(STOPPED) != 1:
            raise WrongEnding(f"not one line that says that it was stopped: {running.text()[-300:]}")
        running.place.stopped.add(running.process.pid)
        return phase

    return stop


def _stop_holder(beside: Sequence[str]) -> Way:
    def stop(running: Running, draw: random.Random) -> str:
        """Stop the holder of a lock, start another run beside it, then let the holder go on, or kill it."""
        holder = running.process.pid
        if not running.until(lambda: _stopped_with_lock(holder)):
            return ""
        phase = running.place.phase()
        try:
            other = running.place.launch(beside)
            noticed = other.until(lambda: f"waiting for process {holder} on " in _unwrapped(other), NOTICE_S)
        finally:
            killed = draw.random() < 0.5
            os.kill(holder, signal.SIGKILL if killed else signal.SIGCONT)
        if not noticed and other.alive:
            raise WrongEnding(f"waits without a word for {holder}: {other.text()[-300:]}")
        running.expect(-signal.SIGKILL if killed else 0)
        other.expect(0)
        return phase

    return stop


def _unwrapped(running: Running) -> str:
    """Return the output of a run in one line."""
    return " ".join(running.text().split())


def _stopped_with_lock(process: int) -> bool:
    """Stop a process if it holds an exclusive lock; let it continue if it released the lock in between."""
    if not _holds_lock(process):
        return False
    os.kill(process, signal.SIGSTOP)
    time.sleep(0.01)
    if _holds_lock(process):
        return True
    os.kill(process, signal.SIGCONT)
    return False


def _holds_lock(process: int) -> bool:
    locks = (line.split() for line in (PROC / "locks").read_text().splitlines())
    return any(lock[1:5] == ["FLOCK", "ADVISORY", "WRITE", str(process)] for lock in locks)


def kill_worker(running: Running, draw: random.Random) -> str:
    """Kill a Ray worker: the run must end as if undisturbed."""
    if phase := _kill_one(running, draw, "ray::UnitWorker"):
        running.expect(0)
    return phase


def kill_raylet(running: Running, draw: random.Random) -> str:
    """Kill Ray's own process on this machine: the run must end in one line with the remedy."""
    if phase := _kill_one(running, draw, "/raylet "):
        status = running.expect(0, 1, limit_s=STOP_S)
        if status and REMEDY not in running.text().splitlines()[-1]:
            raise WrongEnding(f"its last line has no remedy: {running.text()[-600:]}")
    return phase


def _kill_one(running: Running, draw: random.Random, name: str) -> str:
    """Wait for a process whose command line contains a name, and kill it; return the phase, "" if none came."""
    processes: list[int] = []

    def look() -> bool:
        processes[:] = sorted(process for process, command in running.processes().items() if name in f"{command} ")
        return bool(processes)

    if not running.until(look):
        return ""
    phase = running.place.phase()
    os.kill(draw.choice(processes), signal.SIGKILL)
    return phase


@dataclass(frozen=True)
class Engine:
    """An engine of `ablate run`.

    Attributes:
        options: that select it.
        ways: of ending its runs, by name.
        is_recorded: whether `kill_work` records what its runs append to the store.
    """

    options: tuple[str, ...]
    ways: Mapping[str, Way]
    is_recorded: bool = True


HOLDER = "SIGSTOP of a lock's holder"
OF_RUNS = {"SIGKILL": kill_run, "SIGTERM": _stop_run(signal.SIGTERM), "SIGINT": _stop_run(signal.SIGINT)}
OF_RAY = {"SIGKILL of a worker": kill_worker, "SIGKILL of the raylet": kill_raylet}
ENGINES = {
    "process": Engine((), OF_RUNS | {HOLDER: _stop_holder(())}),
    "shard": Engine(("--shard", "1/1"), OF_RUNS | {HOLDER: _stop_holder(("--shard", "2/2"))}),
    "ray": Engine(("--workers", "2"), OF_RUNS | OF_RAY, is_recorded=False),
}
