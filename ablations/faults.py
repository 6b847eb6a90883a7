"""The fault campaign: a run is killed (SIGKILL) at random moments and started again until it ends; rows are compared.

A run is the command `ablate run`, in a process of its own, with whatever engine its options ask for.
"""

import dataclasses
import multiprocessing
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml

from ablations import big_tasks, memory
from ablations.fault_phases import PHASES, phase_of
from ablations.job import versions
from ablations.machine import machine
from ablations.store_check import check
from downstream import extract
from downstream.progress import Track, silent
from results.rows import RESULT_COLUMNS, read_rows

STUDY = {
    "name": "faults",
    "models": [
        {"checkpoint": "logmel", "timestamp_hop_ms": 100},
        {"checkpoint": "crepe_tiny", "timestamp_hop_ms": 100},
        {"checkpoint": "passt_demo", "weights": "untrained-0", "levels": [["block1"]], "timestamp_hop_ms": 250},
    ],
    "protocol": "hear2021+grid2",
}
THREE = {"train": 0.7, "valid": 0.15, "test": 0.15}
SIZES = (
    dataclasses.replace(big_tasks.SIZES["scenes"], clips=24, labels=4),
    dataclasses.replace(
        big_tasks.SIZES["events"], clips=7, seconds=3.0, labels=3, split_mode="trainvaltest", splits=THREE
    ),
)
"""Of its tasks, which are made up: small, for a run is made many times over."""
MAX_EPOCHS = 12
BATCH_CLIPS = 2  # of a small task, so that there are many moments
COMPARED = (*RESULT_COLUMNS, "spec", "seed", "protocol", "job")
LIMIT = 2  # times the kills asked for, of runs
KILLS_A_RUN = 3  # at most
MEANT = -signal.SIGKILL


@dataclass(frozen=True)
class Place:
    """One run's folders, below `folder`."""

    folder: Path
    study: Path
    options: tuple[str, ...]

    @property
    def run(self) -> Path:
        return self.folder / "runs" / STUDY["name"]

    @property
    def store(self) -> Path:
        return self.folder / "store"

    def launch(self) -> multiprocessing.Process:
        """`ablate run` in a process that has imported everything already."""
        places = ["--runs", str(self.folder / "runs"), "--store", str(self.store), "--device", "cpu"]
        self.folder.mkdir(parents=True, exist_ok=True)
        arguments = ["run", str(self.study), *places, *self.options]
        return _started(_ablate, arguments, self.folder / "log")

    def jobs(self) -> list[Path]:
        return sorted((self.run / "jobs").glob("*.json"))


def campaign(
    work: Path, *, kills: int = 30, seed: int = 0, options: Sequence[str] = (), each: int = 3, track: Track = silent
) -> dict[str, Any]:
    """Kill runs until there were so many kills, and `each` in every phase; each of them is then brought to its end.

    Args:
        work: an empty folder. options: of `ablate run`: which engine.

    Returns:
        A record to be written as JSON.

    Raises:
        ValueError: where a run fails by itself, or ends with other rows than the undisturbed one.
    """
    study = _declared(work)
    undisturbed = Place(work / "undisturbed", study, tuple(options))
    _started(int).join()  # imports are no part of a run
    start = time.perf_counter()
    finish(undisturbed)
    seconds = time.perf_counter() - start
    wanted, draw = rows_of_run(undisturbed), random.Random(seed)
    moments: list[dict[str, Any]] = []
    rounds = 0
    with track("kills", kills) as advance:
        while not _enough(moments, kills, each) and rounds < LIMIT * kills:
            place = Place(work / f"round{rounds}", study, tuple(options))
            delays = [draw.uniform(0, seconds) for _ in range(KILLS_A_RUN)]
            for moment in _kills(place, delays, len(undisturbed.jobs())):
                moments.append({"run": rounds, **moment})
                advance(1)
            finish(place)
            compare(place, undisturbed, wanted)
            rounds += 1
    return {
        "what": "ablate run on made-up tasks, killed (SIGKILL) and started again until it ended",
        "engine": " ".join(options) or "in-process",
        "device": machine("cpu"),
        "versions": versions(),
        "seed": seed,
        "study": STUDY,
        "tasks": list(map(asdict, SIZES)),
        "seconds_undisturbed": seconds,
        "rows": len(wanted),
        "runs_killed": rounds,
        "runs_with_equal_rows_and_predictions": rounds,  # another one ends in an error
        **_counted(moments),
    }


def _kills(place: Place, delays: Sequence[float], jobs: int) -> Iterator[dict[str, Any]]:
    """Kill a run after each of these seconds; no more once it has ended by itself."""
    for delay in delays:
        if not _killed(place, delay):
            return
        yield {"after_s": delay, **_left(place, jobs)}


def _counted(moments: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "kills": len(moments),
        "kills_by_phase": dict(Counter(moment["phase"] for moment in moments)),
        "store_faults_after_kills": sum(len(moment["faults"]) for moment in moments),
        "moments": moments,
    }


def to_markdown(found: dict[str, Any]) -> str:
    table = pd.DataFrame(found["kills_by_phase"].items(), columns=["phase", "kills"])
    return (
        f"{table.to_markdown(index=False)}\n\n"
        f"{found['kills']} kills of {found['runs_killed']} runs ({found['engine']}); "
        f"rows and predictions of {found['runs_with_equal_rows_and_predictions']} equal those of an undisturbed run; "
        f"{found['store_faults_after_kills']} faults in stores after kills"
    )


def _declared(work: Path) -> Path:
    """The study's file; its tasks are made once."""
    tasks = [str(big_tasks.make(size, work.absolute() / "tasks", max_epochs=MAX_EPOCHS)) for size in SIZES]
    path = work / "faults.yaml"
    path.write_text(yaml.safe_dump({**STUDY, "tasks": tasks}))
    return path


def _enough(moments: list[dict[str, Any]], kills: int, each: int) -> bool:
    counts = Counter(moment["phase"] for moment in moments)
    return len(moments) >= kills and all(counts[phase] >= each for phase in PHASES)


def _started(function: Callable[..., Any], *arguments: Any) -> multiprocessing.Process:
    """A call in a process of its own, forked from one that has imported everything."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ablations.faults", "ablations.cli"])
    process = context.Process(target=function, args=arguments)
    process.start()
    return process


def _ablate(arguments: list[str], log: Path) -> None:
    """In the child: the command, with what it prints in a file."""
    from ablations import cli

    torch.set_num_threads(1)
    extract.BATCH_CLIPS = BATCH_CLIPS
    with log.open("ab", buffering=0) as file:
        for stream in (1, 2):
            os.dup2(file.fileno(), stream)
    sys.argv = ["ablate", *arguments]
    cli.main(arguments)


def _killed(place: Place, delay: float) -> bool:
    """Start it, and kill it after so many seconds, with what it started; False where it ended before."""
    process = place.launch()
    process.join(delay)
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


def _left(place: Place, jobs: int) -> dict[str, Any]:
    """What a kill left: the phase, and faults of the store."""
    phase = phase_of(place.folder, place.store, jobs - len(place.jobs()))
    return {"phase": phase, "faults": check(place.store, full=True)["fault"].tolist() if place.store.is_dir() else []}


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
