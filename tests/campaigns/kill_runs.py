"""Runs of a kill campaign: started, waited for, compared with an undisturbed one."""

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ablations.store.check import check
from ablations.system import memory
from downstream import extract
from results.rows.rows import RESULT_COLUMNS, read_rows
from tests.campaigns.kill_phases import phase_of

NAME = "kills"
MARK = "ABLATE_KILL_CAMPAIGN"
"""A variable of the environment of every process of a run: its place."""
BATCH_CLIPS = 2  # of a small task, so that there are many moments
COMPARED = (*RESULT_COLUMNS, "spec", "seed", "protocol", "job")
LOOK_S = 0.002
LIMIT_S = 240.0  # for a run to end
LEFT_S = 90.0  # for the processes that it started to end: where it was killed, Ray's agents take a minute
PROC = Path("/proc")


class WrongEnding(Exception):
    """A run that did not end as it has to."""


@dataclass(frozen=True)
class Place:
    """One run's folders, below `folder`.

    Attributes:
        options: of `ablate run`: which engine. jobs_in_all: of a run that has ended.
        seen: processes that runs here started, with when each began, by their numbers. orphans: those of killed runs.
    """

    folder: Path
    study: Path
    options: tuple[str, ...] = ()
    jobs_in_all: int = 0
    seen: dict[int, str] = field(default_factory=dict)
    orphans: dict[int, str] = field(default_factory=dict)

    @property
    def run(self) -> Path:
        return self.folder / "runs" / NAME

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def launch(self, options: Sequence[str] | None = None) -> "Running":
        """Start `ablate run` in a process that has imported everything already."""
        self.folder.mkdir(parents=True, exist_ok=True)
        places = ["--runs", str(self.folder / "runs"), "--store", str(self.store), "--device", "cpu"]
        arguments = ["run", str(self.study), *places, *(self.options if options is None else options)]
        log = self.folder / f"log{len(list(self.folder.glob('log*')))}"
        process = started(_ablate, arguments, log, str(self.folder))
        running = Running(self, process, log)
        running.until(log.exists)
        return running

    def finish(self) -> None:
        """Run to the end, again where the machine was too busy for Ray."""
        running = self.launch()
        while running.expect(0, 1) and running.too_busy:
            running = self.launch()
        running.expect(0)

    def jobs(self) -> list[Path]:
        return sorted((self.run / "jobs").glob("*.json"))

    def phase(self) -> str:
        """What its run is at."""
        while True:
            with contextlib.suppress(FileNotFoundError):  # it goes on: what was listed is gone
                return phase_of(self.folder, self.store, self.jobs_in_all - len(self.jobs()))

    def temporary(self) -> list[str]:
        """What is there for a time only: temporary files and unfinished extractions."""
        names = [path for pattern in (".*.tmp", ".partial-*") for path in self.folder.rglob(pattern)]
        return sorted(str(path.relative_to(self.folder)) for path in names)


