"""The fault campaign: a run is killed (SIGKILL) at random moments and started again until it ends; rows are compared.

A run is the command `ablate run`, in a process of its own, with whatever engine its options ask for.
"""

import dataclasses
import logging
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from ablations import big_tasks
from ablations.fault_phases import PHASES
from ablations.fault_runs import NAME, Place, compare, finish, killed, rows_of_run, started
from ablations.job import versions
from ablations.machine import machine
from ablations.store_check import check
from downstream.progress import Track, silent

logger = logging.getLogger(__name__)

STUDY = {
    "name": NAME,
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
LIMIT = 2  # times the kills asked for, of runs
KILLS_A_RUN = 3  # at most


def campaign(
    work: Path, *, kills: int = 30, seed: int = 0, options: Sequence[str] = (), each: int = 3, track: Track = silent
) -> dict[str, Any]:
    """Kill runs at random moments until there were so many kills; each run is then brought to its end.

    From half of the kills on, where a phase was met less than `each` times, a run is killed when it is next in it.

    Args:
        work: an empty folder. options: of `ablate run`: which engine.

    Returns:
        A record to be written as JSON.

    Raises:
        ValueError: where a run fails by itself, or ends with other rows than the undisturbed one.
    """
    study = _declared(work)
    undisturbed = Place(work / "undisturbed", study, tuple(options))
    started(int).join()  # imports are no part of a run
    start = time.perf_counter()
    finish(undisturbed)
    seconds = time.perf_counter() - start
    wanted, draw = rows_of_run(undisturbed), random.Random(seed)
    moments: list[dict[str, Any]] = []
    rounds = 0
    with track("kills", kills) as advance:
        while (len(moments) < kills or _lacking(moments, each)) and rounds < LIMIT * kills:
            place = Place(work / f"round{rounds}", study, tuple(options))
            delays = [draw.uniform(0, seconds) for _ in range(KILLS_A_RUN)]
            aim = _lacking(moments, each) if len(moments) > kills // 2 else None
            for moment in _kills(place, delays, aim, len(undisturbed.jobs())):
                moments.append({"run": rounds, "aimed": aim is not None, **moment})
                logger.info("run %d killed after %.1f s, in %s", rounds, moment["after_s"], moment["phase"])
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


def _kills(place: Place, delays: Sequence[float], aim: str | None, jobs: int) -> Iterator[dict[str, Any]]:
    """Kill a run after each of these seconds, or when it is next in the phase `aim`; no more once it has ended."""
    for delay in delays:
        start = time.perf_counter()
        if not killed(place, delay, aim, jobs):
            return
        yield {"after_s": time.perf_counter() - start, **_left(place, jobs)}


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


def _lacking(moments: list[dict[str, Any]], each: int) -> str | None:
    """The phase that was met least, where that is less often than `each`."""
    counts = Counter(moment["phase"] for moment in moments)
    least = min(PHASES, key=lambda phase: counts[phase])
    return least if counts[least] < each else None


def _left(place: Place, jobs: int) -> dict[str, Any]:
    """What a kill left: the phase, and faults of the store, whose files are named by where they are in it."""
    faults = check(place.store, full=True)["fault"].tolist() if place.store.is_dir() else []
    return {"phase": place.phase(jobs), "faults": [fault.replace(f"{place.store}/", "") for fault in faults]}
