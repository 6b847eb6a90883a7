"""Runs of a kill campaign: start them, wait for their end, compare them with an undisturbed one."""

import contextlib
import importlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
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
from tests.campaigns import kill_work
from tests.campaigns.kill_phases import phase_of
from tests.campaigns.processes import PROC, command_of, living, start_of

NAME = "kills"
MARK = "ABLATE_KILL_CAMPAIGN"
"""Environment variable of every process of a run: the folder of its place."""
BATCH_CLIPS = 1  # small, for many moments to be killed at
COMPARED = (*RESULT_COLUMNS, "spec", "seed", "protocol", "job")
LOOK_S = 0.002
LIMIT_S = 240.0  # for a run to end
LEFT_S = 90.0  # for its child processes to end: after a kill Ray's agents take a minute


class WrongEnding(Exception):
    """A run that ended in a wrong way."""


@dataclass(frozen=True)
class Place:
    """The folders of one run.

    Attributes:
        folder: that holds the others.
        study: file of the study.
        options: of `ablate run`, which select the engine.
        all_jobs: how many jobs the complete run has.
        seen: processes that runs here started: id -> time of the start.
        orphans: the same of killed runs.
        stopped: ids of processes that a signal stopped in an orderly way.
    """

    folder: Path
    study: Path
    options: tuple[str, ...] = ()
    all_jobs: int = 0
    seen: dict[int, str] = field(default_factory=dict)
    orphans: dict[int, str] = field(default_factory=dict)
    stopped: set[int] = field(default_factory=set)

    @property
    def run(self) -> Path:
        return self.folder / "runs" / NAME

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def launch(self, options: Sequence[str] | None = None) -> "Running":
        """Start `ablate run` in a process that has imported everything."""
        self.folder.mkdir(parents=True, exist_ok=True)
        places = ["--runs", str(self.folder / "runs"), "--store", str(self.store), "--device", "cpu"]
        arguments = ["run", str(self.study), *places, *(self.options if options is None else options)]
        log = self.folder / f"log{len(list(self.folder.glob('log*')))}"
        process = started(_ablate, arguments, log, str(self.folder))
        running = Running(self, process, log)
        running.until(log.exists)
        return running

    def finish(self) -> None:
        """Run to the end; start again if the machine was too busy for Ray."""
        running = self.launch()
        while running.expect(0, 1) and running.too_busy:
            running = self.launch()
        running.expect(0)

    def jobs(self) -> list[Path]:
        return sorted((self.run / "jobs").glob("*.json"))

    def phase(self) -> str:
        """Return the phase of its run."""
        while True:
            with contextlib.suppress(FileNotFoundError):  # the run continues and removes files that were listed
                return phase_of(self.folder, self.store, self.all_jobs - len(self.jobs()))

    def again(self) -> kill_work.Again:
        """Return what its runs appended to the store more than once."""
        return kill_work.again(kill_work.appended(self.folder), self.stopped)

    def temporary(self) -> list[str]:
        """Return temporary files and unfinished extractions."""
        names = [path for pattern in (".*.tmp", ".partial-*") for path in self.folder.rglob(pattern)]
        return sorted(str(path.relative_to(self.folder)) for path in names)


@dataclass(frozen=True)
class Running:
    """A run that was started.

    Attributes:
        place: its folders.
        process: its first process.
        log: file of its output.
    """

    place: Place
    process: multiprocessing.Process
    log: Path

    @property
    def alive(self) -> bool:
        return self.process.exitcode is None

    @property
    def too_busy(self) -> bool:
        """Whether it ended because Ray did not start in Ray's own limit of 30 s."""
        return not self.alive and "Ray did not start" in self.text()

    def text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def until(self, ready: Callable[[], object], limit_s: float = LIMIT_S) -> bool:
        """Wait until `ready` is true; return False if the run ended before, or after the limit in seconds."""
        end = time.monotonic() + limit_s
        while self.alive and time.monotonic() < end:
            if ready():
                return True
            self.process.join(LOOK_S)
        return False

    def processes(self) -> dict[int, str]:
        """Return the living processes that runs of its place started: id -> command line."""
        seen = self.place.seen
        seen.update((process, start_of(process)) for process in memory.tree(self.process.pid)[1:])
        alive = living(seen)
        mark = f"{MARK}={self.place.folder}".encode()
        for entry in PROC.glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (entry / "environ").read_bytes():
                    alive[int(entry.name)] = command_of(int(entry.name))
        return {process: command for process, command in alive.items() if command}

    def expect(self, *statuses: int, limit_s: float = LIMIT_S) -> int:
        """Wait for the end of the run and of all processes that it started, and return its exit status.

        Args:
            statuses: the right ones.
            limit_s: seconds that it may take.

        Raises:
            WrongEnding: for another status, a traceback, or a process that stays.
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


def started(function: Callable[..., Any], *arguments: Any) -> multiprocessing.Process:
    """Call a function in a process of its own, forked from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "ablations.cli.running.printed"])
    process = context.Process(target=function, args=arguments)
    process.start()
    return process


def _ablate(arguments: list[str], log: Path, mark: str) -> None:
    """Run the command in the child, with its output in a file."""
    os.environ[MARK] = mark
    signal.signal(signal.SIGINT, signal.default_int_handler)  # even where the campaign runs behind an &
    torch.set_num_threads(1)
    extract.BATCH_CLIPS = BATCH_CLIPS
    kill_work.record(Path(mark))
    command = importlib.import_module("ablations.cli.group").main
    with log.open("ab", buffering=0) as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.argv = ["ablate", *arguments]
    command(arguments)


def rows_of_run(place: Place) -> pd.DataFrame:
    """Return the rows of a run, in the columns that are compared."""
    return read_rows(place.run)[list(COMPARED)]


def faults(place: Place, run: Path | None = None) -> list[str]:
    """Return the faults that `ablate store check --full` names."""
    if not place.store.is_dir():
        return []
    return check(place.store, full=True, runs=run)["fault"].str.replace(f"{place.folder}/", "").tolist()


def compare(place: Place, undisturbed: Place) -> None:
    """Compare rows, predictions and remaining files with an undisturbed run, and what was appended more than once.

    Raises:
        WrongEnding: if they differ, the store has a fault, a temporary file remains, or too much was appended again.
    """
    if fault := place.again().fault:
        raise WrongEnding(fault)
    if not rows_of_run(place).equals(rows_of_run(undisturbed)):
        raise WrongEnding("its rows are not those of the undisturbed run")
    if damage := faults(place, place.run):
        raise WrongEnding(damage[0])
    if temporary := place.temporary():
        raise WrongEnding(f"{temporary[0]} remains")
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