@dataclass(frozen=True)
class Running:
    """A run that was started.

    Attributes:
        log: what it prints.
    """

    place: Place
    process: multiprocessing.Process
    log: Path

    @property
    def alive(self) -> bool:
        return self.process.exitcode is None

    @property
    def too_busy(self) -> bool:
        """Whether it ended because Ray did not start in the 30 s that Ray gives itself."""
        return not self.alive and "Ray did not start" in self.text()

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def until(self, ready: Callable[[], object], limit_s: float = LIMIT_S) -> bool:
        """Wait until something is the case; False where the run ended before, or the limit came."""
        end = time.monotonic() + limit_s
        while self.alive and time.monotonic() < end:
            if ready():
                return True
            self.process.join(LOOK_S)
        return False

    def processes(self) -> dict[int, str]:
        """The command lines of the processes that runs of its place started and that live."""
        seen = self.place.seen
        seen.update((process, _begun(process)) for process in memory.tree(self.process.pid)[1:])
        alive = living(seen)
        mark = f"{MARK}={self.place.folder}".encode()
        for entry in PROC.glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes():
                    alive[int(entry.name)] = _command(int(entry.name))
        return {process: command for process, command in alive.items() if command}

    def expect(self, *statuses: int, limit_s: float = LIMIT_S) -> int:
        """Wait for the end, and for that of all processes that the run started.

        Raises:
            WrongEnding: another status than these, a traceback, or a process that stays.
        """
        self.process.join(limit_s)
        late = self.alive
        if late:
            self.process.kill()
            self.process.join()
        end = time.monotonic() + LEFT_S
        while (left := self.processes()) and time.monotonic() < end:
            time.sleep(LOOK_S)
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        status, last = self.process.exitcode, self.text()[-600:]
        if late:
            raise WrongEnding(f"had not ended after {limit_s:g} s: {last}")
        if status not in statuses:
            raise WrongEnding(f"ended with {status}, expected {' or '.join(map(str, statuses))}: {last}")
        if "Traceback (most recent call last)" in self.text():
            raise WrongEnding(f"ended in a traceback: {last}")
        if left:
            raise WrongEnding(f"left {len(left)} processes behind: {', '.join(sorted(left.values()))[:300]}")
        return status


def living(processes: Mapping[int, str]) -> dict[int, str]:
    """The command lines of those processes that live, by when each began."""
    return {process: _command(process) for process, begun in processes.items() if begun == _begun(process) != ""}


def _begun(process: int) -> str:
    """When a process began; "" for one that has ended."""
    try:
        fields = (PROC / str(process) / "stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _command(process: int) -> str:
    """The command line of a process; "" for one that has ended."""
    with contextlib.suppress(OSError):
        return (PROC / str(process) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    return ""


def started(function: Callable[..., Any], *arguments: Any) -> multiprocessing.Process:
    """A call in a process of its own, forked from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "ablations.cli.run"])
    process = context.Process(target=function, args=arguments)
    process.start()
    return process


def _ablate(arguments: list[str], log: Path, mark: str) -> None:
    """In the child: the command, with what it prints in a file."""
    os.environ[MARK] = mark
    signal.signal(signal.SIGINT, signal.default_int_handler)  # even where the campaign runs behind an &
    torch.set_num_threads(1)
    extract.BATCH_CLIPS = BATCH_CLIPS
    command = importlib.import_module("ablations.cli.main").main
    with log.open("ab", buffering=0) as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.argv = ["ablate", *arguments]
    command(arguments)


def rows_of_run(place: Place) -> pd.DataFrame:
    return read_rows(place.run)[list(COMPARED)]


def faults(place: Place, run: Path | None = None) -> list[str]:
    """What `ablate store check --full` names."""
    if not place.store.is_dir():
        return []
    return check(place.store, full=True, runs=run)["fault"].str.replace(f"{place.folder}/", "").tolist()


def compare(place: Place, undisturbed: Place) -> None:
    """Compare rows, predictions and what remains with an undisturbed run.

    Raises:
        WrongEnding: they differ, the store has a fault, or a temporary file remains.
    """
    if not rows_of_run(place).equals(rows_of_run(undisturbed)):
        raise WrongEnding("its rows are not those of the undisturbed run")
    if named := faults(place, place.run):
        raise WrongEnding(named[0])
    if left := place.temporary():
        raise WrongEnding(f"{left[0]} remains")
    end = time.monotonic() + LEFT_S
    while (orphans := living(place.orphans)) and time.monotonic() < end:
        time.sleep(LOOK_S)
    if orphans:
        raise WrongEnding(f"processes of a killed run remain: {', '.join(sorted(orphans.values()))[:300]}")
    for job in undisturbed.jobs():
        name = job.with_suffix(".npz").name
        with np.load(job.with_suffix(".npz")) as one, np.load(place.run / "jobs" / name) as other:
            if any(not np.array_equal(one[key], other[key], equal_nan=one[key].dtype.kind == "f") for key in one.files):
                raise WrongEnding(f"the predictions of {name} are not those of the undisturbed run")
