"""The cost of integrity: a run's sums against its extraction, a full check of a large store against plain reading.

    python -m tests.campaigns.integrity --work FOLDER --out results/benchmarks/integrity.json

Costs of sums are shares of CPU time, which other work on the machine changes little. FOLDER needs room for the large
store, which is removed afterwards.
"""

import dataclasses
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import click
import numpy as np
import pandas as pd
import torch
import yaml

from ablations.benchmarks.record import Record, command_line
from ablations.runs.run import run_study
from ablations.store.check import check
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units import extraction
from ablations.units.where import Where
from downstream.store import tap_file
from downstream.store.extraction import Extraction
from downstream.store.store import TapFolder
from tests.campaigns import big_tasks
from tests.campaigns.record import WORK
from tests.campaigns.stages import Clock, timed_sums

TRIALS = 2  # of the check
SPLITS = {"train": 0.75, "valid": 0.125, "test": 0.125}
SIZE = dataclasses.replace(big_tasks.SIZES["scenes"], clips=200, seconds=5.0, labels=4, rate=44100, splits=SPLITS)
"""The size of the task; clips have ESC-50's rate and length."""
MODELS = {"logmel": 3, "passt_demo": 1}
"""The cheapest embedder, whose share is the largest, and a transformer -> trials."""
TAPS, DIM, BATCHES = 8, 768, 8  # of a folder of the large store
FOLDERS = 4
CHUNK_BYTES = 1 << 20


def cost_of_sums(task: Path, model: str, work: Path) -> dict[str, Any]:
    """Measure CPU seconds of a run of one model: into an empty store, and again from the store without the run.

    The first is compared with its extraction alone. Content hashes of clips, which name jobs, are counted apart from
    sums, which only guard files.
    """
    work.mkdir()
    file = work / "s.yaml"
    weights = {"weights": "untrained-0"} if model == "passt_demo" else {}
    study = {"name": "s", "models": [{"checkpoint": model, **weights}], "tasks": [str(task)]}
    file.write_text(yaml.safe_dump(study | {"protocol": "hear2021+grid1"}))
    extracted, first = _run(file, work)
    shutil.rmtree(work / "runs")
    tap_file._sum_of.cache_clear()  # as in a new process
    start = time.process_time()
    _, second = _run(file, work)
    whole = time.process_time() - start
    shutil.rmtree(work)
    return {"model": model, "extraction": _cost(first, extracted), "probes_from_the_store": _cost(second, whole)}


def _run(file: Path, work: Path) -> tuple[float, Clock]:
    """Run a study; return the CPU seconds of extraction in all threads, and the clock of sums."""
    extract, seconds = extraction.extract, []

    def timed(*arguments: Any) -> None:
        start = time.process_time()
        extract(*arguments)
        seconds.append(time.process_time() - start)

    with mock.patch.object(extraction, "extract", timed), timed_sums() as clock:
        outcome = run_study(Study.load(file), Where(work / "runs", work / "store"), Machine("cpu"))
    if outcome.failures:
        raise ValueError(f"the run failed: {outcome.failures}")
    return sum(seconds), clock


def _cost(sums: Clock, whole: float) -> dict[str, float]:
    hashes, guards = sums.seconds["content_hashes"], sums.seconds["sums"]
    seconds = {"cpu_s": round(whole, 3), "content_hashes_cpu_s": round(hashes, 4), "sums_cpu_s": round(guards, 4)}
    return {**seconds, "content_hashes_percent": _percent(hashes, whole), "sums_percent": _percent(guards, whole)}


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2)


