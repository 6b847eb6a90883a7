"""Runs of a fault campaign: started, killed, brought to their end, compared."""

import importlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from ablations import memory
from ablations.fault_phases import phase_of
from ablations.store_check import check
from downstream import extract
from results.rows import RESULT_COLUMNS, read_rows

NAME = "faults"
COMMAND = "ablations.cli"  # by its name, for it knows the campaign
BATCH_CLIPS = 2  # of a small task, so that there are many moments
COMPARED = (*RESULT_COLUMNS, "spec", "seed", "protocol", "job")
MEANT = -signal.SIGKILL
LOOK_S = 0.001


@dataclass(frozen=True)
class Place:
    """One run's folders, below `folder`."""

    folder: Path
    study: Path
    options: tuple[str, ...]

    @property
    def run(self) -> Path:
        return self.folder / "runs" / NAME

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def launch(self) -> multiprocessing.Process:
        """`ablate run` in a process that has imported everything already."""
        places = ["--runs", str(self.folder / "runs"), "--store", str(self.store), "--device", "cpu"]
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = ["run", str(self.study), *places, *self.options]
        return started(_ablate, arguments, self.folder / "log")

    def jobs(self) -> list[Path]:
        return sorted((self.run / "jobs").glob("*.json"))

    def phase(self, jobs: int) -> str:
        """What a run of so many jobs is at."""
        try:
            return phase_of(self.folder, self.store, jobs - len(self.jobs()))
        except FileNotFoundError:  # it goes on: what was listed is gone
            return ""


def started(function: Callable[..., Any], *arguments: Any) -> multiprocessing.Process:
    """A call in a process of its own, forked from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, COMMAND])
    process = context.Process(target=function, args=arguments)
    process.start()
    return process


def _ablate(arguments: list[str], log: Path) -> None:
    """In the child: the command, with what it prints in a file."""
    torch.set_num_threads(1)
    extract.BATCH_CLIPS = BATCH_CLIPS
    with log.open("ab", buffering=0) as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.argv = ["ablate", *arguments]
    importlib.import_module(COMMAND).main(arguments)


def killed(place: Place, delay: float, aim: str | None, jobs: int) -> bool:
    """Start it, and kill it, with what it started; False where it ended before."""
    process = place.launch()
    process.join(delay)
    while aim and process.exitcode is None and place.phase(jobs) != aim:
        process.join(LOOK_S)
    if process.exitcode is not None:
        _expect(process, (0,), place)
        return False
    others = memory.tree(process.pid)[1:]
    process.kill()
    process.join()
    for other in others:  # of other engines; most end by themselves
        try:
            os.kill(other, signal.SIGKILL)
        except ProcessLookupError:
            continue
    _expect(process, (MEANT, 0), place)
    return process.exitcode == MEANT


def finish(place: Place) -> None:
    process = place.launch()
    process.join()
    _expect(process, (0,), place)


def _expect(process: multiprocessing.Process, codes: tuple[int, ...], place: Place) -> None:
    if process.exitcode not in codes:
        lines = (place.folder / "log").read_text(errors="replace").strip().splitlines()
        reason = lines[-1] if lines else "without a word"
        raise ValueError(f"{place.folder}: ablate run ended with {process.exitcode}: {reason}")


def rows_of_run(place: Place) -> pd.DataFrame:
    return read_rows(place.run)[list(COMPARED)]


def compare(place: Place, undisturbed: Place, wanted: pd.DataFrame) -> None:
    """Raise ValueError unless rows and predictions are those of the undisturbed run."""
    if not rows_of_run(place).equals(wanted):
        raise ValueError(f"{place.folder}: its rows are not those of the undisturbed run")
    faults = check(place.store, full=True, runs=place.run)["fault"]
    if len(faults):
        raise ValueError(f"{place.folder}: {faults.iloc[0]}")
    for job in undisturbed.jobs():
        name = job.with_suffix(".npz").name
        with np.load(job.with_suffix(".npz")) as one, np.load(place.run / "jobs" / name) as other:
            if any(not np.array_equal(one[key], other[key], equal_nan=one[key].dtype.kind == "f") for key in one.files):
                raise ValueError(f"{place.folder}: the predictions of {name} are not those of the undisturbed run")
