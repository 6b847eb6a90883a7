"""Time of a probe-heavy study by each engine: in this process, and by Ray with several numbers of workers."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd

from ablations.benchmarks.record import Record, command_line
from ablations.engines.ray.engine import RayEngine
from ablations.runs.run import run_study
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.units.where import Where
from downstream.progress import Track, silent
from results.rows.rows import RESULT_COLUMNS, read_rows

MODELS = ({"checkpoint": "logmel"}, {"checkpoint": "melproj"}, {"checkpoint": "crepe_tiny"})
TASKS = ("digits", "digit_events")
HOP_MS = 200
COLUMNS = {
    "engine": "",
    "workers": "processes",
    "seconds": "of the whole run, start and end of Ray within; embeddings were in the store",
    "of_first": "seconds over those of one worker",
    "same_scores": "as in this process; another number of threads may round otherwise",
}


def measure(
    workers: Sequence[int] = (1, 2),
    seeds: int = 2,
    *,
    tasks: Sequence[str] = TASKS,
    protocol: str = "hear2021",
    track: Track = silent,
) -> Record:
    """Measure how long a probe-heavy study takes in this process and by Ray workers that share the cores (minutes).

    The study has floors and CREPE on packaged tasks, on the CPU. Embeddings are extracted first.

    Args:
        workers: numbers of Ray workers, at least one.
        seeds: how many times all probes are trained.
        tasks: names of packaged tasks.
        protocol: of the probes.

    Raises:
        ValueError: if Ray is not installed, or a number of workers is below 1.
    """
    engines = [None, *map(RayEngine, workers)]
    with tempfile.TemporaryDirectory() as folder, track("benchmark", 1 + len(engines)) as advance:
        store, runs = Path(folder) / "store", []
        _run(_study(tasks, 1, "hear2021+grid1"), Path(folder) / "extraction", store, None)
        advance(1)
        for number, engine in enumerate(engines):
            runs.append(_run(_study(tasks, seeds, protocol), Path(folder) / f"runs{number}", store, engine))
            advance(1)
    (_, scores), (first_seconds, _) = runs[:2]
    rows = [
        {
            "engine": "Ray" if engine else "this process",
            "workers": engine.count if engine else 1,
            "seconds": seconds,
            "of_first": seconds / first_seconds if engine else None,
            "same_scores": run_scores.equals(scores),
        }
        for engine, (seconds, run_scores) in zip(engines, runs, strict=True)
    ]
    return Record(f"{len(MODELS)} models on {' and '.join(tasks)}, {seeds} seeds, protocol {protocol}", rows, COLUMNS)


def _study(tasks: Sequence[str], seeds: int, protocol: str) -> Study:
    models: list[dict[str, Any]] = [{**model, "timestamp_hop_ms": HOP_MS} for model in MODELS]
    declared = {"name": "engines", "models": models, "tasks": list(tasks), "seeds": list(range(seeds))}
    return Study.from_dict({**declared, "protocol": protocol})


def _run(study: Study, runs: Path, store: Path, workers: RayEngine | None) -> tuple[float, pd.DataFrame]:
    """Run a study; return its seconds and its scores."""
    start = time.perf_counter()
    outcome = run_study(study, Where(runs, store), Machine("cpu"), engine=workers)
    if outcome.failures:
        raise ValueError(f"the benchmark's study failed: {outcome.failures[0]}")
    return time.perf_counter() - start, read_rows(outcome.folder)[list(RESULT_COLUMNS)]


main = command_line(
    measure,
    "python -m tests.campaigns.engine_speed",
    click.option("--workers", type=int, multiple=True, default=(1, 2), show_default=True, help="Ray workers."),
    click.option("--seeds", type=click.IntRange(1), default=2, show_default=True, help="How many times all probes."),
)

if __name__ == "__main__":
    main()