def best(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the least disturbed of several trials, for each part by itself."""
    parts = [name for name in trials[0] if name != "model"]
    least = {name: min((trial[name] for trial in trials), key=lambda cost: cost["cpu_s"]) for name in parts}
    return {"model": trials[0]["model"], **least}


def make_store(root: Path, size: float) -> None:
    """Write a store of about `size` bytes with made-up taps."""
    files = [[f"{batch}-{number}.wav" for number in range(100)] for batch in range(BATCHES)]
    rows = int(size / (FOLDERS * TAPS * BATCHES * 4 * DIM)) // 100 * 100
    block = np.random.default_rng(0).standard_normal((rows, DIM), dtype=np.float32)
    taps = {(f"block{number}", 160): DIM for number in range(TAPS)}
    for number in range(FOLDERS):
        folder = TapFolder(root / f"{number:016x}" / ("b" * 16) / "train" / "t50")
        with Extraction.begin(folder, taps, files, {"embedder": "made-up", "clips": "made-up/train"}) as extraction:
            for batch in files:
                block += 1
                extraction.append(dict.fromkeys(taps, block), [rows // 100] * len(batch), np.arange(rows) * 50.0)
            extraction.finish()


def cost_of_a_check(root: Path, size: float) -> dict[str, Any]:
    """Measure a full check of a store, reading its files, and hashing as many bytes in memory, in seconds.

    Files are not in the system's cache when they are read or checked. CPU seconds are those of the fastest trial.
    """
    make_store(root, size)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    total = sum(path.stat().st_size for path in files)
    seconds: dict[str, list[tuple[float, float]]] = {"read": [], "hash": [], "check": []}
    for _ in range(TRIALS):
        for name, call in _parts(root, files, total):
            _forget(files)
            start, cpu = time.perf_counter(), time.process_time()
            call()
            seconds[name].append((time.perf_counter() - start, time.process_time() - cpu))
    taps = sum(path.suffix == ".npy" for path in files)
    least = {name: min(trials) for name, trials in seconds.items()}
    costs = {name: {"s": round(wall, 2), "cpu_s": round(cpu, 2)} for name, (wall, cpu) in least.items()}
    return {"gb": round(total / 1e9, 2), "taps": taps, **costs}


def _parts(root: Path, files: list[Path], total: int) -> Iterator[tuple[str, Callable[[], None]]]:
    def read() -> None:
        for path in files:
            with path.open("rb", buffering=0) as file:
                while file.read(CHUNK_BYTES):
                    pass

    def hashed() -> None:
        chunk, digest = np.random.default_rng(0).bytes(CHUNK_BYTES), hashlib.sha256()
        for _ in range(total // CHUNK_BYTES):
            digest.update(chunk)

    def checked() -> None:
        tap_file._sum_of.cache_clear()
        if not check(root, full=True).empty:
            raise ValueError("the made-up store has faults")

    yield from (("read", read), ("hash", hashed), ("check", checked))


def _forget(files: list[Path]) -> None:
    """Make the system drop these files from its cache."""
    for path in files:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def measure(work: Path, gigabytes: float = 10.0) -> Record:
    """Measure the cost of integrity: sums of a run, and a full check of a large store.

    Args:
        work: an empty folder.
        gigabytes: size of the large store.
    """
    torch.set_num_threads(1)
    task, store = big_tasks.make(SIZE, work), work / "store"
    runs = [best([cost_of_sums(task, model, work / "run") for _ in range(trials)]) for model, trials in MODELS.items()]
    shutil.rmtree(task)
    try:
        full_check = cost_of_a_check(store, gigabytes * 1e9)
    finally:
        shutil.rmtree(store, ignore_errors=True)
    clips = {"clips": SIZE.clips, "seconds_each": SIZE.seconds, "rate": SIZE.rate}
    parts = [{"model": run["model"], "part": part, **run[part]} for run in runs for part in run if part != "model"]
    costs = ", ".join(f"{name} {full_check[name]['s']} s" for name in ("read", "hash", "check"))
    return Record(
        f"CPU seconds of runs on {SIZE.clips} clips of {SIZE.seconds:g} s, and those of content hashes and sums",
        facts={"load": os.getloadavg()[0], "task": clips, "runs": runs, "full_check": full_check},
        table=pd.DataFrame(parts),
        lines=[f"Full check of {full_check['gb']} GB: {costs}"],
    )


GIGABYTES = click.option("--gigabytes", default=10.0, show_default=True, help="The size of the large store.")
main = command_line(measure, "python -m tests.campaigns.integrity", GIGABYTES, WORK, progress=False)

if __name__ == "__main__":
    main()
