"""What integrity costs: sums of a run beside its extraction, and a full check of a large store beside plain reading.

    python -m tests.campaigns.integrity --work FOLDER --out results/benchmarks/integrity.json

Costs of sums are shares of CPU time, which other work on the machine changes little. The large store is written by the
store's own writer and removed behind it; FOLDER needs room for it.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import click
import numpy as np
import soundfile
import torch
import yaml

from ablations.runs.run import run_study
from ablations.store.check import check
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.system.machine import machine, versions
from ablations.units import execute
from ablations.units.where import Where
from downstream.disk.files import write_json
from downstream.store import tap_file
from downstream.store.extraction import Extraction
from downstream.store.store import TapFolder
from tests.campaigns.record import PATH
from tests.campaigns.sum_clock import Clock, clock_of_sums

TRIALS = 2  # of the check
RATE = 44100
CLIPS, CLIP_SECONDS = {"train": 150, "valid": 25, "test": 25}, 5
MODELS = {"logmel": 3, "passt_demo": 1}
"""The cheapest embedder, whose share is the largest, and a transformer; and how often each is tried."""
TAPS, DIM, BATCHES = 8, 768, 8  # of a folder of the large store
FOLDERS = 4
CHUNK_BYTES = 1 << 20


def make_task(folder: Path) -> Path:
    """A scene task of noise in two classes; ESC-50's rate and length of clips."""
    draw = np.random.default_rng(0)
    for split, count in CLIPS.items():
        place = folder / str(RATE) / split
        place.mkdir(parents=True)
        labels = {f"{number}.wav": [("loud", "quiet")[number % 2]] for number in range(count)}
        for name, (label,) in labels.items():
            sound = draw.standard_normal(CLIP_SECONDS * RATE, dtype=np.float32) * (0.2 if label == "loud" else 0.02)
            soundfile.write(place / name, sound, RATE)
        (folder / f"{split}.json").write_text(json.dumps(labels))
    metadata = {"task_name": "noise", "version": "v1", "embedding_type": "scene", "prediction_type": "multiclass"}
    metadata |= {"split_mode": "trainvaltest", "sample_duration": CLIP_SECONDS, "evaluation": ["top1_acc"]}
    (folder / "task_metadata.json").write_text(json.dumps(metadata | {"splits": list(CLIPS)}))
    (folder / "labelvocabulary.csv").write_text("idx,label\n0,loud\n1,quiet\n")
    return folder


def cost_of_sums(task: Path, model: str, work: Path) -> dict[str, Any]:
    """CPU seconds of a run of one model: into an empty store, and again from the store without the run.

    The first is held against its extraction alone. Content hashes of clips, which name jobs, are told apart from the
    sums that only guard files.
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
    """CPU seconds of extraction, of all threads, and the clock of sums."""
    extract, seconds = execute.extract, []

    def timed(*arguments: Any) -> None:
        start = time.process_time()
        extract(*arguments)
        seconds.append(time.process_time() - start)

    with mock.patch.object(execute, "extract", timed), clock_of_sums() as clock:
        outcome = run_study(Study.load(file), Where(work / "runs", work / "store"), Machine("cpu"))
    if outcome.failures:
        raise ValueError(f"the run failed: {outcome.failures}")
    return sum(seconds), clock


def _cost(sums: Clock, whole: float) -> dict[str, float]:
    hashes = sums.by_name["hash_of"]
    guards = sums.seconds - hashes
    seconds = {"cpu_s": round(whole, 3), "content_hashes_cpu_s": round(hashes, 4), "sums_cpu_s": round(guards, 4)}
    return {**seconds, "content_hashes_percent": _percent(hashes, whole), "sums_percent": _percent(guards, whole)}


def _percent(part: float, whole: float) -> float:
    return round(100 * part / whole, 2)


def best(trials: list[dict[str, Any]]) -> dict[str, Any]:
    """The least disturbed of several trials, of each part by itself."""
    parts = [name for name in trials[0] if name != "model"]
    least = {name: min((trial[name] for trial in trials), key=lambda cost: cost["cpu_s"]) for name in parts}
    return {"model": trials[0]["model"], **least}


def make_store(root: Path, size: float) -> None:
    """A store of about `size` bytes, of made-up taps."""
    files = [[f"{batch}-{number}.wav" for number in range(100)] for batch in range(BATCHES)]
    rows = int(size / (FOLDERS * TAPS * BATCHES * 4 * DIM)) // 100 * 100
    block = np.random.default_rng(0).standard_normal((rows, DIM), dtype=np.float32)
    taps = {(f"block{number}", 160): DIM for number in range(TAPS)}
    for number in range(FOLDERS):
        folder = TapFolder(root / f"{number:016x}" / ("b" * 16) / "train" / "t50")
        with Extraction.begin(folder, taps, files, {"embedder": "made-up", "clips": "noise/train"}) as extraction:
            for batch in files:
                block += 1
                extraction.append(dict.fromkeys(taps, block), [rows // 100] * len(batch), np.arange(rows) * 50.0)
            extraction.finish()


def cost_of_a_check(root: Path, size: float) -> dict[str, Any]:
    """Seconds of a full check of a store, beside those of reading its files and of hashing as much in memory.

    Files are not in the system's cache when they are read or checked. CPU seconds are of the least trial, too.
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
    least = {name: min(took) for name, took in seconds.items()}
    costs = {name: {"s": round(took, 2), "cpu_s": round(cpu, 2)} for name, (took, cpu) in least.items()}
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
    """Have the system drop what it keeps of these files in memory."""
    for path in files:
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


@click.command(help=__doc__.splitlines()[0])
@click.option("--gigabytes", default=10.0, show_default=True, help="The size of the large store.")
@click.option("--work", type=PATH, required=True, help="An empty folder.")
@click.option("--out", type=PATH, required=True, help="The JSON file to write.")
def main(gigabytes: float, work: Path, out: Path) -> None:
    torch.set_num_threads(1)
    work.mkdir(parents=True, exist_ok=True)
    task = make_task(work / "noise-v1")
    runs = [best([cost_of_sums(task, model, work / "run") for _ in range(trials)]) for model, trials in MODELS.items()]
    shutil.rmtree(task)
    store = work / "store"
    try:
        full_check = cost_of_a_check(store, gigabytes * 1e9)
    finally:
        shutil.rmtree(store, ignore_errors=True)
    command = f"python -m tests.campaigns.integrity --gigabytes {gigabytes:g}"
    clips = {"clips": sum(CLIPS.values()), "seconds_each": CLIP_SECONDS, "rate": RATE}
    about = {"command": command, "device": machine("cpu"), "versions": versions(), "load": os.getloadavg()[0]}
    write_json(out, {**about, "task": clips, "runs": runs, "full_check": full_check})


if __name__ == "__main__":
    main()
