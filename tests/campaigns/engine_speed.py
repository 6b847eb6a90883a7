"""How long a probe-heavy study takes by each engine: in this process, and by Ray with some numbers of workers."""

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pandas as pd
import torch

from ablations.cli.progress import bars, terminal
from ablations.engines.ray.engine import RayEngine
from ablations.runs.run import run_study
from ablations.study.study import Study
from ablations.system.compute import Machine
from ablations.system.errors import NewFile, one_line_errors
from ablations.system.machine import machine, versions
from ablations.units.where import Where
from downstream.disk.files import write_json
from downstream.progress import Track, silent
from results.rows.rows import RESULT_COLUMNS, read_rows

MODELS = ({"checkpoint": "logmel"}, {"checkpoint": "melproj"}, {"checkpoint": "crepe_tiny"})
TASKS = ("spoken_digit", "digit_soundscapes")
HOP_MS = 200
DEVICE = "cpu"
COLUMNS = {
    "engine": "",
    "workers": "processes",
    "seconds": "of the whole run, start and end of Ray within; embeddings were in the store",
    "of_first": "seconds over those of one worker",
    "same_scores": "as in this process; another number of threads may round otherwise",
}


def engine_speed(
    counts: Sequence[int] = (1, 2),
    *,
    seeds: int = 2,
    tasks: Sequence[str] = TASKS,
    protocol: str = "hear2021",
    track: Track = silent,
) -> dict[str, Any]:
    """Run the packaged tasks under floors and CREPE, first for their embeddings, then once by each engine, on the CPU.

    Args:
        counts: of Ray workers, at least one number. seeds: each is all probes anew.

    Returns:
        A record to be written as JSON; its `rows` have the columns of `COLUMNS`.

    Raises:
        ValueError: where Ray is not installed, or a count is below 1.
    """
    workers = [RayEngine(count) for count in counts]
    declared = _study(tuple(tasks), tuple(range(seeds)), protocol)
    with tempfile.TemporaryDirectory() as folder, track("benchmark", 2 + len(workers)) as advance:
        store = Path(folder) / "store"
        _run(_study(tuple(tasks), (0,), "hear2021+grid1"), Path(folder) / "extraction", store, None)
        advance(1)
        timed = []
        for number, engine in enumerate([None, *workers]):
            timed.append(_run(declared, Path(folder) / f"runs{number}", store, engine))
            advance(1)
    rows = [_row(engine, run, timed) for engine, run in zip([None, *workers], timed, strict=True)]
    return {
        "what": f"{len(MODELS)} models on {' and '.join(tasks)}, {seeds} seeds, protocol {protocol}",
        "device": machine(DEVICE),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "columns": COLUMNS,
        "rows": rows,
    }


def to_markdown(found: dict[str, Any]) -> str:
    """The rows of a record as a table, and what they are of."""
    table = pd.DataFrame(found["rows"])[list(COLUMNS)]
    text = table.astype(object).where(table.notna(), None)
    return f"{text.to_markdown(index=False, floatfmt='.3g', missingval='')}\n\n{found['what']}"


def _study(tasks: tuple[str, ...], seeds: tuple[int, ...], protocol: str) -> Study:
    models = [{**model, "timestamp_hop_ms": HOP_MS} for model in MODELS]
    return Study.from_dict(
        {"name": "engines", "models": models, "tasks": list(tasks), "seeds": list(seeds), "protocol": protocol}
    )


def _run(study: Study, runs: Path, store: Path, workers: RayEngine | None) -> tuple[float, pd.DataFrame]:
    """Seconds, and what came out."""
    start = time.perf_counter()
    outcome = run_study(study, Where(runs, store), Machine(DEVICE), engine=workers)
    if outcome.failures:
        raise ValueError(f"the benchmark's study failed: {outcome.failures[0]}")
    return time.perf_counter() - start, read_rows(outcome.folder)[list(RESULT_COLUMNS)]


def _row(
    workers: RayEngine | None, run: tuple[float, pd.DataFrame], runs: Sequence[tuple[float, pd.DataFrame]]
) -> dict[str, Any]:
    (_, here), (first, _) = runs[:2]
    return {
        "engine": "Ray" if workers else "this process",
        "workers": workers.count if workers else 1,
        "seconds": run[0],
        "of_first": run[0] / first if workers else None,
        "same_scores": run[1].equals(here),
    }


@click.command()
@click.option("--workers", "counts", type=int, multiple=True, default=(1, 2), show_default=True, help="Ray workers.")
@click.option("--seeds", type=click.IntRange(1), default=2, show_default=True, help="How many times all probes.")
@click.option("--out", type=NewFile(), help="A JSON file to write.")
@one_line_errors
def main(counts: tuple[int, ...], seeds: int, out: Path | None) -> None:
    """Measure how long a probe-heavy study takes in this process and by Ray workers that share the cores (minutes)."""
    with bars(terminal()) as track:
        found = engine_speed(counts, seeds=seeds, track=track)
    click.echo(to_markdown(found))
    if out:
        words = [
            "python -m tests.campaigns.engine_speed",
            *(f"--workers {count}" for count in counts),
            f"--seeds {seeds}",
        ]
        write_json(out, {"command": " ".join(words), **found})


if __name__ == "__main__":
    main()
