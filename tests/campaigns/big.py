"""A run on a made-up task of any size: its peak of memory, and where the time goes."""

import dataclasses
import os
import tempfile
import time
from pathlib import Path
from typing import Any

import click
import pandas as pd

from ablations.benchmarks.record import Record, command_line
from ablations.runs.run import run_study
from ablations.store.listing import store_table
from ablations.study.study import Study
from ablations.system import memory
from ablations.system.compute import Machine
from ablations.system.machine import choose_device
from ablations.terminal.options import DEVICE, PATH
from ablations.units.where import Where
from downstream.progress import Track, silent
from results.rows.rows import read_rows
from tests.campaigns import big_tasks, stages

SPEC = {"checkpoint": "passt_demo", "weights": "untrained-0"}
PROTOCOL = "hear2021"


def measure(
    kind: str,
    work: Path,
    *,
    clips: int | None = None,
    seconds: float | None = None,
    model: dict[str, Any] | None = None,
    protocol: str = PROTOCOL,
    max_epochs: int | None = None,
    device: str = "cpu",
    precision: str | None = None,
    track: Track = silent,
) -> Record:
    """Measure extraction and probes of one model on a made-up task, with an empty store.

    Args:
        kind: scenes or events.
        work: a folder for task, store and rows; a task that it has is used again.
        clips: how many, None as in `big_tasks.SIZES`.
        seconds: of a clip, None as in `big_tasks.SIZES`.
        model: a model of a study; None is the small network, untrained.
        protocol: of the probes.
        max_epochs: of a probe, None for HEAR's 500.
        device: cpu or cuda.
        precision: of the network; None is fp32.

    Raises:
        ValueError: for fewer clips than splits, or a store that exists.
    """
    changes = {name: value for name, value in (("clips", clips), ("seconds", seconds)) if value is not None}
    size = dataclasses.replace(big_tasks.SIZES[kind], **changes)
    if size.clips < len(size.splits) or size.seconds < 1:
        raise ValueError(f"expected {len(size.splits)} clips of 1 s at least, got {size.clips} of {size.seconds:g} s")
    if (work / "store").exists():
        raise ValueError(f"{work / 'store'}: is there already; a measurement begins with nothing")
    task = big_tasks.make(size, work / "tasks", max_epochs=max_epochs, track=track)
    declared = {"name": f"big_{kind}", "models": [model or SPEC], "tasks": [str(task)], "protocol": protocol}
    study = Study.from_dict(declared)
    memory.give_back()
    before = memory.anonymous(memory.tree(os.getpid()))
    start = time.perf_counter()
    with stages.timed() as clock, memory.watched(clock.running) as peak:
        outcome = run_study(study, Where(work / "runs", work / "store"), Machine(device, precision), track=track)
    total = time.perf_counter() - start
    if outcome.failures:
        raise ValueError(str(outcome.failures[0]))
    rows, taps = read_rows(outcome.folder), store_table(work / "store")
    facts = {
        "spec": rows["spec"].iloc[0],
        "clips": size.clips,
        "seconds_of_sound": size.clips * size.seconds,
        "rows_of_a_tap": int(taps["rows"].sum()),
        "store_mb": float(taps["bytes"].sum() / 1e6),
        "folds": int(rows["fold"].nunique()),
        "score": float(rows.loc[rows["primary"], "score"].mean()),
        "seconds": total,
        "stage_seconds": clock.seconds,
        "peak_anonymous_mb": peak.bytes / 1e6,
        "before_mb": before / 1e6,
        "peak_during": list(peak.during),
        "processes": peak.processes,
    }
    table = pd.DataFrame(clock.seconds.items(), columns=["stage", "seconds"])
    table["share of the run"] = table["seconds"] / total
    epochs = "" if max_epochs is None else f", {max_epochs} epochs at most"
    what = (
        f"{size.clips} made-up clips of {size.seconds:g} s, {size.labels} labels, {size.metric}, "
        f"{len(size.splits)} splits, {protocol}{epochs}"
    )
    lines = [
        f"{total:.0f} s; store {facts['store_mb']:.0f} MB; anonymous memory at its highest "
        f"{facts['peak_anonymous_mb']:.0f} MB, {facts['before_mb']:.0f} MB before, "
        f"during {' and '.join(peak.during) or 'nothing that is timed'}"
    ]
    return Record(what, facts=facts, table=table, lines=lines, device=device)


def run(
    kind: str,
    checkpoint: str,
    weights: str,
    limit_gb: float,
    work: Path | None,
    device: str | None,
    track: Track,
    **options: Any,
) -> Record:
    """Run extraction and probes on a made-up task: many short clips (scenes), or long ones with events.

    Anonymous memory is summed over all processes; the time is split into reading, mel, network, writing, probes.
    """
    model, device = {"checkpoint": checkpoint, "weights": weights}, choose_device(device)
    with tempfile.TemporaryDirectory() as temporary:
        record = measure(kind, work or Path(temporary), model=model, device=device, track=track, **options)
    peak_mb = record.facts["peak_anonymous_mb"]
    failure = f"{peak_mb:.0f} MB of anonymous memory, expected at most {limit_gb:g} GB"
    return dataclasses.replace(record, failure=failure if peak_mb > 1000 * limit_gb else "")


main = command_line(
    run,
    "python -m tests.campaigns.big",
    click.argument("kind", type=click.Choice(list(big_tasks.SIZES))),
    click.option("--clips", type=int, help="How many  [default: 50,000 scenes, 185 with events]"),
    click.option("--seconds", type=float, help="Of a clip  [default: 1 of a scene, 120 with events]"),
    click.option("--checkpoint", default=SPEC["checkpoint"], show_default=True, help="The model."),
    click.option("--weights", default=SPEC["weights"], show_default=True, help="Its weights."),
    click.option("--protocol", default=PROTOCOL, show_default=True, help="Of the probes."),
    click.option("--max-epochs", type=int, help="Of a probe  [default: HEAR's 500]"),
    click.option("--limit-gb", default=4.0, show_default=True, help="More memory ends with exit status 1."),
    click.option("--work", type=PATH, help="A folder to be kept  [default: a temporary one]"),
    DEVICE,
)

if __name__ == "__main__":
    main()
